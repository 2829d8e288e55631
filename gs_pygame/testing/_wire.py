"""What a fault server and its replies have in common: a request, and the server's end of the wire it came by."""

from __future__ import annotations

import json
import socket
import struct
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

_RESET = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)  # SO_LINGER: on, 0 s


@dataclass(frozen=True)
class Request:
    """What came in.

    `path` is as it was sent, quoted. `headers` have lower-case names. `body` is shorter than its content-length if the
    client went away in the middle of it. `connection` counts the server's connections from 1.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def json(self) -> Any:
        """The body as JSON. Raises ValueError if it is none."""
        return json.loads(self.body)


class Wire:
    """The server's end of one connection, for a reply to use in the connection's own thread.

    Each method may raise OSError when the client has gone; a reply lets that pass, and the server closes the
    connection. `sent`: bytes that the system took for sending. `open`: whether another request may follow.
    """

    def __init__(self, connection: socket.socket, stopping: threading.Event) -> None:
        self._socket = connection
        self._stopping = stopping
        self.open = True
        self.sent = 0

    def send(self, data: bytes) -> None:
        """Send all of it, at the pace at which the client reads."""
        self._socket.sendall(data)
        self.sent += len(data)

    def pause(self, seconds: float) -> bool:
        """Let time pass. False if the server stops meanwhile."""
        return not self._stopping.wait(seconds)

    def hang_up(self) -> None:
        """Close the connection in good order, when the reply is over."""
        self.open = False

    def reset(self) -> None:
        """Break the connection when the reply is over: the client's next read or write fails."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.open = False


Reply = Callable[[Request, Wire], None]
"""What a server does about a request: it sends, pauses, hangs up or resets. Called in the connection's thread."""


def read_request(lines: BinaryIO, connection: int) -> Request | None:
    """The next request; None if the client has hung up."""
    first = lines.readline().decode("latin-1").split()
    if len(first) != 3:
        return None
    headers: dict[str, str] = {}
    while line := lines.readline().strip().decode("latin-1"):
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return Request(first[0], first[1], headers, lines.read(int(headers.get("content-length", 0))), connection)
