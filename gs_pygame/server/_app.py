"""HTTP: who may speak, how much, and which of the other rooms answers.

    POST [/{api_key}]/rs/{credential}/{secret}/{request}, like EndSessionRequest
    WebSocket /ws/{credential}/{api_key}
    GET  /sessions?after=RECEIVED_AT&limit=N
    GET  /gaps
    GET  /, /player?id=PLAYER: the pages for people

`/gaps` lists the installations whose sessions 1, 2, 3 ... are not all here, or whose numbers several sessions bear:
`installationId, playerId, received, last, missing, missingCount, open, queued, rejected, dropped, unaccounted,
repeated`, as `_gaps.Gap` explains them. It is the 100 worst, worst first: by what is unaccounted for, then by what is
lost for a known cause; who is merely in the middle of a session comes last. `missing` has the first 50 ranges
`[first, last]`; `missingCount` counts all.

Secrets are in paths (GameSparks' way), so nothing here logs, echoes or redirects to one.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hmac import compare_digest

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute

from ._admission import ANYBODY, Admission, Rules
from ._cloud_code import CloudCode
from ._dashboard import Dashboard
from ._dispatch import Dispatcher
from ._gaps import gap_item
from ._protocol import (
    MAX_BODY,
    BodyError,
    decode,
    encode,
    parse_micros,
    response,
    session_item,
)
from ._recorder import UNAVAILABLE, Recorder
from ._rollups import keep_gaps_noted, keep_rolled_up
from ._store import Store
from ._websocket import GameSocket

log = logging.getLogger("gs_pygame.server")

_DEFAULT_LIMIT = 100
_MAX_LIMIT = 1000
_GAPS = 100
_RETRY_AFTER = 10  # seconds


def create_app(
    store: Store,
    *,
    api_key: str | None = None,
    secret: str | None = None,
    public_url: str | None = None,
    rules: Rules = ANYBODY,
    cloud_code: CloudCode | None = None,
    end_after: float | None = None,
) -> Starlette:
    """The server as an ASGI application. It does not close `store`.

    Without `secret` every secret is accepted; without `api_key` every key is. `public_url`: where clients that come by
    WebSocket are sent to, like https://play.example.com. `rules`: who may speak to it at all.
    `cloud_code`: the scripts that requests and responses go through; it does not close them. `end_after`: seconds
    without a connection after which a session ends by itself, at the moment when its client went; None: never.
    """
    dispatcher = Dispatcher(store, cloud_code)
    site = _Site(store, dispatcher, Recorder(store), api_key, secret)
    socket = GameSocket(dispatcher, api_key, secret, public_url)
    # A secret may hold an encoded slash, which arrives decoded: {secret:path}.
    call = "/rs/{credential}/{secret:path}/{request_type}"

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        watching = socket.keep_seen() if end_after is None else socket.end_left(end_after)
        turns = (watching, keep_rolled_up(store), keep_gaps_noted(store))
        tasks = [asyncio.create_task(turn) for turn in turns]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    app = Starlette(
        lifespan=lifespan,
        routes=[
            *Dashboard(store).routes(),
            Route("/sessions", site.sessions),
            Route("/gaps", site.gaps),
            Route(call, site.call, methods=["POST"]),
            Route("/{api_key}" + call, site.call, methods=["POST"]),
            # An SDK whose secret was given as NAME:SECRET asks for /ws/secure/NAME.
            *(
                WebSocketRoute(f"{place}/ws/{secure}{{credential}}/{{api_key}}", endpoint)
                for place, endpoint in (("", socket.first), ("/at", socket.play))
                for secure in ("", "secure/")
            ),
        ],
        middleware=[Middleware(Admission, rules)],
        exception_handlers={HTTPException: _sentence, **dict.fromkeys(UNAVAILABLE, _unavailable)},
    )
    app.router.redirect_slashes = False  # a redirect would repeat the path, secret and all
    return app


@dataclass(frozen=True, slots=True)
class _Site:
    store: Store
    dispatcher: Dispatcher
    recorder: Recorder
    api_key: str | None
    secret: str | None

    async def call(self, request: Request) -> Response:
        """A request of a game's. 403 wrong key or secret, 404 another request, 413 too long, 400 no JSON object."""
        path = request.path_params
        if not (_matches(self.secret, path["secret"]) and _matches(self.api_key, path.get("api_key"))):
            raise HTTPException(403, "The API key or the secret is wrong.")
        name = path["request_type"]
        if not self.dispatcher.knows(name):
            raise HTTPException(404, "This server knows no request of that name.")
        try:
            body = decode(await _read(request))
        except BodyError as error:
            raise HTTPException(400, str(error)) from None
        end = self.dispatcher.waiting_end(name, body)
        if end is not None:
            return _json(await self.recorder.record(end, response(end)))
        return _json(await run_in_threadpool(self.dispatcher.answer_over_rest, name, body))

    async def sessions(self, request: Request) -> Response:
        """A page of sessions, oldest first; the last one's `receivedAt` as `after` gives the next page."""
        after, limit = _after(request.query_params.get("after")), _limit(request.query_params.get("limit"))
        found = await run_in_threadpool(self.store.after, after, limit)
        return _json([session_item(received.request, received.received_at) for received in found])

    async def gaps(self, _request: Request) -> Response:
        """The installations with numbers missing or repeated."""
        return _json([gap_item(gap) for gap in await run_in_threadpool(self.store.gaps, _GAPS)])


def _matches(expected: str | None, given: str | None) -> bool:
    """Whether `given` is right, in a time that does not tell how much of it is. An absent one is not asked for."""
    return expected is None or given is None or compare_digest(expected.encode(), given.encode())


async def _read(request: Request) -> bytes:
    """The body. Counts what comes, since Content-Length may lie; raises HTTPException 413 past MAX_BODY bytes."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                raise HTTPException(413, f"The body must be at most {MAX_BODY // 1024} KB.")
    except ClientDisconnect:
        raise HTTPException(400, "The body ended early.") from None
    return bytes(body)


def _after(text: str | None) -> int:
    try:
        return -1 if text is None else parse_micros(text)
    except ValueError:
        raise HTTPException(400, "after must be a time as in receivedAt, like 2026-01-31T12:00:00.000000Z.") from None


def _limit(text: str | None) -> int:
    if text is None:
        return _DEFAULT_LIMIT
    if re.fullmatch("[0-9]{1,4}", text) is None or not 1 <= int(text) <= _MAX_LIMIT:
        raise HTTPException(400, f"limit must be a whole number from 1 to {_MAX_LIMIT}.")
    return int(text)


def _json(value: object) -> Response:
    return Response(encode(value), media_type="application/json")


async def _sentence(_request: Request, error: Exception) -> Response:
    """An HTTP error as JSON. No `@class` and no requestId: a client must not take it for the game server's answer."""
    assert isinstance(error, HTTPException)
    return Response(encode({"error": error.detail}), error.status_code, error.headers, "application/json")


async def _unavailable(_request: Request, error: Exception) -> Response:
    """The database is gone, full or locked. Nothing was acknowledged: clients try again."""
    log.error("gs_pygame.server: the database cannot be used: %s", getattr(error, "orig", None) or error)
    answer = {"error": "The server cannot reach its database. Try again later."}
    return Response(encode(answer), 503, {"Retry-After": str(_RETRY_AFTER)}, "application/json")
