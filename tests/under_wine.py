"""What Windows' Python cannot be asked to do: tests that are about POSIX, and what Wine 8 does not do as Windows does.

Each by the beginning of its name. Everything else passes there (`.ci/wine`).
"""

from __future__ import annotations

import sys

import pytest

POSIX = {
    "tests/disk/test_lock.py::test_it_knows_when_its_file_was_replaced": "Windows replaces no open file",
    "tests/disk/test_replaced.py": "Windows replaces no open file",
    "tests/disk/test_runs.py::test_a_game_that_lost_the_race_begins_another_file[buried]": "as above",
    "tests/disk/test_runs.py::test_games_and_scanners_race_without_a_casualty": "a file is removed after its lock is free",
}
"""Windows has no such thing."""

WINES_OWN: dict[str, str] = {}
"""Windows has, or does otherwise; Wine 8.0 has not."""


def skip(items: list[pytest.Item]) -> None:
    """Skip these where they cannot be."""
    if sys.platform != "win32":
        return
    reasons = {**POSIX, **(WINES_OWN if is_wine() else {})}
    for item in items:
        for name, reason in reasons.items():
            if item.nodeid.startswith(name):
                item.add_marker(pytest.mark.skip(reason=reason))


def is_wine() -> bool:
    """Whether this Windows is Wine."""
    import ctypes

    return hasattr(ctypes.windll.ntdll, "wine_get_version")  # type: ignore[attr-defined,unused-ignore]
