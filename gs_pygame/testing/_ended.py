"""What a test expects of an ended session, so that comparing it with what was delivered reads like a sentence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .._base.messages import End, Reason

TOLERANCE = 0.25
"""Seconds by which a length may be off: the player acts between two frames, and the game sees it in the next."""


class ended:
    """Equal to an end of this reason, and of what else is given.

        assert gs_player.ends == [ended("background", active=10), ended("quit", active=5, wall=25)]

    `active`: seconds of play, `wall`: seconds from start to end; both may be off by `within` seconds. `number`: the
    session's, per installation. `script_data`: what must be in it; there may be more.
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(
        self,
        reason: Reason,
        *,
        active: float | None = None,
        wall: float | None = None,
        number: int | None = None,
        script_data: Mapping[str, Any] | None = None,
        within: float = TOLERANCE,
    ) -> None:
        self._reason = reason
        self._lengths = {"active": active, "wall": wall}
        self._number = number
        self._script_data = script_data or {}
        self._within = within

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, End):
            return NotImplemented
        sent = json.loads(other.script_data)
        return (
            other.reason == self._reason
            and self._number in (None, other.number)
            and all(
                expected is None or abs(getattr(other, name) - expected) <= self._within
                for name, expected in self._lengths.items()
            )
            and all(name in sent and sent[name] == value for name, value in self._script_data.items())
        )

    def __repr__(self) -> str:
        lengths = {name: f"{value:g}±{self._within:g} s" for name, value in self._lengths.items() if value is not None}
        return _words(self._reason, self._number, lengths, self._script_data)


def told(end: object) -> str:
    """An end, or what was expected of one, as a line to read."""
    if not isinstance(end, End):
        return repr(end)
    lengths = {"active": f"{end.active:.2f} s", "wall": f"{end.wall:.2f} s"}
    return _words(end.reason, end.number, lengths, json.loads(end.script_data))


def compared(seen: list[Any], expected: list[Any]) -> list[str] | None:
    """The lines in which a failed comparison of ends says what was seen instead; None if these are no ends."""
    if not any(isinstance(end, End | ended) for end in seen + expected):
        return None
    if any(isinstance(end, ended) for end in seen):
        seen, expected = expected, seen
    return [
        "the sessions ended otherwise",
        *_listed("seen", seen),
        *_listed("expected", expected),
    ]


def _listed(title: str, ends: list[Any]) -> list[str]:
    return [f"{title}:", *(f"  {told(end)}" for end in ends)] if ends else [f"{title}: no end"]


def _words(reason: str, number: int | None, lengths: Mapping[str, str], script_data: Mapping[str, Any]) -> str:
    words = [f"ended ({reason})"]
    if number is not None:
        words.append(f"number {number}")
    words += [f"{name} {length}" for name, length in lengths.items()]
    if script_data:
        words.append(f"script_data {dict(script_data)}")
    return ", ".join(words)
