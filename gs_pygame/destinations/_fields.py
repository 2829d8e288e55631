"""What the fields of a destination may be. Wrong ones raise ConfigurationError; what may be secret is not repeated."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .._base.errors import ConfigurationError
from .._base.messages import is_text

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # of RFC 9110, 5.6.2
_NAME = re.compile("[a-z0-9_-]{1,32}")
_VALUE = re.compile(r"[\x20-\x7e\xa0-\xff]*")


def require(name: str, given: object, ok: bool, allowed: str) -> None:
    if not ok:
        raise ConfigurationError(f"{name} is {given}; allowed is {allowed}")


def require_text(name: str, value: object) -> None:
    """A secret may be in it."""
    require(name, "of another kind" if value else "not set", is_text(value), "a non-empty string")


def require_name(value: object) -> None:
    ok = isinstance(value, str) and _NAME.fullmatch(value)
    require(
        "name", repr(value), bool(ok), "at most 32 small letters, digits, - and _, as no other destination has them"
    )


def require_batch(name: str, value: object, most: int) -> None:
    require(name, repr(value), type(value) is int and 1 <= value <= most, f"a whole number from 1 to {most}")


def require_headers(headers: object) -> None:
    """Their values may be secret."""
    ok = isinstance(headers, Mapping) and all(
        isinstance(name, str) and isinstance(value, str) and _TOKEN.fullmatch(name) and _VALUE.fullmatch(value)
        for name, value in headers.items()
    )
    require("headers", "no dictionary of HTTP headers", ok, "names and values of text that one line of HTTP can hold")
