"""How tests run side by side, under pytest-xdist: which of them stay in one worker, who begins, and who gives way.

Its own groups (`--dist loadgroup`) change the name of a test, which pytest 9.2 does not let them do any more.
"""

from __future__ import annotations

import os

import pytest
from xdist.scheduler import LoadScopeScheduling

REAL_WINDOWS = "real windows"

TOGETHER = {
    "tests/window/test_window": REAL_WINDOWS,
    "tests/testing/test_real_window.py": REAL_WINDOWS,
    "tests/frozen/": "frozen games",
    "tests/torture/test_network.py": "faults",
    "tests/delivery/test_process_limits.py::test_no_process_outlives_the_limit": "limits",
    "tests/delivery/test_process_limits.py::test_nothing_is_lost_meanwhile": "limits",
    "tests/delivery/test_process_limits.py::test_a_game_that_lives_on_has_no_zombie": "limits",
    "tests/server/test_server_browser.py": "a browser",
    "tests/testing/test_pytest_plugin.py": "an author's tests",
}
"""By how their names begin: tests that stay in one worker, since the first of them begins what all of them wait for."""

GIVES_WAY = 10
"""Niceness of a worker that has no real windows: it gets a tenth of what the one that has them asks for."""


class Groups(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out the groups first, the largest before the others; then one test at a time, in their order."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


def group(nodeid: str) -> str:
    """A test that is in none is one by itself."""
    return next((name for beginning, name in TOGETHER.items() if nodeid.startswith(beginning)), nodeid)


def workers() -> int:
    """One for each processor: plays in real windows mostly wait, but what they measure wants one at once."""
    return os.cpu_count() or 1


def give_way(item: pytest.Item) -> None:
    """What is measured in real windows are moments: a worker that is done with them, or has none, leaves them the
    processors."""
    if hasattr(item.config, "workerinput") and hasattr(os, "nice") and group(item.nodeid) != REAL_WINDOWS:
        os.nice(max(0, GIVES_WAY - os.nice(0)))
