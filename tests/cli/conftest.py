"""Fixtures: a clean environment, an outbox's place, and the command line as a function."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_kit import Command

from gs_pygame.testing import FaultServer
from tests.disk.disk_kit import Disk, mounted


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No setting, proxy or colour comes from outside, and what a command does to the log is undone."""
    for name in list(os.environ):
        if name.startswith("GS_PYGAME_") or name.lower().endswith("_proxy") or name == "DO_NOT_TRACK":
            monkeypatch.delenv(name)
    for name in (
        "NO_COLOR",
        "FORCE_COLOR",
        "TTY_COMPATIBLE",
        "COLUMNS",
        "TERMINAL_WIDTH",
        "PY_COLORS",
        "GITHUB_ACTIONS",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    log = logging.getLogger("gs_pygame")
    before = list(log.handlers)
    yield
    log.handlers[:] = before


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where an outbox may lie; its folder does not exist yet."""
    return tmp_path / "folder" / "outbox.sqlite3"


@pytest.fixture
def command(path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """A command about the outbox at `path`."""
    return Command(path.parent, capsys)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A disk of 16 MiB; the folder on it does not exist yet."""
    with mounted(tmp_path / "disk") as made:
        yield made
