"""What holds for every test: where its files lie, how it runs beside others, and what it says in the summary."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import side_by_side
import under_wine
from notes import summary

# A shell ignores SIGINT for what it starts in the background, nohup SIGHUP, and so would the games that are to hear it.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Games start from bytecode, as a player's do; compiled anew, each would take a tenth of a second of a processor more.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

ROOM = 2 << 30
"""Bytes that the tests' files may take, those of a few runs together."""


def in_memory() -> str | None:
    """A place in memory for the tests' files, if there is one that programs can be run from: a test waits for the disk
    thousands of times, and asks nothing of it but its files."""
    place = "/dev/shm"
    if not os.access(place, os.W_OK) or not hasattr(os, "statvfs"):
        return None
    disk = os.statvfs(place)
    return place if disk.f_bavail * disk.f_frsize >= ROOM and not disk.f_flag & os.ST_NOEXEC else None


if place := in_memory():
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", place)


WARNED_OF = ("testing", "docs", "starfall", "examples", "laboratory")
"""Folders whose games are to give the plugin nothing to warn of, as an author's."""


@pytest.fixture(autouse=True)
def warnings_are_meant(request: pytest.FixtureRequest) -> Iterator[None]:
    """Elsewhere it is the plugin that is tested, mostly with what goes wrong: there the kit minds no warning."""
    kit = sys.modules.get("gs_pygame.testing._heard")
    with pytest.MonkeyPatch.context() as patch:  # a test may undo its own
        if kit is not None and request.path.parent.name not in WARNED_OF:
            patch.setattr(kit.Heard, "verdict", lambda self: None)
        yield


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    return side_by_side.workers()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> side_by_side.Groups:
    return side_by_side.Groups(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The torture first: its tests take longest, and the last to go should be short."""
    under_wine.skip(items)
    items.sort(key=lambda item: "torture" not in item.path.parts)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    side_by_side.give_way(item)
    for marker in item.iter_markers("library"):
        if importlib.util.find_spec(marker.args[0]) is None:
            chosen = item.config.option.markexpr == "library"
            (pytest.fail if chosen else pytest.skip)(f"{marker.args[0]} is not installed")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests have noted."""
    for heading, lines in summary(terminalreporter).items():
        terminalreporter.section(heading)
        for line in lines:
            terminalreporter.write_line(line)
