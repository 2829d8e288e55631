"""A GameSparks-compatible server for ended sessions: takes EndSessionRequests over REST, keeps them, shows them.

An extra (`pip install "gs-pygame[server]"`), never imported by a game. Its rooms:

    _protocol   bytes of a request to checked values, values to JSON; pure
    _tables     the columns of what is on disk
    _gaps       the sessions that never came
    _store      the sessions on disk
    _pages      the page for people
    _app        HTTP: joins the rooms above
    _serve      a socket, signals, uvicorn
    _cli        `gs-pygame serve`

The names below are loaded when first used, so that `gs_pygame.server._cli` can be imported without the extra.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._app import create_app
    from ._database import ServerError
    from ._serve import serve
    from ._store import Store, open_store

__all__ = ["ServerError", "Store", "create_app", "open_store", "serve"]

_HOMES = {
    "ServerError": "._database",
    "Store": "._store",
    "create_app": "._app",
    "open_store": "._store",
    "serve": "._serve",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)
