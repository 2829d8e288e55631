"""A server over raw sockets that answers as HTTP/1.1 allows, as it does not, and in pieces of any size.

It drops repeats: an end that it has is answered as at the first time, whatever became of that answer.
"""

from __future__ import annotations

import contextlib
import json
import random
import socket
import struct
import threading
import time
from collections import Counter

READ_TIMEOUT = 0.1  # seconds that the client waits for an answer
FAULTS_EACH = 3  # tries of one end that fail; then it is answered, in one legal way or another

_SOON = 0.001  # seconds
_RESET = struct.pack("ii", 1, 0)
_FAULTS = ["early", "unread", "lost", "reset", "cut off", "error", "portal", "too late"]


class RawServer:
    """`begin` makes it forget. `has`: the number of each end that it has, by requestId. `seen`: what it did."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.seen: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.begin(random.Random(0))
        threading.Thread(target=self._accept, daemon=True).start()

    def begin(self, rng: random.Random) -> None:
        with self._lock:
            self._rng = rng
            self.has: dict[str, int] = {}
            self._failed: Counter[str] = Counter()
            self._echoes = rng.choice([0.0, 0.5, 1.0])
            self._leftovers = rng.choice([0.0, 0.5])

    @staticmethod
    def refuses(number: int) -> bool:
        return number % 3 == 0

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        self.seen["connections"] += 1
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as lines:
            due: list[bytes] = []  # what is to be sent when the next request has come
            while self._one(connection, lines, due):
                pass

    def _one(self, connection: socket.socket, lines: object, due: list[bytes]) -> bool:
        """Answer a request. False: the connection is over."""
        length = None
        while line := lines.readline().strip():  # type: ignore[attr-defined]
            if line.lower().startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        if length is None:
            return False
        with self._lock:
            rng = random.Random(self._rng.random())
        if rng.random() < 0.03:  # it has an opinion before it has read anything
            self.seen["early"] += 1
            _send(connection, rng, _page(503))
            if rng.random() < 0.5:
                return False
        request = json.loads(lines.read(length))  # type: ignore[attr-defined]
        self.seen["requests"] += 1
        fault = self._fault(request["requestId"], rng)
        if fault == "unread":
            return False
        number = request["scriptData"]["session"]["number"]
        with self._lock:
            self.has[request["requestId"]] = number
        if due:
            _send(connection, rng, due.pop())
        return self._answer(connection, rng, request["requestId"], number, fault, due)

    def _fault(self, request_id: str, rng: random.Random) -> str | None:
        if rng.random() > 0.3 or self._failed[request_id] == FAULTS_EACH:
            return None
        self._failed[request_id] += 1
        fault = rng.choice(_FAULTS)
        self.seen[fault] += 1
        return fault

    def _answer(
        self, connection: socket.socket, rng: random.Random, request_id: str, number: int, fault: str | None,
        due: list[bytes],
    ) -> bool:  # fmt: skip
        if fault == "lost":
            return False
        if fault == "too late":
            time.sleep(READ_TIMEOUT * 1.5)
        if fault in ("error", "portal"):
            _send(connection, rng, _interim(rng) + _page(503 if fault == "error" else 200))
            return True
        answer, stays = _said(rng, request_id, number, self._echoes)
        if fault in ("reset", "cut off"):
            _send(connection, rng, answer[: rng.randrange(len(answer))])
            if fault == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            return False
        more = self._leftover(rng, request_id, number) if stays else b""
        when = rng.choice(["at once", "soon", "with the next"])
        before = _interim(rng)
        if before and rng.random() < 0.3:  # it says at once that it thinks, and then it does
            connection.sendall(before)
            time.sleep(rng.random() * 3 * _SOON)
            before = b""
        _send(connection, rng, before + answer + (more if when == "at once" else b""))
        if more and when == "soon":
            time.sleep(rng.random() * 3 * _SOON)
            _send(connection, rng, more)
        elif more and when == "with the next":
            due.append(more)
        return stays and rng.random() > 0.05

    def _leftover(self, rng: random.Random, request_id: str, number: int) -> bytes:
        """What no client should ever get: a second answer, another's, half of one, somebody's opinion."""
        if rng.random() >= self._leftovers:
            return b""
        self.seen["leftovers"] += 1
        other = rng.choice(sorted(self.has.items()) or [(request_id, number)])
        echoes = rng.choice([0.0, 1.0])
        second, _ = _said(rng, request_id, number, echoes)
        anothers, _ = _said(rng, *other, echoes)
        return rng.choice([second, anothers, second[: len(second) // 2], _page(408), b"\r\n\r\n", b"\0garbage\r\n"])


def _said(rng: random.Random, request_id: str, number: int, echoes: float) -> tuple[bytes, bool]:
    """The answer to this end, framed in one of the ways there are; and whether the connection stays."""
    said: dict[str, object] = {"@class": ".EndSessionResponse", "sessionDuration": number}
    if rng.random() < echoes:
        said["requestId"] = request_id
    if RawServer.refuses(number):
        said["error"] = {"number": number}
    body = json.dumps(said).encode().ljust(rng.choice([0] * 9 + [5000]))
    version, headers, stays = rng.choice(["1.1", "1.1", "1.0"]), ["X-Any: thing"], True
    framing = rng.choice(["length", "chunked", "until closed"]) if version == "1.1" else "until closed"
    if framing == "chunked":
        headers.append("Transfer-Encoding: chunked")
        body = _chunked(rng, body)
    elif framing == "length":
        headers.append(f"Content-Length: {len(body)}")
    else:
        stays = False
    if stays and rng.random() < 0.2:
        headers.append("Connection: close")
        stays = False
    return "\r\n".join([f"HTTP/{version} 200 Fine", *headers, "", ""]).encode() + body, stays


def _interim(rng: random.Random) -> bytes:
    """What may come before an answer."""
    each = [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 102 Processing\r\n\r\n", b"HTTP/1.1 150 \r\nA: b\r\n\r\n",
            b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nLink: </b>\r\n\r\n"]  # fmt: skip
    return b"".join(rng.choices(each, k=rng.choice([0, 0, 1, 2, 4])))


def _page(code: int) -> bytes:
    return b"HTTP/1.1 %d Page\r\nContent-Length: 6\r\n\r\n<html>" % code


def _chunked(rng: random.Random, body: bytes) -> bytes:
    out, size = b"", rng.choice([1, 7, 100, len(body)])
    for at in range(0, len(body), size):
        part = body[at : at + size]
        out += b"%x%s\r\n%s\r\n" % (len(part), rng.choice([b"", b";ext=1"]), part)
    return out + rng.choice([b"0\r\n\r\n", b"0\r\nTrailer: x\r\n\r\n"])


def _send(connection: socket.socket, rng: random.Random, data: bytes) -> None:
    """In pieces: all of it, byte by byte, or cut somewhere."""
    way = rng.choice(["whole", "cut", "bytes"])
    cuts = (
        range(1, len(data))
        if way == "bytes" and len(data) < 1000
        else sorted(rng.sample(range(len(data)), k=min(3, len(data))))
    )
    begun = 0
    for cut in [] if way == "whole" else cuts:
        connection.sendall(data[begun:cut])
        begun = cut
        if way == "cut":
            time.sleep(rng.random() * _SOON)
    connection.sendall(data[begun:])
