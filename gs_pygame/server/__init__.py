"""A GameSparks-compatible server: players log in and their sessions end, over WebSocket and REST; it keeps them and
shows them.

An extra (`pip install "gs-pygame[server]"`), never imported by a game. Its rooms, the way a request goes:

    _cli, _config (_file)    `gs-pygame serve`, and what may be set
    _serve, _backup          a server from settings; a copy of its database
    _workers, _running       processes on one socket; one that serves, until a signal
    _http, _limits           a connection's time-outs; how much for anybody
    _watch, _metrics         how each request ended: access log, Prometheus
    _admission               who may speak to the server at all
    _app, _websocket         HTTP; GameSparks' WebSocket
    _games                   whose key and secret it came with
    _dispatch, _requests     the way of a request, however it came; what each does
    _cloud_code (_child)     the author's scripts, in processes of their own
    _protocol                bytes to checked values, values to JSON; pure
    _recorder, _store        ends that come together are one commit; the sessions
    _players, _gaps          who plays; the sessions that never came
    _tables, _database       the columns; SQLite or PostgreSQL
    _rollups (_sums)         what is added up by day and by player
    _turns                   what comes round again and again, beside the requests
    _dashboard, _views       the pages for people, and what they are asked for
    _insights                what they say
    _pages, _charts          as HTML, as pictures
    _health                  what machines ask

The names below are loaded when first used, so that `gs_pygame.server._cli` can be imported without the extra.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._app import create_app
    from ._config import ServerConfig
    from ._schema import ServerError
    from ._serve import serve
    from ._store import Store, open_store

__all__ = ["ServerConfig", "ServerError", "Store", "create_app", "open_store", "serve"]

_HOMES = {
    "ServerConfig": "._config",
    "ServerError": "._schema",
    "Store": "._store",
    "create_app": "._app",
    "open_store": "._store",
    "serve": "._serve",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)
