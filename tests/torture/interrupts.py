"""Raises Ctrl-C between any two bytecodes of gs_pygame in this thread."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import gs_pygame

_PACKAGE = str(Path(gs_pygame.__file__).parent)
_OUTSIDE = tuple(str(Path(_PACKAGE, room)) for room in ("testing", "cli", "server"))

Point = Callable[[CodeType, int], None]
"""Told of a bytecode that comes next: its code, and where in it."""


class Interrupter:
    """Counts the points in what it calls, and raises KeyboardInterrupt at number `at` (from 1 on; 0: at none).

    A point is before each bytecode of a function in a file of gs_pygame that a game ships.
    """

    def __init__(self, at: int = 0) -> None:
        self.at = at
        self.points = 0
        self.where = ""

    def call(self, deed: Callable[[], object]) -> None:
        """Raises what `deed` raises, and KeyboardInterrupt."""
        with _watched(self._point):
            deed()

    def _point(self, code: CodeType, offset: int) -> None:
        self.points += 1
        if self.points == self.at:
            line = next((line for begin, end, line in code.co_lines() if begin <= offset < end), None)
            self.where = f"{getattr(code, 'co_qualname', code.co_name)}:{line} of {Path(code.co_filename).name}"
            raise KeyboardInterrupt


@cache
def _is_ours(code: CodeType) -> bool:
    return code.co_filename.startswith(_PACKAGE) and not code.co_filename.startswith(_OUTSIDE)


if sys.version_info >= (3, 12):  # whose sys.settrace does not see the bytecodes of a function's first call

    @contextmanager
    def _watched(point: Point) -> Iterator[None]:
        monitoring, tool, thread = sys.monitoring, 3, threading.get_ident()  # 3 is nobody's by the documentation
        event = monitoring.events.INSTRUCTION

        def instruction(code: CodeType, offset: int) -> object:
            if not _is_ours(code):
                return monitoring.DISABLE
            if threading.get_ident() == thread:
                point(code, offset)
            return None

        monitoring.use_tool_id(tool, "interrupts")
        try:
            monitoring.register_callback(tool, event, instruction)
            monitoring.set_events(tool, event)
            yield
        finally:
            monitoring.set_events(tool, 0)
            monitoring.register_callback(tool, event, None)
            monitoring.free_tool_id(tool)

else:

    @contextmanager
    def _watched(point: Point) -> Iterator[None]:
        def called(frame: FrameType, event: str, argument: Any) -> Any:
            if not _is_ours(frame.f_code):
                return None
            frame.f_trace_opcodes = True
            frame.f_trace_lines = False
            return in_frame

        def in_frame(frame: FrameType, event: str, argument: Any) -> Any:
            if event == "opcode":
                point(frame.f_code, frame.f_lasti)
            return in_frame

        sys.settrace(called)
        try:
            yield
        finally:
            sys.settrace(None)
