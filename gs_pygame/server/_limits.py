"""How much is done for anybody, so that there is enough for everybody: of one address and for one key so many requests
a second (429), of all together as many as can be answered soon (503). Both are said before the body is read, and with
a `Retry-After`; the connection can be used again.

What comes over a WebSocket is not refused but waits, and what its client sends next is not read: an SDK gives up what
is answered by an error, whatever the error.

Each worker counts for itself. Who comes from this computer is not held to a rate: it is the developer, or a proxy that
does not say for whom it asks.
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
import random
import re
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import _metrics
from ._json import encode


@dataclass(frozen=True, slots=True)
class Rate:
    """Requests: `a_second` for ever, and `at_once` after a while without any."""

    a_second: float
    at_once: float


OF_ADDRESS = Rate(100, 1000)
"""A game sends an end in minutes, and after a week offline some dozens, one after the other. So this is a school or a
provider of thousands of players behind one address, all back at once after an outage."""

OF_KEY = Rate(2000, 4000)
"""About what a worker does on a small machine: one game cannot take it from the others, and one that has the server for
itself loses nothing."""

REMEMBERED = 20_000
"""Addresses, or keys, that are remembered: some megabytes. The one not heard of for longest is forgotten, which matters
to nobody who has been quiet for a few seconds."""

SOON = 2.0
"""Seconds in which what is under way is answered. The plugin waits for 15, official SDKs for 5 and more."""

LEAST = 32
"""Requests that may be under way however slow the last ones were: a few scripts that take a second each are no
overload, and commits get larger, not slower, when more come together."""

EXPECTED = 500.0
"""Requests a second that are assumed of a server that has not answered any yet."""

_RECENT = 2.0  # seconds under way that the pace is an average of: long enough for a slow disk, short enough for a burst
RETRY_AFTER = (5, 60)
"""Seconds: those that were refused together come back apart, and on the whole before a minute. Where more come than can
be answered, it is as many times longer (at most LONGEST): who comes back too early is refused again."""

LONGEST = 3600
"""Seconds; the plugin waits no longer than that, whatever it is told."""


_KEY = re.compile(r"/([^/]+)/rs/|(?:/at)?/ws/(?:secure/)?[^/]+/([^/]+)")
_CALL = re.compile(r"(?:/[^/]+)?/rs/")


def retry_after(overload: float = 1.0) -> int:
    """Seconds after which a client should come again; not all at the same moment. `overload`: how many come for each
    that is answered."""
    soonest, latest = RETRY_AFTER
    return random.randint(soonest, min(LONGEST, round(latest * overload)))


class Limits:
    """ASGI middleware. Of one event loop."""

    def __init__(self, app: ASGIApp, pace: Pace) -> None:
        self._app = app
        self._addresses = _Buckets(OF_ADDRESS, time.monotonic)
        self._keys = _Buckets(OF_KEY, time.monotonic)
        self._pace = pace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        wait = self._wait(scope)
        if wait:
            _metrics.LIMITED.inc()
            refusal = _refusal(429, "Too many requests. Try again later.", math.ceil(wait) + random.randint(0, 2))
            return await refusal(scope, receive, send)
        if scope["type"] == "websocket" or not _CALL.match(scope["path"]):
            return await self._app(scope, receive, send)
        if self._pace.is_full():
            _metrics.SHED.inc()
            wait = retry_after(self._pace.overload())
            refusal = _refusal(503, "The server has too much to do. Try again later.", wait)
            return await refusal(scope, receive, send)
        return await self._do(scope, receive, send)

    def _wait(self, scope: Scope) -> float:
        """Seconds until this may be asked; 0: now."""
        who = _who(scope["client"][0]) if scope.get("client") else None
        if who is None:
            return 0
        key = _KEY.match(scope["path"])
        return self._addresses.take(who) or (self._keys.take(key[1] or key[2]) if key else 0)

    async def _do(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Under way is what has come whole: who sends slowly keeps nobody else from anything."""
        is_under_way = False

        async def receive_whole() -> Message:
            nonlocal is_under_way
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body") and not is_under_way:
                is_under_way = True
                self._pace.begin()
            return message

        try:
            with _metrics.UNDER_WAY.track_inprogress():
                await self._app(scope, receive_whole, send)
        finally:
            if is_under_way:
                self._pace.finish()


class Pace:
    """How many requests a second are answered while there are any; so how many may be under way to be answered soon.

    What the server did lately says that for every disk, database and script. As more come it does more at once (a
    commit for all that wait), and the pace rises with that.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._under_way = 0
        self._busy = _RECENT  # seconds, the latest count most
        self._finished = EXPECTED * _RECENT  # in these
        self._refused = 0.0
        self._looked = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()

    def is_full(self) -> bool:
        if self._under_way < LEAST:
            return False
        self._look()
        return self._under_way >= SOON * self._finished / self._busy

    def overload(self) -> float:
        """One is refused: how many come, lately, for each that is answered."""
        self._refused += 1
        return 1 + self._refused / max(1.0, self._finished)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """One is under way, from when there is room for it."""
        while self.is_full():
            room = asyncio.get_running_loop().create_future()
            self._waiting.append(room)
            await room
        self.begin()
        try:
            yield
        finally:
            self.finish()

    def begin(self) -> None:
        self._look()
        self._under_way += 1

    def finish(self) -> None:
        self._look()
        self._under_way -= 1
        self._finished += 1
        while self._waiting:
            room = self._waiting.popleft()
            if not room.done():  # its connection has gone
                room.set_result(None)
                break

    def _look(self) -> None:
        now = self._clock()
        if self._under_way:
            passed = now - self._looked
            kept = math.exp(-passed / _RECENT)
            self._busy = self._busy * kept + passed
            self._finished *= kept
            self._refused *= kept
        self._looked = now


class _Buckets:
    """For each name the moment at which all that it has asked for is paid off at its rate (GCRA): one number."""

    def __init__(self, rate: Rate, clock: Callable[[], float]) -> None:
        self._each = 1 / rate.a_second
        self._ahead = (rate.at_once - 1) * self._each
        self._clock = clock
        self._paid: OrderedDict[str, float] = OrderedDict()

    def take(self, name: str) -> float:
        """One more for `name`: 0, or the seconds until there is one."""
        now = self._clock()
        paid = max(self._paid.get(name, now), now)
        if paid - now > self._ahead:
            return paid - now - self._ahead
        self._paid[name] = paid + self._each
        self._paid.move_to_end(name)
        if len(self._paid) > REMEMBERED:
            self._paid.popitem(last=False)
        return 0


@lru_cache(maxsize=4096)
def _who(host: str) -> str | None:
    """Who is behind an address; None: this computer. Of IPv6 a household has not one address but 2^64."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host[:64]
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    if address.is_loopback:
        return None
    return str(address) if address.version == 4 else address.packed[:8].hex()


def _refusal(status: int, text: str, seconds: int) -> Response:
    return Response(encode({"error": text}), status, {"Retry-After": str(seconds)}, "application/json")
