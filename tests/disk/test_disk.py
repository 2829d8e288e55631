"""A disk that is full, read-only, removed, locked or damaged: nothing raises, nothing is lost that can be kept, and the
outbox comes back to it. Real file systems, a fake clock."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from core_kit import ENDPOINT, child, line_of, tell
from disk_kit import Disk

import gs_pygame
from gs_pygame import SessionPlugin
from gs_pygame._base.patience import DISK_RETRY
from gs_pygame._disk.outbox import Outbox
from gs_pygame._disk.runs import recover_dead_runs
from gs_pygame.testing import Player

HOUR = 3600.0
BIG = {"x": "y" * 60_000}


def install(**more: Any) -> SessionPlugin:
    return gs_pygame.install(app="Game", author="Me", endpoint=ENDPOINT, **more)


def play(plugin: SessionPlugin, player: Player, sessions: int, seconds: float = 10.0, data: Any = None) -> None:
    """So many sessions, one after the other; another one is open then."""
    for _ in range(sessions):
        player.wait(seconds)
        plugin.end_session(data)
        plugin.start_session()


def deliver(player: Player) -> None:
    """The network is back."""
    player.destination.offline = False
    player.wait(HOUR / 12)


def after_a_kill(folder: Path) -> list[int | None]:
    """The numbers of what the next start would send if the game were killed now."""
    copy = Path(shutil.copytree(folder, folder.parent.parent / f"kill-{os.urandom(4).hex()}"))
    with closing(Outbox(copy / "outbox.sqlite3")) as outbox:
        recover_dead_runs(outbox, copy / "runs")
        return [end.number for end in outbox.ready(10_000)]


def numbers(player: Player) -> list[int | None]:
    return [end.number for end in player.ends]


def check_all_delivered_once(player: Player, count: int) -> None:
    assert len({end.session_id for end in player.ends}) == len(player.ends) == count


# Full


def test_a_disk_that_fills_up_takes_ends_and_receipts_all_the_same(disk: Disk, player: Player) -> None:
    """30 sessions end offline on a full disk, durably; then 30 receipts are written there: the file has room inside."""
    player.destination.offline = True
    plugin = install()
    player.wait(5)
    disk.fill()
    play(plugin, player, 30)
    player.wait(2)
    assert plugin.status().durable
    assert after_a_kill(disk.folder) == list(range(1, 32))
    deliver(player)
    assert plugin.status().durable
    assert numbers(player) == list(range(1, 31))
    assert plugin.status().delivered == 30
    assert after_a_kill(disk.folder) == [31]


def test_when_even_that_room_is_used_up_the_outbox_goes_on_in_memory_and_comes_back(
    disk: Disk, player: Player, caplog: pytest.LogCaptureFixture
) -> None:
    """Ends of 60 KB on a full disk: the first are on disk, the others in memory, said once each way; with room again
    all are on disk, numbered on, and each is delivered once."""
    player.destination.offline = True
    plugin = install()
    player.wait(5)
    disk.fill()
    play(plugin, player, 20, data=BIG)
    status = plugin.status()
    assert not status.durable
    assert plugin.session is not None
    assert caplog.text.count("kept in memory only") == 1
    kept = len(after_a_kill(disk.folder))
    assert 3 <= kept < 20
    disk.free()
    player.wait(2 * DISK_RETRY)
    assert plugin.status().durable
    assert caplog.text.count("kept on disk again") == 1
    assert after_a_kill(disk.folder) == list(range(1, 22))
    play(plugin, player, 3)
    deliver(player)
    assert sorted(numbers(player)) == list(range(1, 24))  # type: ignore[type-var]
    check_all_delivered_once(player, 23)
    assert {round(end.active) for end in player.ends} <= {10, 15, 20}


def test_a_game_that_starts_on_a_full_disk(disk: Disk, player: Player) -> None:
    """No room for even a new file: in memory, without numbers, delivered from there; with room again numbers begin,
    and what was not delivered is kept."""
    disk.fill()
    plugin = install()
    play(plugin, player, 2)
    player.wait(5)
    assert not plugin.status().durable
    assert numbers(player) == [None, None]
    player.destination.offline = True
    play(plugin, player, 2)
    disk.free()
    player.wait(2 * DISK_RETRY)
    assert plugin.status().durable
    assert after_a_kill(disk.folder) == [3, 4, 5]
    deliver(player)
    check_all_delivered_once(player, 4)
    assert plugin.status().delivered == 4
    assert plugin.session is not None
    assert plugin.session.number == 5


@pytest.mark.skipif(sys.version_info < (3, 12), reason="before Python 3.12 the file's WAL goes when the game does")
def test_a_game_that_starts_again_on_a_disk_that_has_filled_up(disk: Disk, player: Player) -> None:
    """Its file still has the room inside: everything goes on, durably."""
    player.destination.offline = True
    before = install()
    player.wait(5)
    before.close()
    disk.fill()
    plugin = install()
    play(plugin, player, 10)
    assert plugin.status().durable
    deliver(player)
    assert numbers(player) == list(range(1, 12))


def test_a_quiet_disk_is_left_alone(disk: Disk, player: Player) -> None:
    """The reserve is made once: an hour of play in which nothing happens writes nothing but heartbeats."""
    install()
    player.wait(60)
    before = {file: file.stat().st_mtime_ns for file in disk.folder.glob("outbox*")}
    player.wait(HOUR)
    assert {file: file.stat().st_mtime_ns for file in disk.folder.glob("outbox*")} == before


# Read-only, no home


def test_a_read_only_folder(disk: Disk, player: Player) -> None:
    """In memory while it lasts, and on disk afterwards."""
    disk.folder.mkdir()
    disk.make_read_only(True)
    plugin = install()
    play(plugin, player, 3)
    player.wait(1)
    assert not plugin.status().durable
    assert plugin.status().delivered == 3
    assert list(disk.folder.iterdir()) == []
    disk.make_read_only(False)
    player.wait(2 * DISK_RETRY)
    assert plugin.status().durable
    assert len(after_a_kill(disk.folder)) == 1


def test_no_home(disk: Disk, monkeypatch: pytest.MonkeyPatch, player: Player) -> None:
    """Where no folder can be made for the game's data: in memory, and nothing raises."""
    disk.make_read_only(True)
    monkeypatch.setenv("HOME", str(disk.path / "nobody"))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    with closing(player.plugin(gs_pygame.Settings(app="Game", author="Me", endpoint=ENDPOINT))) as plugin:
        play(plugin, player, 2)
        player.wait(1)
        assert not plugin.status().durable
        assert plugin.status().delivered == 2


