"""The player says no: what was kept is erased from every file, by every copy of the game, however the disk is; and
nothing is sent, nor does a yes hold, before that is done."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from core_kit import begin, choose, ready
from disk_kit import Disk, new_player, played

from gs_pygame import SessionPlugin
from gs_pygame._disk import consent
from gs_pygame._disk.erasure import erase, is_left
from gs_pygame._disk.outbox import Outbox
from gs_pygame.testing import Player

MARKER = "MARKER_OF_THE_PLAYER"


def found(folder: Path) -> dict[str, int]:
    """How often the player's data is in the bytes of each file that has it."""
    files = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "ballast"}
    return {name: data.count(MARKER.encode()) for name, data in files.items() if MARKER.encode() in data}


def rows(folder: Path) -> tuple[int, list[str]]:
    """How many sessions there are, and what else."""
    with closing(sqlite3.connect(folder / "outbox.sqlite3")) as db:
        meta = [row[0] for row in db.execute("SELECT key FROM meta WHERE key != 'dropped:consent'")]
        return db.execute("SELECT count(*) FROM sessions").fetchone()[0], meta


def kept(plugin: SessionPlugin, player: Player, sessions: int = 5, size: int = 1000) -> None:
    """Some sessions, none of which can be sent."""
    player.destination.offline = True
    for _ in range(sessions):
        player.clock.advance(5)
        plugin.end_session({"x": MARKER, "pad": "p" * size})
        plugin.start_session()
    player.clock.advance(5)


