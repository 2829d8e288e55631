"""A destination as the helper has it: made of what it was told, late, and called gently."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from .._base.messages import End
from ..destinations import Destination, Outcome
from ..destinations._telling import made
from .gently import Gently


class CannotSend(BaseException):
    """What sends to the destination of that name cannot be imported: no fault of the destination's, and nothing to try
    again."""

    def __init__(self, name: str, error: Exception) -> None:
        super().__init__(str(error))
        self.name = name


class GentleDestination:
    """A destination, gently. It is made at the first end: most helpers of killed games send nothing."""

    def __init__(self, gently: Gently, name: str, told: dict[str, Any]) -> None:
        self.name = name
        self.batch_size: int = told["batch_size"]
        self._gently = gently
        self._told = told

    @cached_property
    def _destination(self) -> Destination:
        try:
            import gs_pygame.destinations._http  # noqa: F401

            return made(self._told)
        except Exception as error:  # a module of the game's may raise anything
            raise CannotSend(self.name, error) from error

    def deliver(self, ends: Sequence[End]) -> Sequence[Outcome]:
        return self._gently.call(lambda: self._destination.deliver(ends))

    def close(self) -> None:
        if "_destination" in self.__dict__:
            self._destination.close()
