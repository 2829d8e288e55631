"""An HTTP server on loopback that answers each request as it is told: rightly, wrongly, slowly, or not at all.

    with FaultServer() as server:
        server.script(answer(503), silence, verified())     # the next three requests; after them `server.default`
        ...                                                 # something posts to server.url
        assert server.wait_for(3)
        assert server.requests[0].json["requestId"] == "d_1"

A reply is a function of the request and the wire, so a test can bring its own. Real sockets, one thread for each
connection; nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import gzip
import itertools
import json
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Any

DEADLINE = 20.0  # seconds; only a broken test waits this long

_ACCEPT_STEP = 0.01  # seconds between two looks whether the server is to stop
_SEND_BUFFER = 16 * 1024  # bytes; small, so that what was sent is about what was read
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 s


@dataclass(frozen=True)
class Request:
    """What came in. `headers` have lower-case names; `connection` counts the connections from 1."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Wire:
    """The server's end of one connection. `sent`: bytes that the system took for sending."""

    def __init__(self, connection: socket.socket, stopping: threading.Event) -> None:
        self._socket = connection
        self._stopping = stopping
        self.open = True
        self.sent = 0

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)
        self.sent += len(data)

    def pause(self, seconds: float) -> bool:
        """Let time pass. False if the server stops meanwhile."""
        return not self._stopping.wait(seconds)

    def hang_up(self) -> None:
        """Close the connection in good order."""
        self.open = False

    def reset(self) -> None:
        """Break the connection: the client's next read or write fails."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.open = False


Reply = Callable[[Request, Wire], None]


class FaultServer:
    """Listens from construction to close(), with pauses from down() to up(); its port stays the same.

    `requests`: what has come in, in order. `connections`: how many were accepted. `sent`: bytes sent in all.
    `tls`: serve HTTPS with this context; a handshake that fails leaves its connection without a request.
    """

    def __init__(self, default: Reply | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.default = default or verified()
        self.requests: list[Request] = []
        self.connections = 0
        self.sent = 0
        self._tls = tls
        self._script: deque[Reply] = deque()
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = self._bind(0)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.up()

    def __enter__(self) -> FaultServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def script(self, *replies: Reply) -> None:
        """Answer the next requests so, one after the other."""
        with self._changed:
            self._script.extend(replies)

    def wait_for(self, count: int, timeout: float = DEADLINE) -> bool:
        """Wait until `count` requests have come in, in all; False if they do not within `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.requests) >= count, timeout)

    def up(self) -> None:
        """Accept connections."""
        self._stopping = threading.Event()
        self._listener.listen()
        self._listener.settimeout(_ACCEPT_STEP)
        self._spawn(self._accept, self._listener, self._stopping)

    def down(self) -> None:
        """Break all connections and refuse new ones. The port stays bound, so that nobody else gets it."""
        self._stop()
        self._listener = self._bind(self.port)

    def close(self) -> None:
        """Stop for good."""
        self._stop()

    @staticmethod
    def _bind(port: int) -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        listener.bind(("127.0.0.1", port))
        return listener

    def _stop(self) -> None:
        self._stopping.set()
        self._listener.close()
        with self._changed:
            connections = list(self._open)
        for connection in connections:
            with contextlib.suppress(OSError):  # the client may have been quicker
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(DEADLINE)
        self._threads.clear()

    def _spawn(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket, stopping: threading.Event) -> None:
        while not stopping.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            connection.settimeout(None)
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
            with self._changed:
                self.connections += 1
                self._open.add(connection)
            self._spawn(self._serve, connection, self.connections, stopping)

    def _serve(self, connection: socket.socket, number: int, stopping: threading.Event) -> None:
        try:
            if isinstance(connection, ssl.SSLSocket):
                connection.do_handshake()
            wire = Wire(connection, stopping)
            with connection.makefile("rb") as lines:
                while wire.open and not stopping.is_set() and (request := _read_request(lines, number)):
                    with self._changed:
                        reply = self._script.popleft() if self._script else self.default
                        self.requests.append(request)
                        self._changed.notify_all()
                    try:
                        reply(request, wire)
                    finally:
                        with self._changed:
                            self.sent, wire.sent = self.sent + wire.sent, 0
        except OSError:
            pass  # the client went away, or did not like our certificate
        finally:
            with self._changed:
                self._open.discard(connection)
            connection.close()


def _read_request(lines: Any, number: int) -> Request | None:
    """The next request; None if the client has hung up."""
    first = lines.readline().decode("latin-1").split()
    if len(first) != 3:
        return None
    headers: dict[str, str] = {}
    while line := lines.readline().strip().decode("latin-1"):
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return Request(first[0], first[1], headers, lines.read(int(headers.get("content-length", 0))), number)


def head(status: int, headers: dict[str, str]) -> bytes:
    """The status line and the headers, up to the empty line."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


# Replies that are whole


def answer(status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> Reply:
    """A complete answer; the connection stays open."""

    def reply(request: Request, wire: Wire) -> None:
        length = {} if status == 204 else {"Content-Length": str(len(body))}
        wire.send(head(status, {**length, **(headers or {})}) + body)

    return reply


def said(fields: dict[str, Any], status: int = 200) -> Reply:
    """A JSON object. A field that is a function is asked for its value, with the request as a dictionary."""

    def reply(request: Request, wire: Wire) -> None:
        asked = request.json
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


# Replies that are not


def silence(request: Request, wire: Wire) -> None:
    """Nothing, until the server stops."""
    while wire.pause(1.0):
        pass
    wire.hang_up()


def reset_before(request: Request, wire: Wire) -> None:
    """The connection breaks before a byte of the answer."""
    wire.reset()


def reset_amid(request: Request, wire: Wire) -> None:
    """The connection breaks in the middle of a body that began well."""
    begun = json.dumps({"@class": ".EndSessionResponse", "requestId": request.json["requestId"]}).encode()
    wire.send(head(200, {"Content-Length": str(len(begun) + 100)}) + begun)
    wire.pause(0.05)  # a reset that overtakes the bytes would be reset_before
    wire.reset()


def reset_after(request: Request, wire: Wire) -> None:
    """The connection breaks as soon as a verified answer is through."""
    verified()(request, wire)
    wire.pause(0.05)
    wire.reset()


def truncated(request: Request, wire: Wire) -> None:
    """The connection is closed in good order in the middle of the body."""
    wire.send(head(200, {"Content-Length": "500"}) + b'{"@class": ".EndSessionResponse", ')
    wire.hang_up()


def stall(request: Request, wire: Wire) -> None:
    """Nothing more in the middle of the body, until the server stops."""
    wire.send(head(200, {"Content-Length": "500"}) + b'{"@class": ".EndSessionResponse", ')
    silence(request, wire)


def hang_up(request: Request, wire: Wire) -> None:
    """A verified answer; then the connection is closed, which the answer did not announce."""
    verified()(request, wire)
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
