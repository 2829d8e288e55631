"""Faults that an author switches on to see how a game bears them. One at a time, of all workers: it is in the database.

Only what games call fails: pages, lists and what machines ask go on. It is off by itself after a while, and when the
server is started anew: nobody loses a day's ends to a switch that was forgotten.

The testing kit's fault server has more of them, for a game in a test. It writes to a socket in a thread of its own,
which a server with an event loop has not; the two share what they stand for, and no code.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import select
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ._games import CALLS
from ._recorder import UNAVAILABLE
from ._store import Store
from ._tables import faults
from ._turns import in_thread

FAULTS = {
    "offline": "The connection is closed without an answer.",
    "slow": "Whatever is answered takes ten seconds longer.",
    "500": "The server has failed: 500.",
    "429": "There are too many requests: 429, and to come again after 30 seconds.",
    "portal": "A hotel's page, with 200, as where one has to log in first.",
    "reset": "What was asked for is done, and the connection breaks within the answer.",
}
"""What games meet, by the fault's name."""

LASTS = 15 * 60.0
"""Seconds until a fault is off by itself: a game is tried out within minutes."""

SLOW = 10.0
"""Seconds; the plugin waits for 15, official SDKs for 5 and more."""

LATER = 30
"""Seconds that a 429 asks for."""

LOOK = 1.0
"""Seconds between two looks for what another worker has switched."""

TRANSPORT = "transport"
"""Under which a request's state has its connection, which some faults break."""

_RESET = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)  # SO_LINGER: on, 0 s
_PORTAL = "<!doctype html><title>Welcome to HotelNet</title><p>Please log in."

pause = asyncio.sleep


@dataclass(frozen=True, slots=True)
class Fault:
    """One that is on. `until`: microseconds since 1970."""

    name: str
    until: int


class Faults:
    """Of one worker, which knows what is on without asking the database at each request."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._last: Fault | None = None

    @property
    def on(self) -> Fault | None:
        """The one that is on."""
        return self._last if self._last is not None and self._store.now() < self._last.until else None

    def switch(self, name: str | None) -> None:
        """This one on, and any other off; None: all off. Blocks."""
        with self._store.transaction() as connection:
            self._store.take_turn(connection)
            connection.execute(faults.delete())
            if name is not None:
                until = self._store.now() + round(LASTS * 1e6)
                connection.execute(faults.insert().values(id=1, name=name, until=until))
        self.look()

    def look(self) -> None:
        """What is on, in the database. Blocks."""
        with self._store.reading() as connection:
            row = connection.execute(select(faults)).first()
        self._last = None if row is None else Fault(row.name, row.until)

    async def keep_looking(self) -> None:
        """For ever."""
        while True:
            with suppress(*UNAVAILABLE):
                await in_thread(self.look)
            await asyncio.sleep(LOOK)


class Faulty:
    """ASGI middleware: what games call meets the fault that is on."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or not CALLS.match(scope["path"]):
            return await self._app(scope, receive, send)
        fault = self._faults.on
        if scope["type"] == "websocket" and (fault is None or fault.name == "slow"):
            receive = self._frames(scope, receive)
        if fault is None:
            return await self._app(scope, receive, send)
        if fault.name == "slow":
            await pause(SLOW)
            return await self._app(scope, receive, send)
        if fault.name == "offline" or (fault.name == "reset" and scope["type"] == "websocket"):
            return await _break(scope, receive, with_reset=False)
        if fault.name == "reset":
            return await self._app(scope, receive, _broken_off(scope, receive, send))
        return await _answer(fault.name)(scope, receive, send)

    def _frames(self, scope: Scope, receive: Receive) -> Receive:
        """What comes over a WebSocket that is open when the fault begins: nothing but slowness has a frame for it."""

        async def received() -> Message:
            message = await receive()
            fault = self._faults.on
            if fault is not None and message["type"] == "websocket.receive":
                if fault.name != "slow":
                    await _break(scope, receive, with_reset=False)
                    return {"type": "websocket.disconnect", "code": 1006}
                await pause(SLOW)
            return message

        return received


def _answer(name: str) -> Response:
    if name == "portal":
        return HTMLResponse(_PORTAL)
    if name == "429":
        return PlainTextResponse("Too many requests.\n", 429, {"Retry-After": str(LATER)})
    return PlainTextResponse("Internal Server Error\n", 500)


def _broken_off(scope: Scope, receive: Receive, send: Send) -> Send:
    """Sends half of the body."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.body":
            half = message["body"][: len(message["body"]) // 2]
            await send({"type": "http.response.body", "body": half, "more_body": True})
            await _break(scope, receive, with_reset=True)
        else:
            await send(message)

    return sent


async def _break(scope: Scope, receive: Receive, with_reset: bool) -> None:
    """End the connection, and see the end of it."""
    transport: asyncio.Transport = scope["state"][TRANSPORT]
    if with_reset:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()
    while not (await receive())["type"].endswith(".disconnect"):
        pass
