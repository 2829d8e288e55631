"""What the plugin says while a game is played: a warning that no test expects fails the test."""

from __future__ import annotations

import contextlib
import logging
import re
import sys
from collections.abc import Iterator
from typing import Any

from .._base.log import log

_TOLD = re.compile("; kept, and tried again later$|^the end of session .* is rejected, and kept: ")
"""What the destination answers is what the test told it to."""


class Heard:
    """Warnings and worse, with what was raised. Any thread."""

    def __init__(self) -> None:
        self._said: list[tuple[str, BaseException | None]] = []
        self._expected: list[tuple[re.Pattern[str], list[str]]] = []

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Within it everything is heard, whatever the game does with its log. Who listens last is told."""

        def say(level: int, msg: object, *args: object, **kwargs: Any) -> None:
            if level >= logging.WARNING:
                self._hear(str(msg) % args if args else str(msg), sys.exc_info()[1], bool(kwargs.get("exc_info")))
            type(log).log(log, level, msg, *args, **kwargs)

        before = vars(log).get("log")
        vars(log)["log"] = say
        try:
            yield
        finally:
            if before is None:
                del vars(log)["log"]
            else:
                vars(log)["log"] = before

    @contextlib.contextmanager
    def expecting(self, match: str) -> Iterator[None]:
        """Within it what matches is meant. Raises AssertionError if nothing did."""
        __tracebackhide__ = True
        found: list[str] = []
        expected = re.compile(match), found
        self._expected.append(expected)
        try:
            yield
        finally:
            self._expected.remove(expected)
        if not found:
            self.verdict()
            raise AssertionError(f"gs_pygame was expected to warn of {match!r}, and did not")

    def verdict(self) -> None:
        """Raises AssertionError if there was a warning that is not meant; from what the game's own function raised."""
        __tracebackhide__ = True
        said, self._said = self._said, []
        if said:
            lines = "".join(f"\n  {line}" for line in dict.fromkeys(text for text, _ in said))
            cause = next((error for _, error in said if error is not None), None)
            raise AssertionError(
                f"gs_pygame warned of what players would not see:{lines}\n"
                'where it is meant, play it in: with gs_player.expects_warning("..."):'
            ) from cause

    def _hear(self, text: str, handled: BaseException | None, raised: bool) -> None:
        text = text.removeprefix("gs_pygame: ")
        if raised and handled is not None:
            text = f"{text}: {handled!r}"
        if _TOLD.search(text):
            return
        meant = [found for expected, found in self._expected if expected.search(text)]
        for found in meant:
            found.append(text)
        if not meant:
            is_cause = handled is not None and (raised or str(handled) in text)
            self._said.append((text, handled if is_cause else None))
