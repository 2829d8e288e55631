"""Ends that come at the same time are one commit: a commit costs as much for one as for hundreds."""

from __future__ import annotations

import asyncio

from sqlalchemy.exc import DBAPIError, DisconnectionError, InterfaceError, OperationalError
from starlette.concurrency import run_in_threadpool

from . import _metrics
from ._json import JSON
from ._protocol import EndSessionRequest
from ._store import Pair, Store

TOGETHER = 256
"""Ends of a commit at most: those of half a second on a slow disk, 1 MB of the usual ones."""

UNAVAILABLE = (OperationalError, InterfaceError, DisconnectionError)
"""What a database raises that is gone, full or locked: nothing is wrong with what was asked of it."""


class Recorder:
    """Of one event loop."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[tuple[Pair, asyncio.Future[JSON]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def record(self, request: EndSessionRequest, answer: JSON) -> JSON:
        """As the store's."""
        future: asyncio.Future[JSON] = asyncio.get_running_loop().create_future()
        self._waiting.append(((request, answer), future))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        return await future

    async def _write(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:TOGETHER], self._waiting[TOGETHER:]
                await self._write_together(batch)
        finally:
            self._writing = None

    async def _write_together(self, batch: list[tuple[Pair, asyncio.Future[JSON]]]) -> None:
        try:
            answers = await run_in_threadpool(self._store.record_all, [pair for pair, _ in batch])
        except Exception as error:  # noqa: BLE001 - handed on
            alone = isinstance(error, DBAPIError) and not isinstance(error, UNAVAILABLE)
            if alone and len(batch) > 1:  # the database will not have one of them; the others go on
                for one in batch:
                    await self._write_together([one])
                return
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        _metrics.BATCH.observe(len(batch))
        for ((_, own), future), answer in zip(batch, answers, strict=True):
            _metrics.ended(is_new=answer is own)
            if not future.done():  # its client has gone
                future.set_result(answer)