# Removed


def test_a_folder_that_is_removed_in_play_is_made_anew(disk: Disk, player: Player) -> None:
    """Ends of before, the open session and the numbers are in the new files within a second; killed then, nothing is
    lost."""
    player.destination.offline = True
    plugin = install()
    play(plugin, player, 3)
    player.leaves()
    shutil.rmtree(disk.folder)
    player.wait(1)
    assert plugin.status().durable
    assert after_a_kill(disk.folder) == [1, 2, 3, 4]
    player.returns()
    assert plugin.status().waiting == 0
    play(plugin, player, 2)
    deliver(player)
    assert numbers(player) == [1, 2, 3, 4, 5]
    assert [round(end.active) for end in player.ends] == [10] * 5
    status = plugin.status()
    assert (status.started, status.ended, status.delivered) == (6, 5, 5)


def test_a_folder_that_is_removed_and_cannot_be_made_anew(disk: Disk, player: Player) -> None:
    """What is open still works, and is said not to be durable; as soon as it can be, it is on disk again."""
    player.destination.offline = True
    plugin = install()
    play(plugin, player, 2)
    shutil.rmtree(disk.folder)
    disk.folder.write_text("in the way")
    play(plugin, player, 2)
    assert not plugin.status().durable
    assert plugin.status().ready == 4
    disk.folder.unlink()
    player.wait(2 * DISK_RETRY)
    assert plugin.status().durable
    assert after_a_kill(disk.folder) == [1, 2, 3, 4, 5]
    deliver(player)
    assert numbers(player) == [1, 2, 3, 4]


def test_only_the_run_file_is_removed(disk: Disk, player: Player) -> None:
    """Nobody takes the session for a dead run's: the run file is made again, and the session goes on."""
    plugin = install()
    player.wait(5)
    shutil.rmtree(disk.folder / "runs")
    player.wait(70)
    assert plugin.session is not None
    assert plugin.session.number == 1
    assert len(list((disk.folder / "runs").iterdir())) == 1
    plugin.end_session()
    player.wait(1)
    assert [(end.reason, round(end.active)) for end in player.ends] == [("explicit", 75)]


# Locked

HOLDER = """
    import sqlite3, sys
    db = sqlite3.connect(sys.argv[1], isolation_level=None)
    db.execute("PRAGMA locking_mode = EXCLUSIVE" if sys.argv[2] == "exclusive" else "SELECT 1")
    db.execute("BEGIN EXCLUSIVE")
    print("held", flush=True)
    sys.stdin.readline()
    db.execute("ROLLBACK")
    db.close()
    print("free", flush=True)
    sys.stdin.readline()
"""


