"""What a test sees of an ended session, and what it expects, so that comparing the two reads like a sentence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from .._base.messages import End, Reason

TOLERANCE = 0.25
"""Seconds by which a length may be off: the player acts between two frames, and the game sees it in the next."""


@dataclass(frozen=True, slots=True, repr=False)
class SeenEnd:
    """An end as it was delivered: `gs_player.ends[0].script_data["lives"]`.

    `active`: seconds of play, `wall`: seconds from start to end, `started_at`: Unix time. `number`: the session's, per
    installation.
    """

    session_id: str
    number: int | None
    previous_id: str | None
    installation_id: str
    player_id: str
    started_at: float
    active: float
    wall: float
    reason: str
    script_data: Mapping[str, Any]

    @classmethod
    def of(cls, end: End) -> SeenEnd:
        """What a test sees of this one."""
        values = {field.name: getattr(end, field.name) for field in fields(cls)}
        return cls(**{**values, "script_data": json.loads(end.script_data)})

    @property
    def ended_at(self) -> float:
        """Unix time."""
        return self.started_at + self.wall

    def __repr__(self) -> str:
        lengths = {"active": f"{self.active:.2f} s", "wall": f"{self.wall:.2f} s"}
        return _words(self.reason, self.number, lengths, self.script_data)


class containing:
    """Equal to a dictionary in which these are; there may be more.

        assert gs_player.ends == [ended("quit", script_data=containing(lives=3))]

    Keys that are no names go into a dictionary: `containing({"best-of": 3})`. It may stand within another.
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, values: Mapping[str, Any] | None = None, /, **more: Any) -> None:
        self._values = {**(values or {}), **more}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        return all(key in other and other[key] == value for key, value in self._values.items())

    def __repr__(self) -> str:
        return f"containing({self._values})"


class ended:
    """Equal to an end of this reason, and of what else is given.

        assert gs_player.ends == [ended("background", active=10), ended("quit", active=5, wall=25)]

    `active`: seconds of play, `wall`: seconds from start to end; both may be off by `within` seconds. `number`: the
    session's, per installation. `script_data`: all of it, or `containing` some.
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(
        self,
        reason: Reason,
        *,
        active: float | None = None,
        wall: float | None = None,
        number: int | None = None,
        script_data: Mapping[str, Any] | containing | None = None,
        within: float = TOLERANCE,
    ) -> None:
        self._reason = reason
        self._lengths = {"active": active, "wall": wall}
        self._number = number
        self._script_data = script_data
        self._within = within

    def __eq__(self, other: object) -> bool:
        if isinstance(other, End):
            other = SeenEnd.of(other)
        if not isinstance(other, SeenEnd):
            return NotImplemented
        return (
            other.reason == self._reason
            and self._number in (None, other.number)
            and all(
                expected is None or abs(getattr(other, name) - expected) <= self._within
                for name, expected in self._lengths.items()
            )
            and (self._script_data is None or other.script_data == self._script_data)
        )

    def __repr__(self) -> str:
        lengths = {name: f"{value:g}±{self._within:g} s" for name, value in self._lengths.items() if value is not None}
        return _words(self._reason, self._number, lengths, self._script_data)


def compared(seen: list[Any], expected: list[Any]) -> list[str] | None:
    """The lines in which a failed comparison of ends says what was seen instead; None if these are no ends."""
    if not any(isinstance(end, End | SeenEnd | ended) for end in seen + expected):
        return None
    if any(isinstance(end, ended) for end in seen):
        seen, expected = expected, seen
    return [
        "the sessions ended otherwise",
        *_listed("seen", seen),
        *_listed("expected", expected),
    ]


def _listed(title: str, ends: list[Any]) -> list[str]:
    told = [SeenEnd.of(end) if isinstance(end, End) else end for end in ends]
    return [f"{title}:", *(f"  {end!r}" for end in told)] if ends else [f"{title}: no end"]


def _words(
    reason: str, number: int | None, lengths: Mapping[str, str], script_data: Mapping[str, Any] | containing | None
) -> str:
    words = [f"ended ({reason})"]
    if number is not None:
        words.append(f"number {number}")
    words += [f"{name} {length}" for name, length in lengths.items()]
    if script_data:
        words.append(f"script_data {script_data}")
    return ", ".join(words)
