"""Fixtures: a disk of its own, and a player whose files lie on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pygame
import pytest
from core_fixtures import clean, home, outbox, path, screen
from disk_kit import Disk, mounted

from gs_pygame import testing
from gs_pygame.testing import Player

__all__ = ["clean", "disk", "home", "outbox", "path", "player", "screen"]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with mounted(tmp_path / "disk") as made:
        yield made


@pytest.fixture
def player(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Player]:
    """install() makes plugins whose files lie on the disk."""
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setenv("SDL_AUDIODRIVER", "dummy")
    pygame.init()
    pygame.display.set_mode((64, 64))
    pygame.event.clear()
    with testing.game(disk.folder) as made:
        yield made
    pygame.quit()
