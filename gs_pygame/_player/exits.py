"""The ways out of a process: its end, by an uncaught exception or not, and a fork.

No signal handlers and no excepthook: they are the game's, and a call of sys.excepthook is no end (forwarded exceptions
of threads, PyQt's slots, a prompt, a crash reporter that goes on).

Python sets sys.last_type and sys.last_traceback before it shows an exception that ends a program; so do prompts and
toolkits that go on. Where the traceback begins tells them apart: an exception has ended the program if it left the main
thread's very first frame, which is still running whenever anybody else shows one.

Where nothing of this runs (os._exit or os.abort in a game's excepthook, a fatal signal), the next start finds an
abnormal end.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
import threading
import weakref
from collections.abc import Callable
from types import FrameType, TracebackType

from .._base.messages import Reason

_watching: weakref.WeakSet[ExitWatch] = weakref.WeakSet()


Ended = tuple[type[BaseException] | None, TracebackType | None]
"""The exception that ended a program, and where it came up; (None, None) if it ended without one."""


def reason_of(error: type[BaseException] | None) -> Reason:
    """Why a process ends on this exception. What is no Exception asks it to stop (Ctrl-C, sys.exit, a cancelled task),
    and so does a group that holds one such: trio's Ctrl-C comes as a group."""
    return "crash" if error is not None and issubclass(error, Exception) else "quit"


class ExitWatch:
    """Once started, calls `on_exit` on the way out, with the exception that ended the program and its traceback if one
    did; and `on_fork()` in a forked child, in which nothing else is called."""

    def __init__(self, on_exit: Callable[[Ended], None], on_fork: Callable[[], None]) -> None:
        self._on_exit = on_exit
        self._on_fork = on_fork
        self._first_frame = _first_frame()
        self._survived: BaseException | None = None

    def start(self) -> None:
        """Watch from now on."""
        atexit.register(self._at_exit)
        _watching.add(self)

    def goes_on(self) -> None:
        """The program runs: what a crash reporter has left in `sys` for `pdb.pm()` has not ended it."""
        if _first_frame() is self._first_frame:  # else it is amid its exit
            self._survived = getattr(sys, "last_value", None)

    def stop(self) -> None:
        """Watch no longer."""
        atexit.unregister(self._at_exit)
        _watching.discard(self)

    def forked(self) -> None:
        self.stop()
        self._on_fork()

    def _at_exit(self) -> None:
        trace = getattr(sys, "last_traceback", None)
        is_new = getattr(sys, "last_value", None) is not self._survived
        ended_by_it = is_new and trace is not None and trace.tb_frame is self._first_frame
        self._on_exit((sys.last_type, trace) if ended_by_it else (None, None))


def _first_frame() -> FrameType:
    """Of the main thread: the program's, or that of what runs it."""
    frame = sys._getframe()
    if threading.get_ident() != threading.main_thread().ident:
        frame = _current_frames().get(threading.main_thread().ident or 0, frame)
    while frame.f_back is not None:
        frame = frame.f_back
    return frame


def _current_frames() -> dict[int, FrameType]:
    """Without a collection: it may let another thread end, which Python up to 3.12 waits for amid this (CPython
    #106883)."""
    collects = gc.isenabled()
    gc.disable()
    try:
        return sys._current_frames()
    finally:
        if collects:
            gc.enable()


def _after_fork() -> None:
    for watch in list(_watching):
        watch.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
