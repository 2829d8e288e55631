"""HTTP: who may speak, how much, and which of the other rooms answers.

    POST [/{api_key}]/rs/{credential}/{secret}/{request}, like EndSessionRequest
    WebSocket /ws/{credential}/{api_key}
    GET  /sessions?after=RECEIVED_AT&limit=N    and what else `_query` knows
    GET  /players/{id}
    DELETE /players/{id}
    GET  /gaps
    GET  /, /player?id=PLAYER, /faults: the pages for people
    POST /faults?switch=NAME
    GET  /healthz, /readyz, /metrics

`/gaps` lists the installations whose sessions 1, 2, 3 ... are not all here, or whose numbers several sessions bear:
`installationId, playerId, received, last, missing, missingCount, open, queued, rejected, dropped, erased, unaccounted,
repeated`, as `_gaps.Gap` explains them. It is the 100 worst, worst first: by what is unaccounted for, then by what is
lost for a known cause; who is merely in the middle of a session comes last. `missing` has the first 50 ranges
`[first, last]`; `missingCount` counts all.

Secrets are in paths (GameSparks' way), so nothing here logs, echoes or redirects to one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from .._base.spreadsheet import csv_lines
from . import _metrics
from ._admission import ANYBODY, Admission, Rules
from ._cloud_code import CloudCode
from ._config import Game
from ._dashboard import Dashboard
from ._dispatch import Dispatcher
from ._erasure import erase, kept_of
from ._faults import Faults, Faulty
from ._games import CALLS, Games
from ._gaps import gap_item
from ._health import Health
from ._json import JSON, BodyError, decode, encode
from ._limits import Limits, Pace, retry_after
from ._pools import Pools
from ._protocol import MAX_BODY, SESSION_ITEM, response, session_item
from ._query import QueryError, next_page, parse_format, parse_query
from ._recorder import UNAVAILABLE, Recorder
from ._retention import keep_only
from ._rollups import keep_gaps_noted, keep_rolled_up
from ._store import Store
from ._watch import Watch
from ._websocket import GameSocket

log = logging.getLogger("gs_pygame.server")

_GAPS = 100
_ANSWERED = (HTTPException, *UNAVAILABLE)
"""Exceptions that have an answer of their own."""


def create_app(
    store: Store,
    *,
    api_key: str | None = None,
    secret: str | None = None,
    games: Sequence[Game] = (),
    public_url: str | None = None,
    rules: Rules = ANYBODY,
    cloud_code: CloudCode | None = None,
    end_after: float | None = None,
    retention: float | None = None,
) -> Starlette:
    """The server as an ASGI application. It does not close `store`.

    Without `secret` every secret is accepted; without `api_key` every key is. `games`: several games instead, each by
    its own. `public_url`: where clients that come by WebSocket are sent to, like https://play.example.com. `rules`: who
    may speak to it at all. `cloud_code`: the scripts that requests and responses go through; it does not close them.
    `end_after`: seconds without a connection after which a session ends by itself, at the moment when its client went;
    None: never. `retention`: seconds that what was received is kept; None: for ever.
    """
    dispatcher = Dispatcher(store, cloud_code)
    known = Games(games or [Game("", api_key, secret)])
    pools, pace = Pools(), Pace()
    calls = _Calls(dispatcher, Recorder(store), known, pools)
    site = _Site(store)
    socket = GameSocket(dispatcher, known, pools, pace, public_url)
    health = Health(store, socket)
    faults = Faults(store)
    # A secret may hold an encoded slash, which arrives decoded: {secret:path}.
    call = "/rs/{credential}/{secret:path}/{request_type}"
    game_routes = [Route(place + call, calls, methods=["POST"]) for place in ("", "/{api_key}")]

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        turns = [
            socket.keep_seen() if end_after is None else socket.end_left(end_after),
            keep_rolled_up(store),
            keep_gaps_noted(store),
            faults.keep_looking(),
            *([] if retention is None else [keep_only(store, retention)]),
        ]
        tasks = [asyncio.create_task(turn) for turn in turns]
        yield
        await socket.stop()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    app = Starlette(
        lifespan=lifespan,
        routes=[
            *game_routes,
            *Dashboard(store, faults).routes(),
            Route("/sessions", site.sessions),
            Route("/players/{id:path}", site.player),
            Route("/players/{id:path}", site.erase, methods=["DELETE"]),
            Route("/gaps", site.gaps),
            Route("/healthz", health.healthz),
            Route("/readyz", health.readyz),
            Route("/metrics", health.metrics),
            # An SDK whose secret was given as NAME:SECRET asks for /ws/secure/NAME.
            *(
                WebSocketRoute(f"{place}/ws/{secure}{{credential}}/{{api_key}}", endpoint)
                for place, endpoint in (("", socket.first), ("/at", socket.play))
                for secure in ("", "secure/")
            ),
        ],
        middleware=[
            Middleware(Watch),
            Middleware(Faulty, faults),
            Middleware(Limits, pace),
            Middleware(Admission, rules),
            Middleware(_ShortCut, game_routes),
        ],
        exception_handlers=dict.fromkeys(_ANSWERED, _fail),
    )
    app.state.health = health
    app.router.redirect_slashes = False  # a redirect would repeat the path, secret and all
    return app


class _ShortCut:
    """ASGI middleware, the innermost: past the router and its handling of exceptions, which take longer than to read a
    game's request."""

    def __init__(self, app: ASGIApp, routes: Sequence[Route]) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and CALLS.match(scope["path"]):
            for route in self._routes:
                match, found = route.matches(scope)
                if match is Match.FULL:
                    scope.update(found, route=route)
                    return await route.app(scope, receive, send)
        return await self._app(scope, receive, send)


