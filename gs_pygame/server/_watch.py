"""What is known of every request afterwards: how it ended and how long it took, for the metrics and the access log.

The access log is one JSON object a line of the logger `gs_pygame.server.access`, at INFO. Neither has a path, since
secrets are in them, but the route: what the path is like. It has addresses, which are personal data.
"""

from __future__ import annotations

import json
import logging
import sys
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import _metrics
from ._times import format_millis

access = logging.getLogger("gs_pygame.server.access")

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})  # others are anybody's inventions
_GONE = 499  # nobody was there any more to be answered; nginx's number for it


def log_to_stderr() -> None:
    """Show the access log there, and nowhere else."""
    access.handlers = [logging.StreamHandler(sys.stderr)]
    access.setLevel(logging.INFO)
    access.propagate = False


class Watch:
    """ASGI middleware; the outermost."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        status, length, begun = _GONE, 0, time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status, length
            kind = message["type"]
            if kind in ("http.response.start", "websocket.http.response.start"):
                status = message["status"]
            elif kind == "websocket.accept":
                status = 101
            length += len(message.get("body", b"")) or len(message.get("text") or "")
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            seconds = time.perf_counter() - begun
            method = scope.get("method", "WEBSOCKET")
            method = method if method in _METHODS or scope["type"] == "websocket" else "other"
            route = getattr(scope.get("route"), "path", "none")
            if scope["type"] == "http":
                _metrics.served(method, route, status, seconds)
            if access.isEnabledFor(logging.INFO):
                access.info("%s", _line(method, route, status, seconds, length, scope))


def _line(method: str, route: str, status: int, seconds: float, length: int, scope: Scope) -> str:
    return json.dumps(
        {
            "time": format_millis(time.time_ns() // 1000),
            "method": method,
            "route": route,
            "status": status,
            "ms": round(seconds * 1000, 1),
            "bytes": length,
            "address": scope["client"][0] if scope.get("client") else None,
        }
    )
