"""Raises Ctrl-C between any two bytecodes of gs_pygame in this thread."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import gs_pygame

_PACKAGE = str(Path(gs_pygame.__file__).parent)
_OUTSIDE = tuple(str(Path(_PACKAGE, room)) for room in ("testing", "cli", "server"))


class Interrupter:
    """Counts the points in what it calls, and raises KeyboardInterrupt at number `at` (from 1 on; 0: at none).

    A point is before each bytecode of a frame in a file of gs_pygame that a game ships.
    """

    def __init__(self, at: int = 0) -> None:
        self.at = at
        self.points = 0
        self.where = ""

    def call(self, deed: Callable[[], object]) -> None:
        """Raises what `deed` raises, and KeyboardInterrupt."""
        sys.settrace(self._trace)
        try:
            deed()
        finally:
            sys.settrace(None)

    def _trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        name = frame.f_code.co_filename
        if not name.startswith(_PACKAGE) or name.startswith(_OUTSIDE):
            return None
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        return self._in_frame

    def _in_frame(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "opcode":
            self.points += 1
            if self.points == self.at:
                self.where = f"{frame.f_code.co_qualname if sys.version_info >= (3, 11) else frame.f_code.co_name}"
                self.where += f":{frame.f_lineno} of {Path(frame.f_code.co_filename).name}"
                raise KeyboardInterrupt
        return self._in_frame
