"""A thread that repeats a turn, and the bell that wakes it.

The game's thread may be interrupted in any of this by an exception of a signal handler: each step is a call in C, which
happens or does not. threading's Event is no such thing, and keeps its lock when it is interrupted.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress

from .log import log
from .patience import AFTER_A_FAULT

Turn = Callable[[], "float | None"]
"""One pass of a loop. Returns the seconds until the next one is due, or None to sleep until woken."""


class Bell:
    """Rung, it ends one wait, or the next. Any thread."""

    def __init__(self) -> None:
        self._silent = threading.Lock()
        self._silent.acquire()

    def ring(self) -> None:
        with suppress(RuntimeError):  # it rings already
            self._silent.release()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait at most `timeout` seconds; True if it rang, and it rings no more."""
        return self._silent.acquire(timeout=-1 if timeout is None else min(max(timeout, 0.0), threading.TIMEOUT_MAX))


class ThreadWorker:
    """Runs `turn` again and again in a daemon thread; `close` runs last: in that thread, or in that which stops it if
    there is none."""

    def __init__(self, name: str, turn: Turn, close: Callable[[], None]) -> None:
        self._name = f"gs_pygame-{name}"
        self._turn = turn
        self._close = close
        self._bell = Bell()
        self._living = threading.Lock()  # held by the thread
        self._ident: int | None = None
        self._stopping = False
        self._closed = False
        self._faulted = False

    def start(self) -> None:
        """Begin, unless it has begun. Where no thread can be had, it may be tried again later."""
        if self._stopping or self._living.locked():
            return
        try:
            threading.Thread(target=self._run, name=self._name, daemon=True).start()
        except Exception as error:  # noqa: BLE001 - RuntimeError, MemoryError, and what an audit hook of the game raises
            self._say(f"cannot be started, and its work is left to the game's own calls: {error}")

    def wake(self) -> None:
        self._bell.ring()

    def stop(self, timeout: float) -> bool:
        self._stopping = True
        self._bell.ring()
        if self._ident == threading.get_ident() or not self._living.acquire(timeout=timeout):
            return False
        try:
            self._end()
        finally:
            self._living.release()
        return True

    def _run(self) -> None:
        if not self._living.acquire(blocking=False):  # it was started twice, or has been stopped
            return
        process = os.getpid()
        try:
            self._ident = threading.get_ident()
            while not self._stopping:
                delay = self._have_turn()
                if delay != 0.0:
                    self._bell.wait(delay)
                if os.getpid() != process:  # a green thread, which a fork has doubled: the parent's goes on
                    return
            self._end()
        finally:
            self._ident = None  # another thread may be given it
            self._living.release()

    def _have_turn(self) -> float | None:
        try:
            return self._turn()
        except Exception:  # noqa: BLE001 - logged
            self._say("had an unexpected fault; it goes on", exc_info=True)
            return AFTER_A_FAULT

    def _end(self) -> None:
        if not self._closed:
            try:
                self._close()
            except Exception:  # noqa: BLE001 - logged
                log.exception("gs_pygame: %s could not be closed cleanly", self._name)
            self._closed = True

    def _say(self, what: str, exc_info: bool = False) -> None:
        """Once."""
        if not self._faulted:
            self._faulted = True
            log.error("gs_pygame: %s %s", self._name, what, exc_info=exc_info)
