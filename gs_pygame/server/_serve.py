"""From settings to a running server: what is wrong with them, a socket, and the processes that serve on it."""

from __future__ import annotations

import errno
import ipaddress
import secrets
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import partial
from urllib.parse import SplitResult, urlsplit

from ._admission import Rules, digest_of
from ._app import create_app
from ._cloud_code import CloudCode
from ._config import Game, ServerConfig
from ._faults import Faults
from ._http import take_files
from ._running import Drained, run
from ._schema import ServerError
from ._store import Store, open_store
from ._watch import log_to_stderr
from ._workers import run_workers

_OWN_NAMES = ("127.0.0.1", "localhost", "[::1]")
_OWN_ADDRESSES = ("127.0.0.1", "::1")


def serve(config: ServerConfig, ready: Callable[[int], None] | None = None) -> None:
    """Serve until SIGINT or SIGTERM.

    Once it listens it prints one line, the page's address, and calls `ready` with the real port. Where other computers
    can reach it, by its host or by a proxy at its public URL, games need the secret and people the admin token.
    Raises ServerError if there is no secret then, or the port, the database or the scripts cannot be used.
    """
    _check(config)
    take_files()
    with closing(_listen(config.host, config.port)) as listener:
        work = partial(_work, config, _prepare(config))

        def on_start() -> None:
            address, real_port = listener.getsockname()[:2]
            name = f"[{address}]" if ":" in address else address
            print(f"http://{name}:{real_port}/", flush=True)
            if ready is not None:
                ready(real_port)

        drained = (
            work(listener, on_start) if config.workers == 1 else run_workers(config.workers, work, listener, on_start)
        )
    print(f"gs-pygame serve: {drained}", file=sys.stderr, flush=True)


def _check(config: ServerConfig) -> None:
    """Raises ServerError."""
    if _is_public(config) and not config.secret and not config.games:
        raise ServerError("other computers can reach it: set GS_PYGAME_SECRET to the secret that your game has")
    known = [game.secret for game in _games(config)]
    if len(set(known)) < len(known):
        raise ServerError("two games have the same secret, which tells whose a request is")
    if config.cloud_code is not None and not config.cloud_code.is_dir():
        raise ServerError(f"there is no folder {config.cloud_code} with Cloud Code")
    if config.workers < 1:
        raise ServerError(f"there must be a worker, not {config.workers}")
    if config.workers > 1 and config.database in ("sqlite://", "sqlite:///:memory:"):
        raise ServerError("several workers cannot share a database in memory: give --database sqlite:///FILE")
    for proxy in config.proxies:
        try:
            ipaddress.ip_network(proxy)
        except ValueError:
            raise ServerError(f"a proxy must be an address or a network like 10.0.0.0/8, not {proxy!r}") from None


def _prepare(config: ServerConfig) -> str | None:
    """Make the database, before there are several processes to do so. The digest of the admin token, if one is asked
    for: of the one that was given, or of the one that was printed once. No fault is on. Raises ServerError."""
    with closing(open_store(config.database)) as store:
        Faults(store).switch(None)
        if not _is_public(config):
            return None
        return digest_of(config.admin_token) if config.admin_token else _kept_admin(store)


def _kept_admin(store: Store) -> str:
    made = secrets.token_urlsafe(24)
    kept = store.keep_admin(digest_of(made))
    if kept == digest_of(made):
        print(f"The admin token, which opens the page; it is shown once: {made}", file=sys.stderr, flush=True)
    return kept


def _work(
    config: ServerConfig, admin: str | None, listener: socket.socket, on_start: Callable[[], None] | None = None
) -> Drained:
    """Serve in this process. Raises ServerError."""
    at = _public(config.public_url)
    names = {*_OWN_NAMES, at.hostname or ""} if at else {*_OWN_NAMES}
    rules = Rules(
        hosts=frozenset(names) if _is_loopback(config.host) else None,
        admin=admin,
        sockets_of_any_origin=all(game.secret is not None for game in _games(config)),
        https=at is not None and at.scheme in ("https", "wss"),
    )
    if config.access_log:
        log_to_stderr()
    with ExitStack() as stack:
        store = stack.enter_context(closing(open_store(config.database)))
        cloud_code = stack.enter_context(closing(CloudCode(config.cloud_code))) if config.cloud_code else None
        app = create_app(
            store,
            games=_games(config),
            public_url=config.public_url,
            rules=rules,
            cloud_code=cloud_code,
            end_after=config.end_after,
            retention=config.retention,
        )
        proxies = (*_OWN_ADDRESSES, *config.proxies) if at or config.proxies else ()
        return run(app, listener, proxies, on_start or (lambda: None))


def _games(config: ServerConfig) -> list[Game]:
    """The games, the one without a name among them."""
    unnamed = Game("", config.api_key, config.secret)
    return [*config.games, unnamed] if config.secret or not config.games else [*config.games]


def _is_public(config: ServerConfig) -> bool:
    return _public(config.public_url) is not None or not _is_loopback(config.host)


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
    listener = socket.socket(family, socket.SOCK_STREAM)
    if sys.platform != "win32":  # there the option means something else: to share a port that is in use
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or error
        cure = "choose another by --port (0 takes a free one)"
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            cure = f"another program listens there, perhaps this server already: {cure}"
        raise ServerError(f"port {port} of {address} cannot be used: {reason}; {cure}") from None
    return listener
