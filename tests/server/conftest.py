"""Fixtures: a store on disk, a client of a server with it, and server processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from server_kit import DEADLINE, ServerProcess, listening

from gs_pygame.server import Store, create_app, open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 'sessions.sqlite3'}")
    yield opened
    opened.close()


@pytest.fixture
def client(store: Store) -> Iterator[httpx.Client]:
    """A client of a server that asks for no key and no secret."""
    with (
        listening(create_app(store)) as address,
        httpx.Client(base_url=address, timeout=DEADLINE, trust_env=False) as connected,
    ):
        yield connected


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., ServerProcess]]:
    """Start server processes in a fresh folder; what still runs at the end is killed."""
    with ExitStack() as leftovers:

        def starter(*options: str) -> ServerProcess:
            process = ServerProcess(*options, cwd=tmp_path)
            leftovers.callback(process.stop, lambda child: child.kill())
            return process

        yield starter