def test_another_program_locks_the_file_in_play(disk: Disk, player: Player) -> None:
    """Nothing raises; what ended meanwhile is written when the file is free."""
    player.destination.offline = True
    plugin = install()
    player.wait(5)
    with child(HOLDER, disk.folder / "outbox.sqlite3", "plain") as program:
        assert line_of(program) == "held"
        plugin.end_session()
        plugin.start_session()
        player.wait(1)
        assert not plugin.status().durable
        tell(program)
        assert line_of(program) == "free"
        player.wait(2)
        assert plugin.status().durable
    assert after_a_kill(disk.folder) == [1, 2]
    deliver(player)
    assert [round(end.active) for end in player.ends] == [5]


def test_another_program_has_the_file_for_itself_at_the_start(disk: Disk, player: Player) -> None:
    """In memory until the file is free; then numbered on after what was there."""
    player.destination.offline = True
    install().close()
    with child(HOLDER, disk.folder / "outbox.sqlite3", "exclusive") as program:
        assert line_of(program) == "held"
        plugin = install()
        play(plugin, player, 1)
        assert not plugin.status().durable
        tell(program)
        assert line_of(program) == "free"
        player.wait(2 * DISK_RETRY)
        assert plugin.status().durable
    assert after_a_kill(disk.folder) == [1, 2, 3]
    deliver(player)
    assert sorted(numbers(player)) == [1, 2]  # type: ignore[type-var]


# Damaged


@pytest.mark.parametrize("how", ["truncated", "flipped", "emptied"])
def test_the_file_is_damaged_in_play(disk: Disk, player: Player, how: str, caplog: pytest.LogCaptureFixture) -> None:
    """Under the open file, whole: it is found out and set aside while the game runs, and what ends from then on is
    recorded in a new one."""
    player.destination.offline = True
    plugin = install()
    play(plugin, player, 30, data={"x": "y" * 500})
    player.wait(5)
    path = disk.folder / "outbox.sqlite3"
    for file in (path, Path(f"{path}-wal")):
        size = file.stat().st_size
        with file.open("r+b") as raw:
            if how == "truncated":
                raw.truncate(size // 3)
            elif how == "emptied":
                raw.truncate(0)
            else:
                raw.seek(0)
                raw.write(os.urandom(size))
    play(plugin, player, 5)
    player.wait(4 * DISK_RETRY)
    plugin.end_session()
    plugin.start_session()
    player.wait(1)
    assert plugin.status().durable
    deliver(player)
    play(plugin, player, 1)
    deliver(player)
    status = plugin.status()
    assert status.ready == 0
    check_all_delivered_once(player, len(player.ends))
    assert len(player.ends) >= 6
    if how == "flipped" or sys.version_info >= (3, 11):  # else a file that was cut off is taken for a failing disk
        assert len(list(disk.folder.glob("*.damaged-*"))) >= 1


def test_a_newer_versions_file_is_never_altered(disk: Disk, player: Player) -> None:
    """In memory for the whole run, and the file stays as it is, byte for byte."""
    install().close()
    path = disk.folder / "outbox.sqlite3"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.commit()
    before = path.read_bytes()
    plugin = install()
    play(plugin, player, 3)
    player.wait(60)
    assert not plugin.status().durable
    assert plugin.status().delivered == 3
    plugin.close()
    assert path.read_bytes() == before


def test_a_file_system_without_wal(disk: Disk, player: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite falls back to a rollback journal (here through its VFS without shared memory); all works as ever."""
    real = sqlite3.connect

    def without_shared_memory(path: Any, **options: Any) -> sqlite3.Connection:
        return real(f"file:{path}?vfs=unix-dotfile", uri=True, **options)

    monkeypatch.setattr(sqlite3, "connect", without_shared_memory)
    player.destination.offline = True
    plugin = install()
    play(plugin, player, 5)
    assert not Path(f"{disk.folder / 'outbox.sqlite3'}-wal").exists()
    assert plugin.status().durable
    deliver(player)
    assert numbers(player) == [1, 2, 3, 4, 5]


@pytest.fixture(autouse=True)
def no_unexpected_fault(caplog: pytest.LogCaptureFixture) -> Any:
    """Whatever the disk does, no thread of ours meets an exception that it does not know."""
    with caplog.at_level(logging.DEBUG, logger="gs_pygame"):
        yield
    assert "unexpected fault" not in caplog.text
