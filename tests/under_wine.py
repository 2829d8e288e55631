"""What Windows' Python cannot be asked to do: tests that are about POSIX, and what Wine 8 does not do as Windows does.

Each by the beginning of its name. Everything else passes there (`.ci/wine`).
"""

from __future__ import annotations

import sys

import pytest

POSIX = {
    "tests/cli/test_cli_doctor.py::test_a_folder_that_cannot_be": "the words are POSIX's",
    "tests/cli/test_cli_doctor.py::test_a_link": "a link takes an administrator",
    "tests/cli/test_cli_doctor.py::test_no_write_ahead_log": "SQLite's VFS of that name is POSIX's",
    "tests/cli/test_cli_status.py::test_any_folder['what?": "no file of Windows has that name",
    "tests/delivery/test_helper.py::test_a_game_whose_sigpipe_ends_it": "SIGPIPE is POSIX's",
    "tests/delivery/test_helper.py::test_modules_that_print_at_the_start": "its Python is a shell's script",
    "tests/delivery/test_helper.py::test_no_wait_of_the_game_sees_it": "SIGCHLD and wait() are POSIX's",
    "tests/delivery/test_helper.py::test_the_data_folder_is_removed_in_play": "Windows removes no open file",
    "tests/delivery/test_process_command": "what a process is told is read from Linux's /proc",
    "tests/delivery/test_process_delivery.py::test_a_child_of_the_game_outlives_it": "Windows forks nothing",
    "tests/delivery/test_process_limits.py::test_the_data_folder_is_removed": "Windows removes no open file",
    "tests/disk/test_lock.py::test_it_knows_when_its_file_was_replaced": "Windows replaces no open file",
    "tests/disk/test_replaced.py": "Windows replaces no open file",
    "tests/disk/test_runs.py::test_a_game_that_lost_the_race_begins_another_file[buried]": "it removes no open file",
    "tests/disk/test_runs.py::test_games_and_scanners_race_without_a_casualty": "a run file goes after its lock",
    "tests/plugin/test_nothing_raises.py::test_without_a_working_directory": "nobody removes where somebody works",
    "tests/testing/test_games.py::test_no_network[asyncio]": "asyncio's own socket pair is a TCP connection",
    "tests/testing/test_play.py::test_whatever_a_game_waits_with[select]": "select() takes sockets only",
}
"""Windows has no such thing."""

_RESET = "a reset that comes while nobody reads is the end of the stream"

WINES_OWN = {
    "tests/testing/test_fault_server.py::test_what_a_reply_says_and_how_it_ends[reset": _RESET,
}
"""Windows does, and Wine 8.0 does not do so."""


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
