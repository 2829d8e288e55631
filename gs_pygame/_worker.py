"""A daemon thread that owns its loop, its wake-up and its stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Protocol

log = logging.getLogger("gs_pygame")

Turn = Callable[[], "float | None"]
"""One pass of a loop. Returns the seconds until the next one is due, or None to sleep until woken."""

_AFTER_A_FAULT = 5.0  # seconds: a turn that raised is tried again, but not in a tight loop


class Worker(Protocol):
    """Something that repeats a turn: a thread in a game, the fake clock in a test."""

    def wake(self) -> None:
        """Have the next turn now. Any thread."""
        ...

    def stop(self, timeout: float) -> bool:
        """No more turns; wait at most `timeout` seconds for the present one. True if it has ended."""
        ...


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
                delay = _AFTER_A_FAULT
            if delay != 0.0:
                self._bell.wait(delay)
                self._bell.clear()
        try:
            self._close()
        except Exception:
            log.exception("gs_pygame: %s could not be closed cleanly", self._thread.name)
