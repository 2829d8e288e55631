"""Files that are removed or replaced under a running game: what ended is sent, once, and what is open goes on."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from core_kit import ready, save, start

from gs_pygame import EndSessionResponse, SessionPlugin
from gs_pygame._disk.merge import bring_home
from gs_pygame._disk.outbox import Outbox
from gs_pygame._disk.storage import Storage
from gs_pygame._settings import Settings
from gs_pygame.testing import Player

HOUR = 3600.0
OUTBOX = "outbox.sqlite3"
Harm = Callable[[Path], None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def settings(folder: Path) -> Settings:
    return Settings(data_dir=folder, hook=False, exit_delivery="next-start")


def play(player: Player, plugin: SessionPlugin, sessions: int, seconds: float = 1.0) -> None:
    """So many sessions, one after the other; another one is open then."""
    for _ in range(sessions):
        player.clock.advance(seconds)
        plugin.end_session({"x": "y" * 500})
        plugin.start_session()


def remove(*suffixes: str) -> Harm:
    def harm(folder: Path) -> None:
        for suffix in suffixes:
            (folder / f"{OUTBOX}{suffix}").unlink()

    return harm


def put_back(*suffixes: str) -> Harm:
    """What was copied earlier, as a backup or another computer's does it: under the name of the file that is open."""

    def harm(folder: Path) -> None:
        for suffix in suffixes:
            (folder.with_name("older") / f"{OUTBOX}{suffix}").replace(folder / f"{OUTBOX}{suffix}")

    return harm


def put_another(folder: Path) -> None:
    """Another installation's, with sessions of its own."""
    with closing(Outbox(folder.with_name("other") / OUTBOX)) as other:
        ready(other, "theirs1", "theirs2")
        other.checkpoint()
    (folder.with_name("other") / OUTBOX).replace(folder / OUTBOX)


def move_away(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))


HARMS = {
    "the WAL is removed": remove("-wal"),
    "the shared memory is removed": remove("-shm"),
    "the database is removed": remove("", "-wal", "-shm"),
    "the main file is removed": remove(""),
    "an older one is put back": put_back(""),
    "an older one is put back with its WAL": put_back("-wal", ""),
    "another one is put there": put_another,
    "the folder is moved away": move_away,
}


@pytest.fixture
def offline(folder: Path) -> Iterator[tuple[Player, SessionPlugin]]:
    """A game whose five sessions could not be sent; between them its files were copied."""
    player = Player(frame=lambda: None)
    player.destination.offline = True
    plugin = player.plugin(settings(folder))
    play(player, plugin, 2)
    shutil.copytree(folder, folder.with_name("older"))
    play(player, plugin, 3)
    yield player, plugin
    plugin.close()


def next_start(folder: Path) -> list[str]:
    """The ids of the sessions that the next start sends."""
    player = Player(frame=lambda: None)
    with player.plugin(settings(folder)) as plugin:
        player.clock.advance(5)
        status = plugin.status()
        assert status.ready == status.waiting == 0
        assert status.ended == status.rejected + status.delivered + sum(status.dropped.values())
        return [end.session_id for end in player.ends if not end.session_id.startswith("theirs")]


def ended(plugin: SessionPlugin) -> int:
    """How many sessions of the installation have ended, not counting another's."""
    status = plugin.status()
    assert status.ended == status.waiting + status.ready + status.delivered + status.rejected
    return status.ended


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("quickly", [False, True])
def test_what_ended_before_and_after_is_sent_at_the_next_start(
    folder: Path, offline: tuple[Player, SessionPlugin], harm: str, quickly: bool
) -> None:
    """Five ends, then the harm, three more and the exit; whether it comes before the next beat or after."""
    player, plugin = offline
    HARMS[harm](folder)
    if quickly:  # all in less than a beat
        play(player, plugin, 3, seconds=0.05)
    else:
        play(player, plugin, 3, seconds=2.0)
        assert plugin.status().durable
    plugin.close()
    sent = next_start(folder)
    assert len(sent) == len(set(sent)) == 9


@pytest.mark.parametrize("harm", HARMS)
def test_it_is_noticed_within_a_beat_and_a_kill_takes_nothing(
    folder: Path, offline: tuple[Player, SessionPlugin], harm: str
) -> None:
    """One beat after the harm everything is on disk where it belongs, the open session included."""
    player, plugin = offline
    HARMS[harm](folder)
    player.clock.advance(1.1)
    assert plugin.status().durable
    copy = shutil.copytree(folder, folder.with_name("after a kill"))
    sent = next_start(copy)
    assert len(sent) == len(set(sent)) == 6


