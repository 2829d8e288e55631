"""GameSparks' WebSocket: a handshake, then requests, each answered before the next is read.

    server -> {"@class": ".AuthenticatedConnectResponse", "nonce": ...}
    client -> {"@class": ".AuthenticatedConnectRequest", "hmac": base64(HMAC-SHA256(secret, nonce)), ...}
    server -> {"@class": ".AuthenticatedConnectResponse", "sessionId": ...}  or  "error"

Behind a load balancer the server's first word is a `connectUrl` instead, at which the client comes again. That the next
frame is read only when the last was answered is the back-pressure: a client that sends faster waits, and where the
server has too much to do all do.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocket, WebSocketDisconnect

from . import _metrics
from ._dispatch import Dispatcher
from ._games import Games
from ._json import JSON, BodyError, decode, encode
from ._limits import Pace
from ._pools import Pools
from ._protocol import read_text
from ._recorder import UNAVAILABLE
from ._requests import Caller, request_name
from ._turns import in_thread

CONNECT = ".AuthenticatedConnectResponse"

HANDSHAKE_TIMEOUT = 30.0
"""Seconds in which a client must have answered the nonce; official SDKs wait 5 to 32 for each answer themselves."""

HELD = 15.0
"""Seconds that a connection stays open of which nothing comes. An official SDK that is closed at once comes again at
once, and without end: a thousand times in three seconds."""

HELD_FOR_ONE = 64
"""Such connections of one address; another one is not let in."""

LOOK = 30.0
"""Seconds between two looks for clients that have gone without a word: by so much a session may be off whose worker was
killed with its player's connection."""

CLIENT_CONFIG = {
    "retryBase": 2000,
    "retryMax": 60000,
    "requestTimeout": 15000,
    "durableConcurrentRequests": 1,
    "durableDrainInterval": 100,
    "handshakeOffset": 2000,
}
"""What official SDKs take if told nothing (ms)."""

_UNSUPPORTED, _RESTART, _TRY_LATER = 1003, 1012, 1013  # close codes of RFC 6455 and its registry


class _FrameError(Exception):
    """A frame that no SDK sends."""


class _Refused(Exception):
    """A failed handshake; `error` is what the client is told."""

    def __init__(self, error: JSON) -> None:
        super().__init__()
        self.error = error


