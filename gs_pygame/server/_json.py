"""JSON as it may come from anybody, and as it is written: by orjson, which takes a tenth of the time of Python's own,
where it has a build for this Python."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import Any, NoReturn

from ._orjson import orjson

JSON = dict[str, Any]

_MAX_DEPTH = 100  # levels of scriptData; Python's json stops somewhere below 1000, which depends on its caller
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_LONG_NUMBER = b"0" * 19  # in zeros: orjson makes a float of what does not fit into 64 bits


class BodyError(ValueError):
    """The body is not a JSON object. The message is a sentence for its sender."""


def decode(body: bytes) -> JSON:
    """The JSON object in `body` (UTF-8, RFC 8259: no NaN, no Infinity, no number beyond a double). Raises BodyError."""
    try:
        value = _loads(body)
    except (ValueError, RecursionError) as error:
        raise BodyError(f"The body must be JSON: {error}") from None
    if not isinstance(value, dict):
        raise BodyError("The body must be a JSON object.")
    # Few have as many brackets as levels are allowed; only in these must it be looked. Script data is a level down.
    if body.count(b"{") + body.count(b"[") > _MAX_DEPTH and _deeper_than(_MAX_DEPTH + 1, value):
        raise BodyError(f"The body must not be nested deeper than {_MAX_DEPTH + 1} levels.")
    return value


def encode(value: object) -> str:
    """`value` as compact JSON; what UTF-8 has no bytes for (half a surrogate pair) in ASCII, as it was sent."""
    if orjson is not None:
        with suppress(TypeError):  # of that, an integer of more than 64 bits, or a key that is no text
            return str(orjson.dumps(value), "utf-8")
    return _encode(value)


def _loads(body: bytes) -> Any:
    """orjson takes a tenth of the time; Python's own takes integers of any length, and halves of surrogate pairs."""
    if orjson is not None and _LONG_NUMBER not in body.translate(_ZEROS):
        with suppress(orjson.JSONDecodeError):
            return orjson.loads(body)
    return _decoder.decode(body.decode("utf-8"))


def _deeper_than(limit: int, value: JSON) -> bool:
    """Whether objects and arrays nest deeper than `limit` in `value`; itself an object, it is the first level."""
    containers: list[Any] = [value]
    for _ in range(limit):
        inner = [child for box in containers for child in (box.values() if isinstance(box, dict) else box)]
        containers = [child for child in inner if isinstance(child, dict | list)]
    return bool(containers)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


_decoder = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)
