"""A server on SQLite alone, for tests that would show the same on any database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from server_kit import listening

from gs_pygame.server import Store, create_app, open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(f"sqlite:///{tmp_path / 'sessions.sqlite3'}")) as opened:
        yield opened


@pytest.fixture
def address(store: Store) -> Iterator[str]:
    with listening(create_app(store)) as served:
        yield served