@dataclass(frozen=True, slots=True)
class _Calls:
    """The requests of games. An ASGI application and no function of Starlette's: they are nearly all that comes."""

    dispatcher: Dispatcher
    recorder: Recorder
    games: Games
    pools: Pools

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            content = encode(await self._answer(scope["path_params"], receive)).encode()
        except _ANSWERED as error:
            await _answer_to(error)(scope, receive, send)
        else:
            headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": content})

    async def _answer(self, path: Mapping[str, str], receive: Receive) -> JSON:
        """403 wrong key or secret, 404 another request, 413 too long, 400 no JSON object."""
        game = self.games.game_of(path.get("api_key"), path["secret"])
        if game is None:
            raise HTTPException(403, "The API key or the secret is wrong.")
        name = path["request_type"]
        if not self.dispatcher.knows(name):
            raise HTTPException(404, "This server knows no request of that name.")
        try:
            body = decode(await _read(receive))
        except BodyError as error:
            raise HTTPException(400, str(error)) from None
        end = self.dispatcher.waiting_end(name, body, game)
        if end is None:
            kind = self.dispatcher.kind_of(name)
            return await self.pools.run(kind, self.dispatcher.answer_over_rest, name, body, game)
        answer = await self.recorder.record(end, response(end))
        _metrics.answered(name, has_error=False)
        return answer


@dataclass(frozen=True, slots=True)
class _Site:
    store: Store

    async def sessions(self, request: Request) -> Response:
        """A page of sessions, oldest first; the last one's `receivedAt` as `after` gives the next page, to which a
        `Link` leads as well."""
        words = dict(request.query_params)
        try:
            query, form = parse_query(words), parse_format(words)
        except QueryError as error:
            raise HTTPException(400, str(error)) from None
        found = await run_in_threadpool(self.store.find, query)
        items = [session_item(received.request, received.received_at) for received in found]
        answer = _json(items) if form == "json" else _lines(items, form)
        if len(found) == query.limit:
            answer.headers["Link"] = f'<?{next_page(words, query, found[-1].received_at)}>; rel="next"'
        return answer

    async def player(self, request: Request) -> Response:
        """What is kept of a player. 404 if nothing is."""
        kept = await run_in_threadpool(kept_of, self.store, request.path_params["id"])
        if kept is None:
            raise HTTPException(404, "Nothing is kept of a player of that id.")
        return _json(kept)

    async def erase(self, request: Request) -> Response:
        """Erase all that is kept of a player; how much that was."""
        return _json(await run_in_threadpool(erase, self.store, request.path_params["id"]))

    async def gaps(self, _request: Request) -> Response:
        """The installations with numbers missing or repeated."""
        return _json([gap_item(gap) for gap in await run_in_threadpool(self.store.gaps, _GAPS)])


async def _read(receive: Receive) -> bytes:
    """The body. Counts what comes, since Content-Length may lie; raises HTTPException 413 past MAX_BODY bytes."""
    body, is_over = bytearray(), False
    while not is_over:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise HTTPException(400, "The body ended early.")
        body += message.get("body", b"")
        is_over = not message.get("more_body", False)
        if len(body) > MAX_BODY:
            raise HTTPException(413, f"The body must be at most {MAX_BODY // 1024} KB.")
    return bytes(body)


def _json(value: object) -> Response:
    return Response(encode(value), media_type="application/json")


def _lines(items: list[JSON], form: str) -> Response:
    if form == "csv":
        return Response("".join(csv_lines(SESSION_ITEM, items)), media_type="text/csv; charset=utf-8")
    return Response("".join(f"{encode(item)}\n" for item in items), media_type="application/jsonl")


async def _fail(_request: Request, error: Exception) -> Response:
    return _answer_to(error)


def _answer_to(error: Exception) -> Response:
    """An error as JSON. No `@class` and no requestId: a client must not take it for the game server's answer."""
    if isinstance(error, HTTPException):
        return Response(encode({"error": error.detail}), error.status_code, error.headers, "application/json")
    # The database is gone, full or locked. Nothing was acknowledged: clients try again.
    log.error("gs_pygame.server: the database cannot be used: %s", getattr(error, "orig", None) or error)
    answer = {"error": "The server cannot reach its database. Try again later."}
    return Response(encode(answer), 503, {"Retry-After": str(retry_after())}, "application/json")