def test_an_older_copy_sends_nothing_twice_and_numbers_go_on(folder: Path) -> None:
    """Three ends were delivered since the copy was made, two of which it has as ready: they are sent no more, the
    session that is open keeps its number, and the accounts add up."""
    player = Player(frame=lambda: None)
    with player.plugin(settings(folder)) as plugin:
        player.destination.offline = True
        play(player, plugin, 2)
        shutil.copytree(folder, folder.with_name("older"))
        play(player, plugin, 1)
        player.destination.offline = False
        player.clock.advance(HOUR)
        assert [end.number for end in player.ends] == [1, 2, 3]
        put_back("-wal", "")(folder)
        player.clock.advance(HOUR)
        assert plugin.session is not None
        assert plugin.session.number == 4
        status = plugin.status()
        assert (status.started, status.ended, status.delivered, status.ready) == (4, 3, 3, 0)
        play(player, plugin, 2)
        player.clock.advance(HOUR)
        assert [end.number for end in player.ends] == [1, 2, 3, 4, 5]
        assert len({end.installation_id for end in player.ends}) == 1


def test_two_copies_of_the_game_whose_file_is_replaced(folder: Path) -> None:
    """Each brings what it knows; nothing is sent twice, and each one's open session stays its own."""
    first, second = Player(frame=lambda: None), Player(frame=lambda: None)
    first.destination.offline = second.destination.offline = True
    with first.plugin(settings(folder)) as one, second.plugin(settings(folder)) as other:
        shutil.copytree(folder, folder.with_name("older"))
        for _ in range(2):
            play(first, one, 2)
            play(second, other, 2)
        put_back("-wal", "")(folder)
        for _ in range(6):
            first.clock.advance(1)
            second.clock.advance(1)
        assert one.status().durable
        assert other.status().durable
        assert one.session is not None
        assert other.session is not None
        assert {one.session.number, other.session.number} == {8, 10}  # as before, of ten
        status = one.status()
        assert (status.started, status.ended, status.ready) == (10, 8, 8)
    assert len(set(next_start(folder))) == 10


def test_of_two_rows_the_one_that_is_further_along_holds(tmp_path: Path) -> None:
    """Delivered here and ready there, or the other way round: it is delivered, and counted once; brought home a second
    time nothing changes."""
    path, older = tmp_path / "a" / OUTBOX, tmp_path / "b" / OUTBOX
    names = [f"00000000-0000-4000-8000-00000000000{digit}" for digit in range(6)]
    with closing(Outbox(path)) as ours:
        ready(ours, *names[:3])
        start(ours, names[3])
        ours.checkpoint()
        older.parent.mkdir()
        shutil.copy(path, older)
        ours.deliver(names[0], EndSessionResponse(1))
        ours.reject(names[1], "no")
        save(ours, names[3])
        ours.release(names[3])
        ready(ours, names[4])
        with closing(Outbox(older)) as theirs:
            theirs.deliver(names[2], EndSessionResponse(2))
            ready(theirs, names[5])  # a copy of the game was quicker: it has number 5
            for _ in range(2):
                bring_home(ours, "run-1", theirs, "run-1")
                counts = theirs.counts()
                assert [(end.session_id, end.number) for end in theirs.ready(9)] == [
                    (names[3], 4),
                    (names[5], 5),
                    (names[4], 6),
                ]
                assert (counts.started, counts.ended, counts.ready, counts.rejected) == (6, 6, 3, 1)
                assert counts.delivered == 2


def test_nothing_of_ours_is_left_for_sqlite_to_mix_with_anothers(folder: Path) -> None:
    """The WAL and the shared memory of the file that is open go away before another file of its name is opened."""
    storage = Storage(folder)
    start(storage.outbox.games, "s1")
    older = folder.with_name("older")
    with closing(Outbox(older / OUTBOX)) as other:
        ready(other, "theirs")
        other.checkpoint()
    os.replace(older / OUTBOX, folder / OUTBOX)
    storage.look()
    assert not storage.durable
    opened = storage.open_anew(storage.outbox.couriers)
    assert [end.session_id for end in opened.games.ready(9)] == ["theirs"]
    assert opened.games.unfinished_runs() == []
    assert storage.outbox.games.unfinished_runs() == ["run-1"]
    storage.outbox.close()
    opened.close()
    with closing(Outbox(folder / OUTBOX)) as outbox:
        assert [end.session_id for end in outbox.ready(9)] == ["theirs"]
