"""What a game calls that takes time or looks for events: while it is played, all of that goes by the player's clock.

Replaced are `pygame.time` (Clock, wait, delay, get_ticks, set_timer), `pygame.event` (get, poll, wait, pump, peek,
clear), `pygame.display.flip`, `time` (sleep, time, monotonic, perf_counter, and their _ns), the waiting of asyncio's
loops, and `os._exit`. Only in the thread in which the game is played; for everyone else, and when nobody plays, each
is what it was. Not replaced: `datetime.now`, and what a module took before with `from time import sleep`.
"""

from __future__ import annotations

import contextlib
import functools
import os
import selectors
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pygame

from .._player.stand_in import StandIn
from ._play import FRAME, Play

Playing = Callable[[], Play | None]
"""The play in whose thread, and by whose game, this is called."""

_LOOKS = ("get", "poll", "pump", "peek", "clear")
_READINGS = {"time": "wall", "monotonic": "active", "perf_counter": "active"}


@contextlib.contextmanager
def by_the_players_clock(playing: Playing) -> Iterator[None]:
    """Within it the calls above are replaced."""
    put: list[tuple[Any, str, Any]] = []
    try:
        for owner, name, make in _replaced():
            real = getattr(owner, name)
            put.append((owner, name, real))
            setattr(owner, name, make(playing, real))
        yield
    finally:
        for owner, name, real in reversed(put):
            setattr(owner, name, real)


@contextlib.contextmanager
def with_the_players_eyes(focused: Callable[[], bool], visible: Callable[[], bool]) -> Iterator[None]:
    """Within it a game that asks pygame itself whether its player is there is answered for the player, too."""
    eyes = [(pygame.key, "get_focused", focused), (pygame.display, "get_active", visible)]
    reals = [getattr(owner, name) for owner, name, _ in eyes]
    try:
        for (owner, name, answer), real in zip(eyes, reals, strict=True):
            setattr(owner, name, _answered(real, answer))
        yield
    finally:
        for (owner, name, _), real in zip(eyes, reals, strict=True):
            setattr(owner, name, real)


def _answered(real: Any, answer: Callable[[], bool]) -> Any:
    @_standing_in(real)
    def asked() -> bool:
        real()  # it raises before pygame is initialised
        return answer()

    return asked


def _replaced() -> Iterator[tuple[Any, str, Callable[[Playing, Any], Any]]]:
    yield pygame.event, "wait", functools.partial(_wait, pygame.event.poll)
    for name in _LOOKS:
        yield pygame.event, name, functools.partial(_look, name)
    yield pygame.display, "flip", functools.partial(_look, "flip")
    yield pygame.time, "Clock", _clock
    if hasattr(pygame, "Clock"):  # pygame-ce
        yield pygame, "Clock", _clock
    for name in ("wait", "delay"):
        yield pygame.time, name, _pause
    yield pygame.time, "get_ticks", functools.partial(_reading, "get_ticks", "active", 1000)
    yield pygame.time, "set_timer", _set_timer
    yield time, "sleep", _sleep
    for name, clock in _READINGS.items():
        yield time, name, functools.partial(_reading, name, clock, 1.0)
        yield time, f"{name}_ns", functools.partial(_reading, f"{name}_ns", clock, 1_000_000_000)
    yield selectors.DefaultSelector, "select", _select
    if sys.platform == "win32":
        import asyncio

        yield asyncio.IocpProactor, "select", _select
    yield os, "_exit", _exit


def _standing_in(real: Any) -> Callable[[Any], Any]:
    return lambda fake: _Fake(real, fake)


class _Fake(StandIn):
    def __init__(self, real: Any, fake: Callable[..., Any]) -> None:
        super().__init__(real, f"{real.__module__}:{real.__name__}")
        self._fake = fake

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._fake(*args, **kwargs)


def _look(name: str, playing: Playing, real: Any) -> Any:
    @_standing_in(real)
    def look(*args: Any, **kwargs: Any) -> Any:
        play = playing()
        if play is None:
            return real(*args, **kwargs)
        play.pass_time(0.0)
        result = real(*args, **kwargs)
        if not result:
            play.found_nothing(f"{name} {args} {kwargs}")
        return result

    return look


def _wait(poll: Any, playing: Playing, real: Any) -> Any:
    @_standing_in(real)
    def wait(timeout: int = 0) -> Any:
        play = playing()
        if play is None:
            return real(timeout)
        play.pass_time(0.0)
        until = play.now + timeout / 1000 if timeout > 0 else sys.float_info.max
        while not (event := poll()) and play.now < until:
            play.pass_time(min(FRAME, until - play.now))
        return event

    return wait


def _pause(playing: Playing, real: Any) -> Any:
    @_standing_in(real)
    def pause(milliseconds: int) -> int:
        play = playing()
        if play is None:
            return int(real(milliseconds))
        play.pass_time(max(0, milliseconds) / 1000)
        return milliseconds

    return pause


def _sleep(playing: Playing, real: Any) -> Any:
    @_standing_in(real)
    def sleep(seconds: float) -> None:
        play = playing()
        if play is None:
            real(seconds)
        else:
            play.pass_time(max(0.0, seconds))

    return sleep


def _reading(name: str, clock: str, unit: float, playing: Playing, real: Any) -> Any:
    @_standing_in(real)
    def reading() -> Any:
        play = playing()
        if play is None:
            return real()
        first = play.readings.setdefault(name, real())
        return first + type(first)(play.since_it_began(clock) * unit)

    return reading


def _set_timer(playing: Playing, real: Any) -> Any:
    @_standing_in(real)
    def set_timer(event: Any, millis: int, loops: int = 0) -> None:
        play = playing()
        if play is None:
            real(event, millis, loops)
        else:
            play.set_timer(event, millis / 1000, loops)

    return set_timer


def _select(playing: Playing, real: Any) -> Any:
    """An asyncio loop waits until its next timer is due, or for ever, for something outside the game."""

    @functools.wraps(real)
    def select(self: Any, timeout: float | None = None) -> Any:
        play = playing()
        if play is None or timeout is None or timeout <= 0:
            return real(self, timeout)
        ready = real(self, 0)
        if not ready and not play.over:  # else the loop is being closed
            play.pass_time(timeout)
        return ready

    return select


def _exit(playing: Playing, real: Any) -> Any:
    @_standing_in(real)
    def leave(status: int) -> None:
        play = playing()
        if play is None:
            real(status)
        else:
            play.dies(status)

    return leave


def _clock(playing: Playing, real: Any) -> Any:
    class Clock:
        """`pygame.time.Clock`; real again when nobody plays."""

        def __init__(self) -> None:
            play = playing()
            self._real = real()
            self._last = play.now if play else 0.0
            self._frame = 0.0

        def tick(self, framerate: float = 0) -> int:
            play = playing()
            if play is None:
                return int(self._real.tick(framerate))
            last = min(self._last, play.now)
            if framerate > 0:
                play.pass_time(max(0.0, last + 1 / framerate - play.now))
            self._last, self._frame = play.now, play.now - last
            return round(self._last * 1000) - round(last * 1000)

        tick_busy_loop = tick

        def get_time(self) -> int:
            return round(self._frame * 1000) if playing() else int(self._real.get_time())

        def get_rawtime(self) -> int:
            return 0 if playing() else int(self._real.get_rawtime())

        def get_fps(self) -> float:
            play = playing()
            return float(self._real.get_fps()) if play is None else 1 / self._frame if self._frame else 0.0

    return Clock
