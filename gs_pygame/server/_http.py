"""uvicorn's HTTP over h11, for clients that mean harm or have gone: a request has to arrive, an answer to be taken,
and no more connections are open than the server has room for.

uvicorn has a time-out for what lies between two requests only.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from ._faults import TRANSPORT
from ._limits import retry_after

ARRIVAL = 10.0
"""Seconds in which a request has come whole, from the connection or its first byte on: 256 KB at 26 KB/s, and an end is
2 KB."""

TAKING = 30.0
"""Seconds in which a client goes on reading its answer."""

OPEN = 10_000
"""Connections of a worker, players' WebSockets with them: 30 KB each, and with Python's own the memory of a small
machine. Where the system gives a process fewer files, it is fewer."""

_OTHER_FILES = 128  # the database's, the scripts', logs


def most_open() -> int:
    """Connections that may be open."""
    if sys.platform == "win32":
        return OPEN
    import resource

    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return OPEN if files == resource.RLIM_INFINITY else min(OPEN, max(1, files - _OTHER_FILES))


def take_files() -> None:
    """As many as the system lets this process have, if that is less than it may need: 1,024 is a usual start."""
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = OPEN + _OTHER_FILES
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        if soft != resource.RLIM_INFINITY and soft < most:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


class Protocol(H11Protocol):
    """One connection."""

    _arrival: asyncio.TimerHandle | None = None
    _taking: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # Else Nagle's algorithm holds each answer's body back for 40 ms. asyncio does so by itself only where an
        # accepted socket names its protocol, which none does on Windows.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.app_state = {**self.app_state, TRANSPORT: transport}
        if len(self.connections) > most_open():
            transport.write(
                b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n"
                b"Retry-After: %d\r\n\r\n" % retry_after()
            )
            transport.close()
            return
        self._arrival = self.loop.call_later(ARRIVAL, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._arrival = _stopped(self._arrival)
        self._taking = _stopped(self._taking)
        super().connection_lost(exc)

    def handle_events(self) -> None:
        super().handle_events()
        if self.transport.get_protocol() is not self:  # it has become a WebSocket, whose request h11 has half read
            return
        state, is_idle = self.conn.their_state, not self.conn.trailing_data[0]
        if state is h11.SEND_BODY or (state is h11.IDLE and not is_idle):
            self._arrival = self._arrival or self.loop.call_later(ARRIVAL, self.transport.abort)
            return
        self._arrival = _stopped(self._arrival)
        if state is h11.IDLE and self.timeout_keep_alive_task is None and not self.transport.is_closing():
            # The rest of a body that nobody wanted: uvicorn, which answered before it came, waits for ever.
            handler = self.timeout_keep_alive_handler
            self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, handler)

    def handle_websocket_upgrade(self, event: Any) -> None:
        self._arrival = _stopped(self._arrival)
        super().handle_websocket_upgrade(event)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._taking = self._taking or self.loop.call_later(TAKING, self.transport.abort)

    def resume_writing(self) -> None:
        self._taking = _stopped(self._taking)
        super().resume_writing()


def _stopped(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    """No timer any more."""
    if timer is not None:
        timer.cancel()
    return None
