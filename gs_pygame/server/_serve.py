"""From settings to a running server: a loopback socket, signals, uvicorn."""

from __future__ import annotations

import ipaddress
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import uvicorn
from starlette.applications import Starlette

from ._admission import Rules, digest_of
from ._app import create_app
from ._cloud_code import CloudCode
from ._config import ServerConfig
from ._database import ServerError
from ._http import Protocol, take_files
from ._protocol import MAX_BODY
from ._store import Store, open_store

_SHUTDOWN_TIMEOUT = 3  # seconds for requests under way when asked to stop
_OWN_NAMES = ("127.0.0.1", "localhost", "[::1]")
_PING_INTERVAL = _PING_TIMEOUT = 20.0  # seconds: who has gone without a word is known to have after both


def serve(config: ServerConfig, ready: Callable[[int], None] | None = None) -> None:
    """Serve until SIGINT or SIGTERM.

    Once it listens it prints one line, the page's address, and calls `ready` with the real port. Where other computers
    can reach it, by its host or by a proxy at its public URL, games need the secret and people the admin token.
    Raises ServerError if there is no secret then, or the port, the database or the scripts cannot be used.
    """
    at = _public(config.public_url)
    is_local = _is_loopback(config.host)
    is_public = at is not None or not is_local
    if is_public and not config.secret:
        raise ServerError("other computers can reach it: set GS_PYGAME_SECRET to the secret that your game has")
    take_files()
    with ExitStack() as stack:
        listener = stack.enter_context(closing(_listen(config.host, config.port)))
        store = stack.enter_context(closing(open_store(config.database)))
        cloud_code = stack.enter_context(closing(_scripts(config.cloud_code))) if config.cloud_code else None
        names = {*_OWN_NAMES, at.hostname or ""} if at else {*_OWN_NAMES}
        rules = Rules(
            hosts=frozenset(names) if is_local else None,
            admin=_admin(store, config.admin_token) if is_public else None,
            sockets_of_any_origin=config.secret is not None,
            https=at is not None and at.scheme in ("https", "wss"),
        )
        app = create_app(
            store,
            api_key=config.api_key,
            secret=config.secret,
            public_url=config.public_url,
            rules=rules,
            cloud_code=cloud_code,
            end_after=config.end_after,
        )
        server = uvicorn.Server(configured(app))
        with _signals_stop(server):
            address, real_port = listener.getsockname()[:2]
            name = f"[{address}]" if ":" in address else address
            print(f"http://{name}:{real_port}/", flush=True)
            if ready is not None:
                ready(real_port)
            server.run(sockets=[listener])


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _public(url: str | None) -> SplitResult | None:
    """Raises ServerError."""
    if url is None:
        return None
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https", "ws", "wss") or not parts.hostname:
        raise ServerError(f"the public URL must be like https://sessions.example.com, not {url!r}")
    return parts


def _scripts(folder: Path) -> CloudCode:
    """Raises ServerError."""
    if not folder.is_dir():
        raise ServerError(f"there is no folder {folder} with Cloud Code")
    return CloudCode(folder)


def _admin(store: Store, token: str | None) -> str:
    """The digest of the admin token: of the one that was given, or of the one that was printed once."""
    if token:
        return digest_of(token)
    made = secrets.token_urlsafe(24)
    kept = store.keep_admin(digest_of(made))
    if kept == digest_of(made):
        print(f"The admin token, which opens the page; it is shown once: {made}", file=sys.stderr, flush=True)
    return kept


def configured(app: Starlette, proxies: Sequence[str] = ()) -> uvicorn.Config:
    """How the server runs, in tests as well. `proxies`: addresses and networks whose X-Forwarded-For is believed; the
    client is the last in it that is none of these."""
    return uvicorn.Config(
        app,
        loop="asyncio",
        http=Protocol,
        ws="websockets-sansio",
        ws_max_size=MAX_BODY,
        ws_ping_interval=_PING_INTERVAL,
        ws_ping_timeout=_PING_TIMEOUT,
        lifespan="on",
        proxy_headers=bool(proxies),
        forwarded_allow_ips=[*proxies],
        access_log=False,  # paths hold secrets
        log_config=None,  # uvicorn's own asks standard streams that a windowed program has not
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=_SHUTDOWN_TIMEOUT,
    )


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises ServerError."""
    address = "127.0.0.1" if host == "localhost" else host
    try:
        ipaddress.ip_address(address)
    except ValueError:
        raise ServerError(
            f"the host must be an address of this computer, like 127.0.0.1 or 0.0.0.0, not {host!r}"
        ) from None
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # With the protocol named, asyncio sets TCP_NODELAY; else Nagle's algorithm holds each answer's body back for 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if sys.platform != "win32":  # there the option means something else: to share a port that is in use
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or error
        raise ServerError(f"port {port} of {address} cannot be used: {reason}") from None
    return listener


@contextmanager
def _signals_stop(server: uvicorn.Server) -> Iterator[None]:
    """SIGINT and SIGTERM stop `server` and nothing more: uvicorn raises them again when it is done, which by default
    would end the process before the store is closed.

    Only the main thread can do this; elsewhere signals are the program's own affair.
    """

    def stop(_number: int, _frame: object) -> None:
        server.should_exit = True

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
