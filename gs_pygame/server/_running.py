"""One process that serves, until a signal: then it listens no more, answers what is under way, and stops. A second
signal ends it at once, which costs no end that was acknowledged."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import RequestResponseCycle

from ._http import Protocol
from ._protocol import MAX_BODY

DRAINING = 8.0
"""Seconds for what is under way. Containers are killed after ten."""

_LOOK = 0.02  # seconds between two looks whether all is answered
_PING_INTERVAL = _PING_TIMEOUT = 20.0  # seconds: who has gone without a word is known to have after both
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Drained:
    """Requests that were under way when the signal came: those that were answered, and those that took too long."""

    answered: int = 0
    cut_off: int = 0

    def __add__(self, other: Drained) -> Drained:
        return Drained(self.answered + other.answered, self.cut_off + other.cut_off)

    def __str__(self) -> str:
        """For whoever stopped it."""
        cut_off = f"; {self.cut_off} took too long" if self.cut_off else ""
        return f"stopped; requests under way that were answered first: {self.answered}{cut_off}"


def configured(app: Starlette, proxies: Sequence[str] = ()) -> uvicorn.Config:
    """How the server runs, in tests as well. `proxies`: addresses and networks whose X-Forwarded-For is believed; the
    client is the last in it that is none of these."""
    return uvicorn.Config(
        app,
        loop="asyncio",
        http=Protocol,
        ws="websockets-sansio",
        ws_max_size=MAX_BODY,
        ws_per_message_deflate=False,  # it takes more of a connection's memory than all else, and frames are short
        ws_ping_interval=_PING_INTERVAL,
        ws_ping_timeout=_PING_TIMEOUT,
        lifespan="on",
        proxy_headers=bool(proxies),
        forwarded_allow_ips=[*proxies],
        access_log=False,  # paths hold secrets
        log_config=None,  # uvicorn's own asks standard streams that a windowed program has not
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=1,  # for what is left after DRAINING
    )


def run(app: Starlette, listener: socket.socket, proxies: Sequence[str], on_start: Callable[[], None]) -> Drained:
    """Serve until a signal. Calls `on_start` once signals are heeded."""
    server = _Server(app, proxies)
    with signals_stop(server.stop):
        on_start()
        server.run(sockets=[listener])
    return server.drained


class _Server(uvicorn.Server):
    def __init__(self, app: Starlette, proxies: Sequence[str]) -> None:
        super().__init__(configured(app, proxies))
        self._health = app.state.health
        self.drained = Drained()

    def stop(self) -> None:
        self._health.drain()
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """uvicorn's own raises them again when it is done, which would end the process before the store is closed."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        self._health.drain()
        connections = [one for one in self.server_state.connections if isinstance(one, Protocol)]
        cycles = [one.cycle for one in connections if one.cycle is not None and not one.cycle.response_complete]
        over_sockets = self._health.answering
        for connection in connections:
            connection.shutdown()
        limit = time.monotonic() + DRAINING
        while (left := self._left(cycles)) and time.monotonic() < limit:
            await asyncio.sleep(_LOOK)
        answered = sum(cycle.response_complete for cycle in cycles)
        self.drained = Drained(answered + max(0, over_sockets - self._health.answering), left)
        await super().shutdown(sockets)

    def _left(self, cycles: list[RequestResponseCycle]) -> int:
        """Those that somebody still waits for."""
        waited_for = sum(not (cycle.response_complete or cycle.disconnected) for cycle in cycles)
        return waited_for + int(self._health.answering)


@contextmanager
def signals_stop(stop: Callable[[], None]) -> Iterator[None]:
    """SIGINT and SIGTERM call `stop` and nothing more; the next one ends the process.

    Only the main thread can do this; elsewhere signals are the program's own affair.
    """

    def heed(_number: int, _frame: object) -> None:
        for number in heeded:
            signal.signal(number, signal.SIG_DFL)
        stop()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heeded = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, heed) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
