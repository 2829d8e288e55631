"""How another process is told of a destination: by the name of its class and its fields, all of it JSON.

What cannot be told stays with the game: an object of the game's own, a class in the game's main script, a lambda.
"""

from __future__ import annotations

import dataclasses
import importlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import FunctionType
from typing import Any

from .._base.errors import ConfigurationError
from ._protocol import Destination

_FUNCTION = "function "
"""Begins what stands for a function; of no use as a text's beginning, so that a text is never taken for one."""


@dataclass(frozen=True, slots=True)
class Known:
    """A destination, and what another process is told of it; None if it stays in the game's."""

    destination: Destination
    told: dict[str, Any] | None

    @property
    def name(self) -> str:
        return self.destination.name


def known(destination: Destination | str) -> Known:
    """Raises ConfigurationError if that is a name, and nothing can be had by it."""
    if isinstance(destination, str):
        return Known(_named(destination), {"name": destination})
    return Known(destination, _told(destination))


def _told(destination: Destination) -> dict[str, Any] | None:
    """What `made` makes the same destination of, elsewhere; None if that is not possible."""
    try:
        if isinstance(destination, type) or not dataclasses.is_dataclass(destination):
            return None
        if not destination.__dataclass_params__.frozen:
            return None
        fields = {
            field.name: getattr(destination, field.name) for field in dataclasses.fields(destination) if field.init
        }
        return {"class": _name_of(type(destination)), "fields": {name: _plain(value) for name, value in fields.items()}}
    except _CannotBeTold:
        return None


def made(told: dict[str, Any]) -> Destination:
    """The destination. Raises what importing the game's module, and making one, raise."""
    if "name" in told:
        return _named(told["name"])
    destination: Destination = _found(told["class"])(**{name: _meant(value) for name, value in told["fields"].items()})
    return destination


def _named(text: str) -> Destination:
    """The destination that `text` names, `module:name`, a class that needs no arguments, or one of its objects.
    Raises ConfigurationError."""
    if "://" in text:  # which may hold a secret
        raise ConfigurationError("destination is an address: pass it as endpoint=..., or in one, Webhook(address)")
    try:
        found = _found(text)
        destination: Destination = found() if isinstance(found, type) else found
    except Exception as error:
        raise ConfigurationError(
            f"destination is {text!r}, which cannot be had ({type(error).__name__}: {error}); allowed is a name like "
            '"mygame.sessions:Sheet", of a class that needs no arguments, or of an object'
        ) from error
    return destination


class _CannotBeTold(Exception):
    pass


def _name_of(what: Any) -> str:
    """Raises _CannotBeTold if nothing else would be found under that name."""
    module, name = getattr(what, "__module__", ""), getattr(what, "__qualname__", "")
    if module in ("", "__main__") or "<" in name or _attribute(sys.modules.get(module), name) is not what:
        raise _CannotBeTold
    return f"{module}:{name}"


def _found(name: str) -> Any:
    module, _, path = name.partition(":")
    found = _attribute(importlib.import_module(module), path)
    if found is None:
        raise ImportError(f"there is no {path or 'name'!r} in {module}")
    return found


def _attribute(where: Any, path: str) -> Any:
    for name in path.split("."):
        where = getattr(where, name, None)
    return where


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):  # a string, perhaps, and more
        raise _CannotBeTold
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            if value.startswith(_FUNCTION):
                raise _CannotBeTold
            return value
        case FunctionType():
            return _FUNCTION + _name_of(value)
        case list() | tuple():
            return [_plain(each) for each in value]
        case Mapping():
            if not all(isinstance(key, str) for key in value):
                raise _CannotBeTold
            return {key: _plain(each) for key, each in value.items()}
    raise _CannotBeTold


def _meant(value: Any) -> Any:
    match value:
        case str() if value.startswith(_FUNCTION):
            return _found(value.removeprefix(_FUNCTION))
        case list():
            return [_meant(each) for each in value]
        case dict():
            return {key: _meant(each) for key, each in value.items()}
    return value