@dataclass(slots=True)
class GameSocket:
    """The endpoint. `public_url` is the address that clients are sent to, like https://play.example.com. `answering`:
    how many requests are under way; while it `is_draining` a connection ends with its next answer."""

    dispatcher: Dispatcher
    games: Games
    pools: Pools
    pace: Pace
    public_url: str | None
    is_draining: bool = False
    answering: int = 0
    _held: Counter[str] = field(default_factory=Counter)
    _playing: Counter[str] = field(default_factory=Counter)  # connections by client
    _gone: set[str] = field(default_factory=set)  # clients of whom that is not noted yet
    _noting: asyncio.Task[None] | None = None

    async def first(self, socket: WebSocket) -> None:
        """A client that came to the address that it was built with."""
        if self.public_url is None:
            return await self.play(socket)
        with suppress(WebSocketDisconnect), self._room(socket):
            await socket.accept()
            credential, api_key = socket.path_params["credential"], socket.path_params["api_key"]
            url = f"{re.sub('^http', 'ws', self.public_url.rstrip('/'))}/at/ws/{credential}/{api_key}"
            await _send(socket, {"@class": CONNECT, "connectUrl": url})
            await _hold(socket)
        return None

    async def play(self, socket: WebSocket) -> None:
        """Handshake and requests."""
        with suppress(WebSocketDisconnect):
            with self._room(socket):
                await socket.accept()
                try:
                    caller = await self._shake_hands(socket)
                except _Refused as refused:
                    await _send(socket, {"@class": CONNECT, "error": refused.error})
                    return await _hold(socket)
            await self._play(socket, caller)
        return None

    async def _play(self, socket: WebSocket, caller: Caller) -> None:
        assert caller.client is not None
        id = caller.client.id
        self._playing[id] += 1
        try:
            with _metrics.PLAYING.track_inprogress():
                await self._answer_all(socket, caller)
        finally:
            self._playing[id] -= 1
            if not self._playing[id]:
                del self._playing[id]
                self._gone.add(id)
                self._noting = self._noting or asyncio.create_task(self._note_gone())

    async def _note_gone(self) -> None:
        """Those who go at the same time are one commit: at a stop, or where a network fails, thousands do."""
        try:
            while self._gone:
                gone, self._gone = self._gone, set()
                with suppress(*UNAVAILABLE):  # they were seen a while ago
                    await in_thread(self.dispatcher.seen, [*gone])
        finally:
            self._noting = None

    async def stop(self) -> None:
        """When all connections have ended: it is noted."""
        if self._noting is not None:
            await self._noting

    async def end_left(self, after: float) -> None:
        """For ever: who is connected is there, and the sessions of those who have not been for `after` seconds end."""
        while True:
            with suppress(*UNAVAILABLE):
                while await in_thread(self.dispatcher.end_left, after, [*self._playing]):
                    pass
            await asyncio.sleep(min(LOOK, after / 2))

    async def keep_seen(self) -> None:
        """For ever: who is connected is there."""
        while True:
            if self._playing:
                with suppress(*UNAVAILABLE):
                    await in_thread(self.dispatcher.seen, [*self._playing])
            await asyncio.sleep(LOOK)

    async def _shake_hands(self, socket: WebSocket) -> Caller:
        """Raises _Refused."""
        nonce = secrets.token_urlsafe(24)
        await _send(socket, {"@class": CONNECT, "nonce": nonce})
        try:
            body = await asyncio.wait_for(_receive(socket), HANDSHAKE_TIMEOUT)
        except asyncio.TimeoutError:
            raise _Refused({"hmac": "TIMEOUT"}) from None
        except (BodyError, _FrameError) as error:
            raise _Refused({"frame": str(error)}) from None
        if request_name(body) != "AuthenticatedConnectRequest":
            raise _Refused({"@class": "must be .AuthenticatedConnectRequest"})
        game = self._game_of(socket.path_params["api_key"], nonce, body)
        if game is None:
            raise _Refused({"hmac": "UNRECOGNISED"})
        try:
            caller, answer = await run_in_threadpool(self.dispatcher.connect, body, game)
        except UNAVAILABLE:
            raise _Refused({"server": "UNAVAILABLE"}) from None
        await _send(socket, {"@class": CONNECT, **answer, "clientConfig": CLIENT_CONFIG})
        return caller

    def _game_of(self, api_key: str, nonce: str, body: JSON) -> str | None:
        """Whose key and secret the client knows."""
        try:
            given = base64.b64decode(read_text(body.get("hmac")) or "", validate=True)
        except (binascii.Error, ValueError):
            given = b""

        def proves(secret: str) -> bool:
            return hmac.compare_digest(hmac.new(secret.encode(), nonce.encode(), hashlib.sha256).digest(), given)

        return self.games.game_that(api_key, proves)

    async def _answer_all(self, socket: WebSocket, caller: Caller) -> None:
        while True:
            try:
                body = await _receive(socket)
            except BodyError as error:
                await _send(socket, {"@class": ".Error", "error": {"frame": str(error)}})
                continue
            except _FrameError as error:
                await _send(socket, {"@class": ".Error", "error": {"frame": str(error)}})
                await socket.close(_UNSUPPORTED)
                return
            self.answering += 1
            try:
                async with self.pace.turn():
                    with _metrics.UNDER_WAY.track_inprogress():
                        kind = self.dispatcher.kind_of(request_name(body))
                        answer = await self.pools.run(kind, self.dispatcher.answer, body, caller)
                await _send(socket, answer)
            except UNAVAILABLE:  # nothing was acknowledged: the client comes again, and asks again
                await socket.close(_TRY_LATER)
                return
            finally:
                self.answering -= 1
            if self.is_draining:
                await socket.close(_RESTART)
                return

    @contextmanager
    def _room(self, socket: WebSocket) -> Iterator[None]:
        """While a connection has not shaken hands; raises WebSocketDisconnect where its address has too many."""
        address = socket.client.host if socket.client else ""
        if self._held[address] >= HELD_FOR_ONE:
            raise WebSocketDisconnect(_TRY_LATER)
        self._held[address] += 1
        try:
            with _metrics.HELD.track_inprogress():
                yield
        finally:
            self._held[address] -= 1
            if not self._held[address]:
                del self._held[address]


async def _receive(socket: WebSocket) -> JSON:
    """The next frame that says something; a space keeps the connection alive. Raises BodyError, _FrameError, and
    WebSocketDisconnect at its end."""
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1006))
        text = message.get("text")
        if text is None:
            raise _FrameError("A frame must be text.")
        if text.strip():
            return decode(text.encode("utf-8", "surrogatepass"))


async def _send(socket: WebSocket, body: JSON) -> None:
    await socket.send_text(encode(body))


async def _hold(socket: WebSocket) -> None:
    """Until the client goes, or HELD seconds. What it says meanwhile is not answered."""
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(_until_gone(socket), HELD)
    await socket.close()


async def _until_gone(socket: WebSocket) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
    raise WebSocketDisconnect
