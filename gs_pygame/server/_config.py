"""What may be set for a server."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

DAY = 24 * 3600.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Game:
    """What it must come with; None takes any. `name`: how the server calls it; "" is the game that needs no name."""

    name: str
    api_key: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """`database`: `sqlite:///FILE`, `sqlite://` (in memory) or `postgresql://USER@HOST/NAME`.

    `host`: an address of this computer; `port`: 0 takes a free one. `api_key`, `secret`: what games must come with;
    None takes any. `games`: several games, by key and secret. `public_url`: the server's address for other computers,
    where a proxy or a load balancer stands before it; `proxies`: the addresses or networks of those that are not on
    this computer. `admin_token`: what opens the page from there; None: one that is printed once. `cloud_code`: the
    folder of scripts. `end_after`: seconds after a disconnect when a session ends by itself; None: never. `retention`:
    seconds that sessions and events are kept; None: for ever. `workers`: processes. `access_log`: a line of JSON on
    stderr for each request.
    """

    database: str = field(repr=False)  # a password may be in it
    host: str = "127.0.0.1"
    port: int = 8765
    api_key: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)
    games: tuple[Game, ...] = ()
    public_url: str | None = None
    proxies: tuple[str, ...] = ()
    admin_token: str | None = field(default=None, repr=False)
    cloud_code: Path | None = None
    end_after: float | None = None
    retention: float | None = None
    workers: int = 1
    access_log: bool = False
