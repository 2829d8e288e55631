"""The ways out of a process: atexit, an uncaught exception, a fork. No signal handlers: they are the game's."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import weakref
from collections.abc import Callable
from types import TracebackType

from .._messages import Reason

_watching: weakref.WeakSet[ExitWatch] = weakref.WeakSet()


def reason_of(error: type[BaseException] | None) -> Reason:
    """Why a process ends on this exception: asking it to stop is no crash."""
    return "quit" if error is None or issubclass(error, (KeyboardInterrupt, SystemExit, GeneratorExit)) else "crash"


class ExitWatch:
    """Calls `on_exit(reason)` on the way out, and `on_fork()` in a forked child, in which nothing else is called."""

    def __init__(self, on_exit: Callable[[Reason], None], on_fork: Callable[[], None]) -> None:
        self._on_exit = on_exit
        self._on_fork = on_fork
        self._previous = sys.excepthook
        self._active = True
        sys.excepthook = self._excepthook
        atexit.register(self._at_exit)
        _watching.add(self)

    def stop(self) -> None:
        """Put back what is still ours; where someone wrapped us, pass through from now on."""
        self._active = False
        atexit.unregister(self._at_exit)
        if sys.excepthook == self._excepthook:
            sys.excepthook = self._previous
        _watching.discard(self)

    def forked(self) -> None:
        self.stop()
        self._on_fork()

    def _at_exit(self) -> None:
        self._on_exit("quit")

    def _excepthook(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if self._active:
            self._on_exit(reason_of(kind))
            if kind is KeyboardInterrupt:
                _remind_of_the_interrupt()
        self._previous(kind, error, trace)


def _remind_of_the_interrupt() -> None:
    """Python dies of SIGINT after an uncaught KeyboardInterrupt, unless source code was evaluated since: it then exits
    with 1. A namedtuple evaluates source code, and so does an import of requests."""
    with contextlib.suppress(KeyboardInterrupt):
        exec("raise KeyboardInterrupt")


def _after_fork() -> None:
    for watch in list(_watching):
        watch.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
