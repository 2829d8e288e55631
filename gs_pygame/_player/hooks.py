"""What is put in the place of pygame's functions: each calls what was there, and says so to whoever watches.

A game gets what it would have got, result or exception.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import BuiltinFunctionType, ModuleType
from typing import Any

import pygame

from .stand_in import StandIn

WAIT_SLICE = 100
"""Milliseconds of a blocking wait between two samples, where no event would end it when the focus goes."""


class Hook(StandIn):
    """Stands in for a function of pygame, or for what a game has put in its place. `after` is told of each result."""

    def __init__(self, module: ModuleType, name: str, after: Callable[[Any], Any]) -> None:
        super().__init__(getattr(module, name), f"{module.__name__}:{name}")
        self.after = after
        self._module = module
        self._name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        result = self.original(*args, **kwargs) if kwargs else self.original(*args)  # `**` copies, even what is empty
        return self.after(result) or result

    def put(self) -> None:
        setattr(self._module, self._name, self)

    def remove(self) -> None:
        if getattr(self._module, self._name, None) is self:
            setattr(self._module, self._name, self.original)
        self.after = _nothing


class HoldingHook(Hook):
    """Says when the game is inside."""

    def __init__(
        self,
        module: ModuleType,
        name: str,
        after: Callable[[Any], Any],
        goes_in: Callable[[], None],
        comes_out: Callable[[], None],
    ) -> None:
        super().__init__(module, name, after)
        self._goes_in = goes_in
        self._comes_out = comes_out

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._goes_in()
        try:
            result = self.original(*args, **kwargs) if kwargs else self.original(*args)
        finally:
            self._comes_out()
        return self.after(result) or result


class QuitHook(Hook):
    def __init__(self, module: ModuleType, name: str, after: Callable[[Any], Any], before: Callable[[], None]) -> None:
        super().__init__(module, name, after)
        self._before = before

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._before()
        return super().__call__(*args, **kwargs)


class WaitHook(Hook):
    """Waits in slices where no event would tell that the player has left or come back. Only for pygame's own function:
    who knows what a game's does with a time-out."""

    def __init__(
        self,
        module: ModuleType,
        name: str,
        after: Callable[[Any], Any],
        between: Callable[[], None],
        must_slice: Callable[[], bool],
    ) -> None:
        super().__init__(module, name, after)
        self._between = between
        self._must_slice = must_slice
        self._is_pygames = isinstance(self.original, BuiltinFunctionType)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        timeout = args[0] if args else kwargs.get("timeout", 0)
        odd = len(args) > 1 or kwargs.keys() - {"timeout"} or not isinstance(timeout, int)
        if odd or not self._is_pygames or not self._must_slice():
            return super().__call__(*args, **kwargs)
        deadline = time.monotonic() + timeout / 1000 if timeout > 0 else None
        while True:
            left = None if deadline is None else round((deadline - time.monotonic()) * 1000)
            event = self.original(WAIT_SLICE if left is None else max(1, min(left, WAIT_SLICE)))
            if event.type != pygame.NOEVENT or (left is not None and left <= WAIT_SLICE):
                self.after(event)
                return event
            self._between()


def _nothing(result: object) -> None:
    """What a removed hook does."""
