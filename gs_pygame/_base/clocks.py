"""What time it is, on three clocks; how work is repeated in time; how long to wait before the next try.

| clock     | while the computer sleeps | can be set by the user | used for                     |
|-----------|---------------------------|------------------------|------------------------------|
| `wall`    | runs on                   | yes                    | the date of a session's start |
| `active`  | stands still              | no                     | the length of play           |
| `elapsed` | runs on                   | no                     | the grace, the length away   |

Beside them `worked`, the processor time that this process has used: it tells a process that was busy from one that was
stopped.

Sources: Linux `clock_gettime(2)` (MONOTONIC stops in suspend, BOOTTIME does not); macOS `mach_absolute_time` (stops; it
is what `time.monotonic` reads) and CLOCK_MONOTONIC (runs on); Windows `QueryUnbiasedInterruptTime` (stops) and
`time.monotonic` (runs on).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from .patience import BACKOFF_BASE, BACKOFF_CAP
from .threads import Bell, ThreadWorker, Turn


@dataclass(frozen=True, slots=True)
class Instant:
    """One moment on the three clocks, each in seconds. Only `wall` (Unix time) has a known zero.

    `worked`: seconds of processor time that this process has used by then, in all its threads.
    """

    wall: float
    active: float
    elapsed: float
    worked: float = 0.0


class Worker(Protocol):
    """Something that repeats a turn: a thread in a game, the fake clock in a test."""

    def start(self) -> None:
        """Begin; without effect if it has begun, or has been stopped. Never raises."""
        ...

    def wake(self) -> None:
        """Have the next turn now. Any thread."""
        ...

    def stop(self, timeout: float) -> bool:
        """No more turns; wait at most `timeout` seconds for the present one. True if it has ended, and is closed."""
        ...


class Clock(Protocol):
    """Where the plugin takes its time from. `gs_pygame.testing.FakeClock` is the one that a test moves."""

    def now(self) -> Instant:
        """The present moment. Any thread."""
        ...

    def tick(self) -> float:
        """Seconds since whenever, as cheap as can be: every hooked call of a game asks. Any thread."""
        ...

    def worker(self, name: str, turn: Turn, close: Callable[[], None]) -> Worker:
        """Once it is started, repeat `turn` until stopped; `close` is called once, after the last turn."""
        ...

    def wait(self, bell: Bell, timeout: float) -> bool:
        """Wait at most `timeout` seconds for `bell`; True if it rang."""
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
        self.tick = time.monotonic

    def now(self) -> Instant:
        return Instant(time.time(), self._active(), self._elapsed(), time.process_time())

    def worker(self, name: str, turn: Turn, close: Callable[[], None]) -> Worker:
        return ThreadWorker(name, turn, close)

    def wait(self, bell: Bell, timeout: float) -> bool:
        return bell.wait(timeout)


class Backoff:
    """Exponential, with full jitter: it spreads the tries of many games evenly after an outage (AWS Architecture Blog,
    "Exponential Backoff And Jitter", 2015). `random` returns a float in [0, 1).
    """

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._tries = 0

    def next(self) -> float:
        """Seconds to wait after one more failure."""
        ceiling = min(BACKOFF_CAP, BACKOFF_BASE * 2.0 ** min(self._tries, 16))
        self._tries += 1
        return self._random() * ceiling

    def reset(self) -> None:
        """The network is back, or may well be."""
        self._tries = 0
