"""The loopback server that everybody sends to: takes anything, and answers what each client wants to hear.

python -m tests.benchmarks.serve [--silent] [--delay MILLISECONDS]

It prints its port. `GET /marks` tells when each mark first came in; everything else is answered at once, after the
delay, or (`--silent`) never.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gzip
import json
import re
import time

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
PACKED = re.compile(rb"\r\ncontent-encoding: *gzip", re.IGNORECASE)
REQUEST_ID = re.compile(rb'"requestId": *"([^"]+)"')
MARK = re.compile(rb"mark-[0-9a-f]{8}")

NOBODY = "00000000-0000-4000-8000-000000000000"
ANSWER = {"@class": ".EndSessionResponse", "sessionDuration": 0, "status": 1, "data": {}, "session_id": NOBODY,
          "player_id": NOBODY, "accepted": 1}  # fmt: skip


class Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, marks: dict[str, float], silent: bool, delay: float) -> None:
        self._marks = marks
        self._silent = silent
        self._delay = delay
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._unread += data
        while (end := self._unread.find(b"\r\n\r\n")) >= 0:
            head, rest = self._unread[:end], self._unread[end + 4 :]
            found = LENGTH.search(head)
            length = int(found[1]) if found else 0
            if len(rest) < length:
                return
            self._unread = rest[length:]
            self._take(head, rest[:length])

    def _take(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"GET /marks "):
            self._say(self._marks)
            return
        if PACKED.search(head):
            body = gzip.decompress(body)
        now = time.monotonic()
        for mark in MARK.findall(body):
            self._marks.setdefault(mark.decode(), now)
        if self._silent:
            return
        asked = REQUEST_ID.search(body)
        said = {**ANSWER, "requestId": asked[1].decode()} if asked else ANSWER
        if self._delay:
            asyncio.get_running_loop().call_later(self._delay, self._say, said)
        else:
            self._say(said)

    def _say(self, said: dict[str, object] | dict[str, float]) -> None:
        body = json.dumps(said).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--silent", action="store_true")
    parser.add_argument("--delay", type=float, default=0.0)
    options = parser.parse_args()
    marks: dict[str, float] = {}
    server = await asyncio.get_running_loop().create_server(
        lambda: Client(marks, options.silent, options.delay / 1000), "127.0.0.1", 0
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
