"""Fixtures: frozen games, built once, and a place where they are played."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from frozen_kit import Build, Place, build, processes
from server_kit import ServerProcess
from window.window_kit import Desktop
from window.wine import ENVIRONMENT, Wine

DESKTOP = Wine if ENVIRONMENT else Desktop


@pytest.fixture(scope="session")
def desktop() -> Iterator[Desktop]:
    """Skipped without PyInstaller or the tools that a window needs, which CI must have."""
    missing = [tool for tool in (*DESKTOP.TOOLS, "objcopy") if shutil.which(tool) is None]
    if importlib.util.find_spec("PyInstaller") is None:
        missing.append("PyInstaller")
    if missing:
        reason = f"frozen games need {', '.join(missing)}"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    opened = DESKTOP()
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def built(desktop: Desktop, tmp_path_factory: pytest.TempPathFactory) -> Build:
    return build(tmp_path_factory.mktemp("frozen"), desktop)


@pytest.fixture
def place(built: Build, desktop: Desktop, tmp_path: Path) -> Iterator[Place]:
    server = ServerProcess("--port", "0", "--database", f"sqlite:///{tmp_path / 'server.sqlite3'}", cwd=tmp_path)
    yield Place(desktop, server, tmp_path)
    for program in (built.folder, built.one_file, built.forgetful, built.returning):
        for pid in processes(program):  # of a test that failed
            os.kill(pid, signal.SIGKILL)
    server.stop(lambda child: child.kill())
