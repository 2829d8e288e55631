"""What time it is, on three clocks, and how work is repeated in time.

| clock     | while the computer sleeps | can be set by the user | used for                     |
|-----------|---------------------------|------------------------|------------------------------|
| `wall`    | runs on                   | yes                    | the date of a session's start |
| `active`  | stands still              | no                     | the length of play           |
| `elapsed` | runs on                   | no                     | the grace, the length away   |

Sources: Linux `clock_gettime(2)` (MONOTONIC stops in suspend, BOOTTIME does not); macOS `mach_absolute_time` (stops; it
is what `time.monotonic` reads) and CLOCK_MONOTONIC (runs on); Windows `QueryUnbiasedInterruptTime` (stops) and
`time.monotonic` (runs on).
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ._worker import ThreadWorker, Turn, Worker


@dataclass(frozen=True, slots=True)
class Instant:
    """One moment on the three clocks, each in seconds. Only `wall` (Unix time) has a known zero."""

    wall: float
    active: float
    elapsed: float


class Clock(Protocol):
    """Where the plugin takes its time from. `gs_pygame.testing.FakeClock` is the one that a test moves."""

    def now(self) -> Instant:
        """The present moment. Any thread."""
        ...

    def worker(self, name: str, turn: Turn, close: Callable[[], None]) -> Worker:
        """Repeat `turn` until stopped; `close` is called once, after the last turn."""
        ...

    def wait(self, event: threading.Event, timeout: float) -> bool:
        """Wait at most `timeout` seconds for `event`; True if it was set."""
        ...


def _windows_active() -> Callable[[], float]:
    import ctypes

    value = ctypes.c_ulonglong()
    query = ctypes.windll.kernel32.QueryUnbiasedInterruptTime  # type: ignore[attr-defined,unused-ignore]
    pointer = ctypes.byref(value)

    def active() -> float:
        query(pointer)
        return value.value * 1e-7  # counts 100 ns

    return active


def system_sources(platform: str = sys.platform) -> tuple[Callable[[], float], Callable[[], float]]:
    """The functions that read the active and the elapsed clock on `platform` (a value of `sys.platform`)."""
    if platform == "win32":
        return _windows_active(), time.monotonic
    runs_on = getattr(time, "CLOCK_MONOTONIC" if platform == "darwin" else "CLOCK_BOOTTIME", None)
    if runs_on is None:
        return time.monotonic, time.time
    return time.monotonic, lambda: time.clock_gettime(runs_on)


class SystemClock:
    """The computer's own clocks; workers are daemon threads."""

    def __init__(self) -> None:
        self._active, self._elapsed = system_sources()

    def now(self) -> Instant:
        return Instant(time.time(), self._active(), self._elapsed())

    def worker(self, name: str, turn: Turn, close: Callable[[], None]) -> Worker:
        return ThreadWorker(name, turn, close)

    def wait(self, event: threading.Event, timeout: float) -> bool:
        return event.wait(timeout)