@contextmanager
def read(path: Path) -> Iterator[None]:
    """Another program reads the outbox, and does not come to an end."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN")
        db.execute("SELECT count(*) FROM sessions").fetchone()
        yield
        db.execute("COMMIT")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another program has the right to write."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("ROLLBACK")


Held = Callable[[Path], Any]
held = pytest.mark.parametrize("hold", [read, locked])


@held
@pytest.mark.timeout(60)
def test_what_cannot_be_erased_now_is_erased_as_soon_as_it_can_be(
    tmp_path: Path, hold: Held, caplog: pytest.LogCaptureFixture
) -> None:
    """Another program reads, or locks, the file: `status()` and the log say so, nothing is sent, no yes holds; once it
    is done, no byte is left, and the yes begins a new installation."""
    player = new_player()
    with played(tmp_path, player) as plugin:
        kept(plugin, player)
        tried = len(player.destination.attempts)
        player.destination.offline = False
        with hold(tmp_path / "outbox.sqlite3"):
            plugin.set_consent("denied")
            assert "not erased yet" in (plugin.status().last_error or "")
            assert "not erased yet" in caplog.text
            assert found(tmp_path)
            plugin.set_consent("granted")
            player.clock.advance(1)
            assert plugin.session is None
            assert consent.load(tmp_path) == "denied"
        player.clock.advance(1)
        assert plugin.status().last_error is None
        assert found(tmp_path) == {}
        assert len(player.destination.attempts) == tried
        assert plugin.session is not None
        assert (plugin.session.number, plugin.session.previous_id) == (1, None)
        assert plugin.status().dropped == {"consent": 6}


@held
@pytest.mark.timeout(60)
def test_what_could_not_be_erased_is_erased_at_the_next_start(tmp_path: Path, hold: Held) -> None:
    """The game ended first."""
    player = new_player()
    with hold_after(tmp_path, hold) as deny:
        with played(tmp_path, player) as plugin:
            kept(plugin, player)
            deny(plugin)
        assert found(tmp_path)
        assert is_left(tmp_path)
    player.destination.offline = False
    tried = len(player.destination.attempts)
    with played(tmp_path, player) as plugin:
        assert found(tmp_path) == {}
        assert rows(tmp_path) == (0, [])
        assert plugin.session is None
        player.clock.advance(60)
    assert len(player.destination.attempts) == tried


@contextmanager
def hold_after(folder: Path, hold: Held) -> Iterator[Callable[[SessionPlugin], None]]:
    """What it gives denies while another program holds the outbox, which it does until this is over."""
    holding: list[Any] = []

    def deny(plugin: SessionPlugin) -> None:
        holding.append(hold(folder / "outbox.sqlite3"))
        holding[0].__enter__()
        plugin.set_consent("denied")

    try:
        yield deny
    finally:
        holding[0].__exit__(None, None, None)


@pytest.mark.parametrize("size", [100, 4_000, 60_000])
def test_on_a_full_disk(disk: Disk, size: int) -> None:
    """Not a byte is left for anybody: what was kept is erased in the room that there is, which makes room for the
    choice; nothing is sent, now or at the next start."""
    player = new_player()
    with played(disk.folder, player) as plugin:
        kept(plugin, player, 20, size)
        disk.fill()
        tried = len(player.destination.attempts)
        plugin.set_consent("denied")
        player.destination.offline = False
        player.clock.advance(10)
        assert found(disk.folder) == {}
        assert rows(disk.folder) == (0, [])
        assert plugin.status().last_error is None
        assert consent.load(disk.folder) == "denied"
    with played(disk.folder, player) as plugin:
        player.clock.advance(60)
        assert plugin.session is None
    assert len(player.destination.attempts) == tried


def test_on_a_full_disk_with_a_reader(disk: Disk) -> None:
    """Neither can be written, nor erased: it holds for this run all the same, and is done as soon as it can be."""
    player = new_player()
    with played(disk.folder, player) as plugin:
        kept(plugin, player, 20)
        disk.fill()
        tried = len(player.destination.attempts)
        player.destination.offline = False
        with read(disk.folder / "outbox.sqlite3"):
            plugin.set_consent("denied")
            player.clock.advance(5)
            assert plugin.session is None
            assert plugin.status().last_error
        player.clock.advance(1)
        assert found(disk.folder) == {}
        assert consent.load(disk.folder) == "denied"
        assert len(player.destination.attempts) == tried


def test_a_start_after_it_is_done_writes_nothing(tmp_path: Path) -> None:
    """Nor does a second erase: the count of what was never sent stays."""
    player = new_player()
    with played(tmp_path, player) as plugin:
        kept(plugin, player)
        plugin.set_consent("denied")
        player.clock.advance(1)  # who may have got something has been asked
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if not path.match("*-shm")}  # it is read
    with played(tmp_path, player):
        player.clock.advance(60)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path in before} == before
    with closing(Outbox(tmp_path / "outbox.sqlite3")) as outbox:
        outbox.erase()
        assert outbox.counts().dropped == {"consent": 6}


def test_a_wal_without_its_file(tmp_path: Path) -> None:
    """Somebody removed the rest."""
    with closing(Outbox(tmp_path / "outbox.sqlite3")) as outbox:
        ready(outbox, "a", script=f'{{"x":"{MARKER}"}}')
        wal = (tmp_path / "outbox.sqlite3-wal").read_bytes()
    for path in tmp_path.iterdir():
        path.unlink()
    (tmp_path / "outbox.sqlite3-wal").write_bytes(wal)
    erase(tmp_path)
    assert found(tmp_path) == {}


# Other copies


def test_a_copy_hears_of_it_within_a_beat(tmp_path: Path) -> None:
    """Another one denied: this one keeps nothing more and sends nothing; at a yes both go on, as a new installation."""
    one, two = new_player(), new_player()
    with played(tmp_path, one) as mine, played(tmp_path, two) as theirs:
        theirs.end_session()
        two.clock.advance(5)
        before = two.ends[0].installation_id
        kept(mine, one)
        kept(theirs, two)
        two.destination.offline = False
        tried = len(two.destination.attempts)
        mine.set_consent("denied")
        theirs.end_session()
        theirs.start_session()
        two.clock.advance(1)
        assert theirs.session is None
        theirs.start_session()
        theirs.end_session()
        two.clock.advance(600)
        assert rows(tmp_path) == (0, [])
        assert found(tmp_path) == {}
        assert len(two.destination.attempts) == tried
        mine.set_consent("granted")
        assert mine.session is not None
        assert mine.session.number == 1
        two.clock.advance(1)
        theirs.end_session()
        two.clock.advance(5)
        end = two.ends[-1]
        assert end.number == 2
        assert end.installation_id != before
        assert end.previous_id == mine.session.id


def test_a_copy_ends_before_it_has_heard(tmp_path: Path) -> None:
    """Its exit asks once more, and writes nothing; what names its session is removed by who denied."""
    one, two = new_player(), new_player()
    with played(tmp_path, one) as mine, played(tmp_path, two) as theirs:
        kept(theirs, two)
        mine.set_consent("denied")
        theirs.close()
        assert rows(tmp_path) == (0, [])
        one.clock.advance(1)
        assert found(tmp_path) == {}
        assert list((tmp_path / "runs").iterdir()) == []


def test_a_copy_is_killed_before_it_has_heard(tmp_path: Path) -> None:
    """What it wrote down after the erase is erased by who denied, or at the next start."""
    one, two = new_player(), new_player()
    with played(tmp_path, one) as mine:
        theirs = played(tmp_path, two)
        mine.set_consent("denied")
        theirs.end_session({"x": MARKER})
        theirs.start_session()
        theirs.end_session({"x": MARKER})
        assert found(tmp_path)
        two.kills()
        one.clock.advance(2)
        assert (rows(tmp_path), found(tmp_path)) == ((0, []), {})


def test_no_yes_holds_before_every_copy_has_heard_of_the_no(tmp_path: Path) -> None:
    """Denied and granted at once: a copy that has not heard of either would write down what it played before."""
    one, two = new_player(), new_player()
    with played(tmp_path, one) as mine, played(tmp_path, two) as theirs:
        kept(theirs, two)
        mine.set_consent("denied")
        mine.set_consent("granted")
        assert mine.session is None
        assert "another copy" in (mine.status().last_error or "")
        two.clock.advance(1)
        assert theirs.session is None
        one.clock.advance(1)
        assert mine.session is not None
        assert (mine.session.number, mine.session.previous_id) == (1, None)
        assert MARKER not in str(found(tmp_path))
        assert mine.status().last_error is None
        two.clock.advance(1)
        assert theirs.session is not None
        assert theirs.session.number == 2


def test_a_copy_that_starts_meanwhile_keeps_nothing(tmp_path: Path) -> None:
    """Its setting allows it, the player does not; a later yes it hears of, too."""
    choose(tmp_path, "denied")
    begin(tmp_path, "granted")
    player = new_player()
    with played(tmp_path, player) as plugin:
        player.clock.advance(60)
        assert plugin.session is None
        choose(tmp_path, "pending")
        player.clock.advance(1)
        assert plugin.session is not None
        plugin.end_session()
        player.clock.advance(60)
        assert player.destination.attempts == []
        choose(tmp_path, "granted")
        player.clock.advance(2)
        assert len(player.ends) == 1


def test_what_is_read_belongs_to_the_installation_of_that_moment(tmp_path: Path) -> None:
    """Whoever has the outbox open since before a denial reads, and writes, the next one's id."""
    path = tmp_path / "outbox.sqlite3"
    with closing(Outbox(path)) as early, closing(Outbox(path)) as other:
        ready(early, "a")
        before = early.ready(1)[0].installation_id
        other.erase()
        ready(other, "b")
        ready(early, "c")
        ids = {end.installation_id for end in early.ready(9)}
        assert ids == {end.player_id for end in other.ready(9)}
        assert len(ids) == 1
        assert before not in ids
