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

import logging
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ._patience import AFTER_A_FAULT, BACKOFF_BASE, BACKOFF_CAP

log = logging.getLogger("gs_pygame")


@dataclass(frozen=True, slots=True)
class Instant:
    """One moment on the three clocks, each in seconds. Only `wall` (Unix time) has a known zero.

    `worked`: seconds of processor time that this process has used by then, in all its threads.
    """

    wall: float
    active: float
    elapsed: float
    worked: float = 0.0


Turn = Callable[[], "float | None"]
"""One pass of a loop. Returns the seconds until the next one is due, or None to sleep until woken."""


class Worker(Protocol):
    """Something that repeats a turn: a thread in a game, the fake clock in a test."""

    def wake(self) -> None:
        """Have the next turn now. Any thread."""
        ...

    def stop(self, timeout: float) -> bool:
        """No more turns; wait at most `timeout` seconds for the present one. True if it has ended."""
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


class ThreadWorker:
    """Runs `turn` again and again in a daemon thread; `close` runs in the same thread, last."""

    def __init__(self, name: str, turn: Turn, close: Callable[[], None]) -> None:
        self._turn = turn
        self._close = close
        self._bell = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=f"gs_pygame-{name}", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        self._bell.set()

    def stop(self, timeout: float) -> bool:
        self._stopping = True
        self._bell.set()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        faulted = False
        while not self._stopping:
            try:
                delay = self._turn()
            except Exception:
                if not faulted:
                    log.exception("gs_pygame: %s had an unexpected fault; it goes on", self._thread.name)
                faulted = True
                delay = AFTER_A_FAULT
            if delay != 0.0:
                self._bell.wait(delay)
                self._bell.clear()
        try:
            self._close()
        except Exception:
            log.exception("gs_pygame: %s could not be closed cleanly", self._thread.name)


class SystemClock:
    """The computer's own clocks; workers are daemon threads."""

    def __init__(self) -> None:
        self._active, self._elapsed = system_sources()
        self.tick = time.monotonic

    def now(self) -> Instant:
        return Instant(time.time(), self._active(), self._elapsed(), time.process_time())

    def worker(self, name: str, turn: Turn, close: Callable[[], None]) -> Worker:
        return ThreadWorker(name, turn, close)

    def wait(self, event: threading.Event, timeout: float) -> bool:
        return event.wait(timeout)


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
