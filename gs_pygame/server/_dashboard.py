"""The pages for people, and the script that keeps them as they are on the server.

GET /?game=&version=&platform=&days=|from=&to=&before=
GET /player?id=&game=&days=&before=
GET /live.js
GET /faults
POST /faults?switch=
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ._faults import FAULTS, Faults
from ._insights import Shown, View, history, latest_sessions, overview
from ._pages import PAGE_HEADERS, SCRIPT, render_dashboard, render_faults, render_player
from ._rollups import day_of
from ._store import Store
from ._views import Address, ViewError, parse_address

_ROWS = 50
_PLAYING = 10


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Of one store, in which it changes no more than the fault that is on."""

    store: Store
    faults: Faults

    def routes(self) -> list[Route]:
        return [
            Route("/", self.sessions),
            Route("/player", self.player),
            Route("/live.js", self.script),
            Route("/faults", self.switches),
            Route("/faults", self.switch, methods=["POST"]),
        ]

    async def sessions(self, request: Request) -> Response:
        """All of them, or those that the address bar asks for."""
        return await _page(request, self._sessions)

    async def player(self, request: Request) -> Response:
        """One player's."""
        return await _page(request, self._player)

    async def script(self, _request: Request) -> Response:
        return Response(SCRIPT, media_type="text/javascript", headers=PAGE_HEADERS)

    async def switches(self, _request: Request) -> Response:
        """What games are to meet."""
        return _html(render_faults(self.faults.on))

    async def switch(self, request: Request) -> Response:
        """A fault on, or off."""
        name = request.query_params.get("switch", "")
        if name not in (*FAULTS, "off"):
            raise HTTPException(400, f"switch must be one of {', '.join(FAULTS)}, off.")
        await run_in_threadpool(self.faults.switch, None if name == "off" else name)
        return RedirectResponse("/faults", 303)

    def _sessions(self, address: Address) -> str:
        today = day_of(self.store.now())
        view = address.view(today)
        shown, older = self._list(address, view)
        return render_dashboard(
            address, view, today, overview(self.store, view, _PLAYING), shown, older, self.faults.on
        )

    def _player(self, address: Address) -> str:
        view = address.view(day_of(self.store.now()))
        shown, older = self._list(address, view, address.id)
        return render_player(address, view, history(self.store, address.id, view), shown, older, self.faults.on)

    def _list(self, address: Address, view: View, player_id: str | None = None) -> tuple[list[Shown], int | None]:
        """A page of sessions, and where the next one begins."""
        found = latest_sessions(self.store, view, address.before, _ROWS + 1, player_id)
        return found[:_ROWS], found[_ROWS - 1].received_at if len(found) > _ROWS else None


async def _page(request: Request, render: Callable[[Address], str]) -> Response:
    try:
        address = parse_address(request.query_params)
    except ViewError as error:
        raise HTTPException(400, str(error)) from None
    return _html(await run_in_threadpool(render, address))


def _html(html: str) -> Response:
    content = html.encode("utf-8", "replace")  # half a surrogate pair has no UTF-8
    return Response(content, media_type="text/html", headers=PAGE_HEADERS)
