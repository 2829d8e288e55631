"""Something to call that stands in for a function and passes for it."""

from __future__ import annotations

import functools
import inspect
import pkgutil
from collections.abc import Callable
from typing import Any

_OURS = {"original", "after"}  # and what begins with _; any other attribute of an object is its own


class StandIn:
    """For `original`, which is, or was, at `place`: "pygame.event:get". Calls are for the heirs.

    It is told apart by `type()` alone: asked for its class, its attributes or its repr it answers as the function, or
    as the object that a game has put there. It copies as itself, and pickles as what is at that place, also where
    gs_pygame is not. Being no function, it does not bind when it is put on a class.
    """

    def __init__(self, original: Any, place: str) -> None:
        is_function = inspect.isroutine(original)
        if not is_function:
            vars(object)["__class__"].__set__(self, _passing_on(type(self)))  # type: ignore[arg-type]  # mypy: no hash
        own = set(dir(original)).difference(dir(type(self))) if is_function else set()  # __self__, __code__ and so on
        # Nothing is to be updated: `own` has it, and what asks for our __dict__ makes each call slower (Python 3.11).
        functools.update_wrapper(self, original, own.union(functools.WRAPPER_ASSIGNMENTS), ())
        self.original = original
        self._place = place

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    @property  # type: ignore[misc]  # it cannot be set: nobody does
    def __class__(self) -> Any:
        return self.original.__class__

    def __repr__(self) -> str:
        return repr(self.original)

    def __copy__(self) -> StandIn:
        return self

    def __deepcopy__(self, memo: object) -> StandIn:
        return self

    def __reduce__(self) -> tuple[Callable[[str], Any], tuple[str]]:
        return pkgutil.resolve_name, (self._place,)


class _PassingOn:
    """For an object that is no function: its attributes are its own, now and later. A class of its own, since Python
    3.11 reads every attribute slower where there is a `__getattr__`."""

    original: Any

    def __getattr__(self, name: str) -> Any:
        if name in _OURS or name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.original, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _OURS or name.startswith("_"):
            object.__setattr__(self, name, value)
        else:
            setattr(self.original, name, value)


@functools.cache
def _passing_on(kind: type) -> type:
    return type(kind.__name__, (_PassingOn, kind), {})
