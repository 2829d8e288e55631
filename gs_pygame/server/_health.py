"""What machines ask of the server: whether it lives, whether it can answer games, what it counts."""

from __future__ import annotations

import asyncio

import anyio.to_thread
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from . import _metrics
from ._recorder import UNAVAILABLE
from ._store import Store
from ._tables import clock
from ._websocket import GameSocket

PATIENCE = 5.0
"""Seconds for the database to answer: no game waits for longer, and balancers ask every ten."""


class Health:
    """The endpoints."""

    def __init__(self, store: Store, socket: GameSocket) -> None:
        self._store = store
        self._socket = socket
        self._reader = anyio.CapacityLimiter(1)  # so that those who ask a database that hangs are not its next victims
        self._is_draining = False

    def drain(self) -> None:
        """From now on what is under way is answered, and nothing more."""
        self._is_draining = self._socket.is_draining = True

    @property
    def answering(self) -> int:
        """Requests under way over WebSocket."""
        return self._socket.answering

    async def healthz(self, _request: Request) -> Response:
        """It lives."""
        return PlainTextResponse("alive\n")

    async def readyz(self, _request: Request) -> Response:
        """Games should come here."""
        if self._is_draining:
            return PlainTextResponse("The server is being stopped.\n", 503)
        try:
            reading = anyio.to_thread.run_sync(self._read, abandon_on_cancel=True, limiter=self._reader)
            await asyncio.wait_for(reading, PATIENCE)
        except (asyncio.TimeoutError, *UNAVAILABLE):
            return PlainTextResponse("The database does not answer.\n", 503)
        return PlainTextResponse("ready\n")

    def _read(self) -> None:
        with self._store.reading() as connection:
            connection.execute(select(clock.c.id)).all()

    async def metrics(self, _request: Request) -> Response:
        return Response(await run_in_threadpool(_metrics.exposition), media_type=CONTENT_TYPE_LATEST)
