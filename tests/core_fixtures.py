"""Fixtures of the rooms that a game ships: a clean environment, a screen that is none, an outbox on disk."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pygame
import pytest
from core_kit import NOBODY

from gs_pygame import _install
from gs_pygame._disk.outbox import Outbox


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No setting of ours comes from outside, and no installed plugin outlives a test."""
    for name in [n for n in os.environ if n.startswith("GS_PYGAME_") or n == "DO_NOT_TRACK"]:
        monkeypatch.delenv(name)
    yield
    if _install._plugin is not None:
        _install._plugin.close()
        _install._plugin = None


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """pygame is initialised without a screen, and its queue is empty."""
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setenv("SDL_AUDIODRIVER", "dummy")
    pygame.init()
    pygame.display.set_mode((64, 64))
    pygame.event.clear()
    yield
    pygame.quit()


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder of an ordinary user's (NOBODY), which they can reach; pytest's own are for root alone."""
    if getattr(os, "geteuid", lambda: None)() != 0:
        pytest.fail("needs root") if os.environ.get("CI") and sys.platform == "linux" else pytest.skip("needs root")
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.chown(folder, NOBODY, NOBODY)
        yield Path(folder)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where an outbox may lie; its folder does not exist yet."""
    return tmp_path / "folder" / "outbox.sqlite3"


@pytest.fixture
def outbox(path: Path) -> Iterator[Outbox]:
    opened = Outbox(path)
    yield opened
    opened.close()
