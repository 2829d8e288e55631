"""Fixtures: a server, a data folder, and an environment without proxies."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gs_pygame.testing import FaultServer


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What a process is told, and whether it is there, is read from /proc, which CI must have."""
    if os.path.isdir("/proc/self") or os.environ.get("CI"):
        return
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="needs Linux's /proc"))


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The data folder. Its real name: that is what a process has as its working directory."""
    return tmp_path.resolve() / "data"
