"""Fixtures: a fault server, a courier at work, and a data folder for games that are real processes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from courier_scene import Scene
from network_fixtures import (
    authority,
    bundle,
    destination,
    elsewhere,
    log,
    plain_environment,
    server,
    tls_server,
)

__all__ = ["authority", "bundle", "destination", "elsewhere", "log", "plain_environment", "server", "tls_server"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What a process is told is read from /proc, which CI must have."""
    if sys.platform == "linux" or os.environ.get("CI"):
        return
    for item in items:
        if item.path.name.startswith("test_process_command"):
            item.add_marker(pytest.mark.skip(reason="needs Linux's /proc"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The data folder. Its real name: that is what a process has as its working directory."""
    return tmp_path.resolve() / "data"


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.worker.stop(0.0)
    made.outbox.close()
