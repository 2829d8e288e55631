"""What a FaultServer can be told to answer: rightly, as others would, too much, too slowly, or not to the end.

    server.script(replies.silence, replies.answer(503), replies.verified(sessionDuration=83_000))

Each is a `Reply`, or makes one of its arguments. A test's own is any function of a `Request` and a `Wire`:

    def late(request: Request, wire: Wire) -> None:
        wire.pause(2.0)
        replies.verified()(request, wire)
"""

from __future__ import annotations

import gzip
import itertools
import json
from http import HTTPStatus
from typing import Any

from ._wire import Reply, Request, Wire

_OVERTAKEN = 0.05  # seconds: a reset that overtook the bytes before it would be another fault


def head(status: int, headers: dict[str, str]) -> bytes:
    """The status line and the headers, up to the empty line. Raises ValueError if there is no such status."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


# Whole


def answer(status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> Reply:
    """A complete answer; the connection stays open."""

    def reply(request: Request, wire: Wire) -> None:
        length = {} if status == 204 else {"Content-Length": str(len(body))}
        wire.send(head(status, {**length, **(headers or {})}) + body)

    return reply


def said(fields: dict[str, Any], status: int = 200) -> Reply:
    """A JSON object. A field that is a function is asked for its value, with the request as a dictionary."""

    def reply(request: Request, wire: Wire) -> None:
        try:
            asked = request.json
        except ValueError:  # the client went away in the middle of it, or it is nobody's whom this could answer
            wire.hang_up()
            return
        body = json.dumps({name: value(asked) if callable(value) else value for name, value in fields.items()})
        answer(status, body.encode(), {"Content-Type": "application/json"})(request, wire)

    return reply


def _echo(asked: dict[str, Any]) -> Any:
    return asked["requestId"]


def verified(status: int = 200, **fields: Any) -> Reply:
    """A GameSparks answer that echoes the requestId; `fields` are added, or replace what it would have said."""
    return said({"@class": ".EndSessionResponse", "requestId": _echo, "sessionDuration": 0, **fields}, status)


portal = answer(200, b"<!doctype html><title>Welcome to HotelNet</title>", {"Content-Type": "text/html"})
"""What a hotel's network says to everything until one has logged in."""


def redirect(to: str, status: int = 302) -> Reply:
    """An answer that sends the client to another address."""
    return answer(status, b"moved", {"Location": to})


# Broken off


def reset_before(request: Request, wire: Wire) -> None:
    """The connection breaks before a byte of the answer."""
    wire.reset()


def reset_amid(request: Request, wire: Wire) -> None:
    """The connection breaks in the middle of a body that began well."""
    _begin_well(request, wire)
    wire.pause(_OVERTAKEN)
    wire.reset()


def reset_after(request: Request, wire: Wire) -> None:
    """The connection breaks as soon as a verified answer is through."""
    verified()(request, wire)
    wire.pause(_OVERTAKEN)
    wire.reset()


def truncated(request: Request, wire: Wire) -> None:
    """The connection is closed in good order in the middle of a body that began well."""
    _begin_well(request, wire)
    wire.hang_up()


def _begin_well(request: Request, wire: Wire) -> None:
    """All that a verified answer needs, and a length that says that there is more."""
    begun = json.dumps({"@class": ".EndSessionResponse", "requestId": request.json["requestId"]}).encode()
    wire.send(head(200, {"Content-Length": str(len(begun) + 100)}) + begun)


def hang_up(request: Request, wire: Wire) -> None:
    """A verified answer; then the connection is closed, which the answer did not announce."""
    verified()(request, wire)
    wire.hang_up()


# Too slow


def silence(request: Request, wire: Wire) -> None:
    """Nothing, until the server stops."""
    while wire.pause(1.0):
        pass
    wire.hang_up()


def stall(request: Request, wire: Wire) -> None:
    """Nothing more in the middle of the body, until the server stops."""
    wire.send(head(200, {"Content-Length": "500"}) + b'{"@class": ".EndSessionResponse", ')
    silence(request, wire)


def drip(text: bytes, every: float, start: bytes = b"HTTP/1.1 200 OK\r\n") -> Reply:
    """`start` at once; then `text` byte by byte, one in `every` seconds, again and again, while the client reads it."""

    def reply(request: Request, wire: Wire) -> None:
        wire.send(start)
        for byte in itertools.cycle(text):
            if not wire.pause(every):
                break
            wire.send(bytes([byte]))
        wire.hang_up()

    return reply


# Too much


def endless_header(request: Request, wire: Wire) -> None:
    """One header, for as long as the client reads it."""
    wire.send(b"HTTP/1.1 200 OK\r\nX-Endless: ")
    while wire.pause(0.0):
        wire.send(b"y" * 4096)
    wire.hang_up()


def endless(size: int, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    """A body of `size` bytes is announced, and sent for as long as the client reads it."""

    def reply(request: Request, wire: Wire) -> None:
        wire.send(head(status, {"Content-Length": str(size), **(headers or {})}))
        block = b" " * 4096
        for _ in range(size // len(block)):
            wire.send(block)

    return reply


def gzip_bomb(size: int, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    """A small compressed body that unpacks to a verified answer of `size` bytes."""
    packed = gzip.compress(b'{"@class": ".EndSessionResponse"}'.ljust(size))
    return answer(status, packed, {"Content-Encoding": "gzip", **(headers or {})})
