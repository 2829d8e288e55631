"""Where the game comes into the plugin, and out again: no Exception gets out here, and what does (Ctrl-C, sys.exit)
leaves nothing half done.

An exception that a signal handler raises can come up between any two bytecodes. What is decided is therefore published
by one assignment (_disk.journal). What is held meanwhile, locks and a transaction, is let go of here: a `with` alone
does not do that between its last line and the release.

The game's own code (script_data, callbacks, log handlers) runs while nothing is held, so that it may do anything.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import CodeType, FrameType
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from .log import log

P = ParamSpec("P")
T = TypeVar("T")
D = TypeVar("D")
G = TypeVar("G", bound="Guarded")

_ROOMS = f"{__name__.partition('.')[0]}._"  # the testing kit and the command line are outside: they run games
_open: set[CodeType] = {type(log).log.__code__}  # what calls the game's functions, and holds nothing meanwhile


def calls_the_game(function: Callable[P, T]) -> Callable[P, T]:
    """Marks a function of ours that calls one of the game's while nothing is held."""
    _open.add(function.__code__)
    return function


def let_go(*locks: threading.RLock) -> None:
    """Release each as often as this thread holds it."""
    for lock in locks:
        with suppress(RuntimeError):  # it does not, any more
            while True:
                lock.release()


class Boundary:
    """`let_go()` is called when an exception has come up in here."""

    def __init__(self, let_go: Callable[[], None]) -> None:
        self._let_go = let_go
        self._faulted = False

    def cross(self, step: Callable[..., object], *values: object) -> None:
        """Take a step that gives nothing. What it raises that is no Exception goes on into the game."""
        try:
            step(*values)
        except BaseException as error:  # noqa: BLE001 - handed on
            self.come_out(error)

    def come_out(self, error: BaseException) -> None:
        """With what came up in here: swallow it if it is an Exception, but for a call that leaves out an argument."""
        if not _is_amid_ours(sys._getframe(1)):
            self._let_go()
        unbound = isinstance(error, TypeError) and error.__traceback__ and error.__traceback__.tb_next is None
        if unbound or not isinstance(error, Exception):
            try:
                raise error
            finally:
                del error  # it and this frame would keep each other, and every open file and lock of the frames above
        self.fault()

    def fault(self) -> None:
        """Say, once, what is being handled and was not expected."""
        if not self._faulted:
            self._faulted = True
            log.exception("gs_pygame: unexpected fault; the game goes on")


class Guarded(Protocol):
    """What has methods that a game calls."""

    _boundary: Boundary


def called_by_the_game(default: D) -> Callable[[Callable[Concatenate[G, P], T]], Callable[Concatenate[G, P], T | D]]:
    """A method that crosses the boundary, and gives `default` where it cannot do what it is for."""

    def decorate(method: Callable[Concatenate[G, P], T]) -> Callable[Concatenate[G, P], T | D]:
        def call(self: G, /, *args: P.args, **kwargs: P.kwargs) -> T | D:
            try:
                return method(self, *args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - handed on
                self._boundary.come_out(error)
                return default

        return functools.update_wrapper(call, method)

    return decorate


def _is_amid_ours(frame: FrameType | None) -> bool:
    """Whether the game was in here already, and came in again at `frame`: by a signal handler or a finalizer, amid
    steps that hold something. Not by what it was called for."""
    while frame is not None and _is_ours(frame):
        frame = frame.f_back
    while frame is not None and not _is_ours(frame):
        frame = frame.f_back
    return frame is not None and frame.f_code not in _open


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).startswith(_ROOMS)
