"""What lies on the player's disk: nobody else may read it, and a link leads to no file of somebody else's."""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from core_kit import begin, choose

from gs_pygame._disk import consent
from gs_pygame._disk.lock import FileLock
from gs_pygame._settings import Settings
from gs_pygame.testing import Player

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes and links are POSIX's")

PRECIOUS = b"somebody else's file"


@contextmanager
def played(folder: Path) -> Iterator[Player]:
    """A game that has ended a session, and plays the next one."""
    player = Player(frame=lambda: None)
    with player.plugin(Settings(data_dir=folder, hook=False, consent="pending")) as plugin:
        plugin.set_consent("granted")
        player.clock.advance(1)
        plugin.end_session()
        plugin.start_session()
        player.clock.advance(1)
        yield player


def modes(folder: Path) -> dict[str, int]:
    """Of the folder and all that is in it."""
    return {path.name: stat.S_IMODE(path.lstat().st_mode) for path in [folder, *folder.rglob("*")]}


@pytest.fixture(params=[0o000, 0o077, 0o777], ids=["umask 000", "umask 077", "umask 777"])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def test_modes(tmp_path: Path, umask: None) -> None:
    """Folders 0700, files 0600: while a game runs, after it, and after a damaged outbox was set aside."""
    folder = tmp_path / "data"
    with played(folder):
        during = modes(folder)
    after = modes(folder)
    (folder / "outbox.sqlite3-wal").unlink(missing_ok=True)  # which holds the first page, and would mend it
    with (folder / "outbox.sqlite3").open("r+b") as file:
        file.write(b"damaged" * 5)
    with played(folder) as player:
        damaged = modes(folder)
        assert player.ends
    for found in (during, after, damaged):
        folders = {name: found.pop(name) for name in ("data", "runs")}
        assert folders == {"data": 0o700, "runs": 0o700}
        assert found == dict.fromkeys(found, 0o600)
    assert {"outbox.sqlite3", "outbox.sqlite3-wal", "outbox.sqlite3-shm", "delivery-fake.lock"} <= set(during)
    assert {"consent", "consent.awaited"} <= set(during)
    assert any(".damaged-" in name for name in damaged)


def test_a_folder_that_is_a_link(tmp_path: Path) -> None:
    """Players move their data to another disk: it works, and whoever comes by the link or without it shares it."""
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("real", target_is_directory=True)
    with played(tmp_path / "link") as first:
        assert first.ends[0].number == 1
        with played(tmp_path / "real") as second:
            assert [end.number for end in second.ends] == [3]
    assert (tmp_path / "link").is_symlink()
    assert set(modes(tmp_path / "real").values()) == {0o600, 0o700}


@pytest.mark.parametrize("target", ["nowhere", "a file"])
def test_a_link_that_leads_to_no_folder(tmp_path: Path, target: str, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is made or altered where it leads: the game is played from memory, and the log says so."""
    if target == "a file":
        (tmp_path / target).write_bytes(PRECIOUS)
    (tmp_path / "link").symlink_to(target)
    with played(tmp_path / "link") as player:
        assert len(player.ends) == 1
    assert "cannot be used" in caplog.text
    assert [path.name for path in tmp_path.iterdir() if path.name != "link"] == ([target] if target == "a file" else [])
    assert target == "nowhere" or (tmp_path / target).read_bytes() == PRECIOUS


@pytest.mark.parametrize(
    "name", ["consent.new", "consent", "consent.awaited", "delivery-gamesparks.lock", "salvage.lock"]
)
@pytest.mark.parametrize("there", [True, False], ids=["leads to a file", "leads nowhere"])
def test_a_link_in_the_folder(tmp_path: Path, name: str, there: bool) -> None:
    """A file of ours is a link to somebody else's: that one is neither altered nor made, and the game goes on, even if
    nothing can be delivered so."""
    folder, other = tmp_path / "data", tmp_path / "other"
    folder.mkdir(mode=0o700)
    if there:
        other.write_bytes(PRECIOUS)
    (folder / name).symlink_to(other)
    (folder / "outbox.sqlite3").write_bytes(b"damaged" * 500)
    with played(folder):
        pass
    assert other.exists() == there
    assert not there or other.read_bytes() == PRECIOUS
    assert consent.load(folder) == "granted"


@pytest.mark.parametrize("name", ["outbox.sqlite3", "outbox.sqlite3-wal", "outbox.sqlite3-shm"])
@pytest.mark.parametrize("other", ["a database", "no database", "nothing"])
def test_an_outbox_that_is_a_link(tmp_path: Path, name: str, other: str) -> None:
    """SQLite would follow the link, and make our tables in somebody else's database: the game is played from memory."""
    folder, target = tmp_path / "data", tmp_path / "other"
    folder.mkdir(mode=0o700)
    if other == "a database":
        with closing(sqlite3.connect(target)) as db:
            db.execute("CREATE TABLE theirs (x)")
    elif other == "no database":
        target.write_bytes(PRECIOUS)
    before = target.read_bytes() if target.exists() else None
    (folder / name).symlink_to(target)
    with played(folder) as player:
        assert len(player.ends) == 1
    assert (target.read_bytes() if target.exists() else None) == before
    assert {path.name for path in tmp_path.iterdir()} <= {"data", "other"}


def test_a_lock_is_no_link(tmp_path: Path) -> None:
    """A lock's file is never opened by way of a link."""
    (tmp_path / "lock").symlink_to(tmp_path / "other")
    with pytest.raises(OSError, match="links"):
        FileLock(tmp_path / "lock")
    assert not (tmp_path / "other").exists()


def test_the_choice_is_not_half_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What an earlier process left of a choice, killed in the middle of it, is no obstacle."""
    (tmp_path / "consent.abc.new").write_text("gran")
    with caplog.at_level(logging.DEBUG):
        begin(tmp_path, "granted")
        choose(tmp_path, "denied")
    assert consent.load(tmp_path) == "denied"
    assert [path.name for path in tmp_path.iterdir()] == ["consent"]
    assert caplog.text == ""
