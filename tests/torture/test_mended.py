"""What the torture found, made small: each of these failed once."""

from __future__ import annotations

import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from gs_pygame import SessionPlugin
from gs_pygame._base.clocks import Instant
from gs_pygame._base.errors import OutboxBusyError, OutboxError
from gs_pygame._base.messages import End
from gs_pygame._disk.journal import Journal
from gs_pygame._disk.outbox import Outbox
from gs_pygame._disk.runs import _decode, _encode
from gs_pygame._player.lifecycle import SUSPEND_AFTER, Lifecycle, Progress, Save
from gs_pygame._settings import Settings
from gs_pygame.destinations import Outcome
from gs_pygame.testing import FakeDestination, Player

NOW = Instant(1.8e9, 10.0, 20.0)


def test_a_start_that_was_rolled_back_does_not_follow_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full in the middle of a batch: nothing was written, and tried again, the session has no previous
    one, as before."""
    outbox = Outbox(tmp_path / "outbox.sqlite3")
    lifecycle = Lifecycle(30.0, lambda: "s1")
    journal = Journal("run", "{}", lifecycle, threading.RLock(), lambda session_id: None, lambda: None)
    journal.decide(lambda lifecycle: [*lifecycle.start(NOW), *lifecycle.leave("quit", NOW)], "{}", None)

    def full(*anything: object) -> None:
        raise OutboxError("database or disk is full")

    with monkeypatch.context() as disk:
        disk.setattr(outbox, "save", full)
        with pytest.raises(OutboxError):
            journal.write(lambda: outbox)
        assert not journal.numbered
    assert journal.write(lambda: outbox)
    assert journal.numbered["s1"].number == 1
    assert journal.numbered["s1"].previous_id is None


def test_active_is_never_longer_than_wall() -> None:
    """The two clocks are read one after the other; what came between them at the start makes the wall time no less
    than the active time."""
    lifecycle = Lifecycle(30.0, lambda: "s1")
    lifecycle.start(Instant(0.0, 100.0, 200.010))  # the process was put aside for 10 ms between the readings
    (saved,) = lifecycle.leave("background", Instant(5.0, 105.0, 205.0))
    assert isinstance(saved, Save)
    assert (saved.active, saved.wall) == (5.0, 5.0)


class Picky(FakeDestination):
    """Raises for one end."""

    def deliver(self, ends: Sequence[End]) -> list[Outcome]:
        if ends[0].number == 1:
            self.attempts.append(ends[0])
            raise KeyError("a bug of the destination's")
        return super().deliver(ends)


def test_an_end_at_which_the_destination_raises_holds_up_nobody(tmp_path: Path) -> None:
    """Others get past it, as past one that meets server errors; it is kept, at the back of the queue."""
    player = Player(destination=Picky(), frame=lambda: None)
    with player.plugin(Settings(data_dir=tmp_path / "data", hook=False)) as plugin:
        for _ in range(6):
            plugin.end_session()
            plugin.start_session()
        player.clock.advance(3600)
        assert [end.number for end in player.ends] == [2, 3, 4, 5, 6]
        assert plugin.status().ready == 1


def test_no_connection_for_the_helpers_is_no_exception_for_the_game(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody locks the outbox between our own opening it and the helpers': install() does not raise."""

    def busy(*anything: object) -> Outbox:
        raise OutboxBusyError("database is locked")

    monkeypatch.setattr(Outbox, "another", busy)
    player = Player(frame=lambda: None)
    with player.plugin(Settings(data_dir=tmp_path / "data", hook=False)) as plugin:
        assert plugin.session is not None
        assert not plugin.status().durable
        monkeypatch.undo()
        plugin.end_session()
        player.clock.advance(1)
        assert len(player.ends) == 1


def test_a_locked_outbox_costs_no_play_time(tmp_path: Path) -> None:
    """Another program holds the outbox's lock for longer than a suspend is told by. The player plays on, and so does
    the heartbeat: helpers that wait for a disk are no sleeping computer."""
    folder = tmp_path / "data"
    there = True
    plugin = SessionPlugin(
        Settings(data_dir=folder, hook=False, exit_delivery="next-start"), FakeDestination(), focused=lambda: there
    )
    began = time.monotonic()
    plugin.update()
    with closing(sqlite3.connect(folder / "outbox.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        there = False  # an end that cannot be written, and is withdrawn again
        plugin.update()
        there = True
        plugin.update()
        lags = []
        while time.monotonic() - began < SUSPEND_AFTER + 2.5:
            time.sleep(0.05)
            plugin.update()
            (run_file,) = (folder / "runs").iterdir()
            beat = _decode(run_file.read_bytes())
            lags.append(time.monotonic() - began - (beat.active if beat else 0.0))
        assert plugin.session is not None
        assert plugin.session.active == pytest.approx(time.monotonic() - began, abs=0.3)
        assert max(lags) < 1.2
        other.execute("ROLLBACK")
    plugin.end_session()
    deadline = time.monotonic() + 10
    while plugin.status().delivered == 0 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert plugin.status().delivered == 1
    plugin.close()
    assert threading.active_count() < 20


def test_of_two_copies_one_tells_the_game_of_a_delivery(tmp_path: Path) -> None:
    """A copy has delivered and has yet to tell its game when another starts: the other does not tell it as well. If
    nobody alive is to tell it, the next start does, once, however many start."""
    told: list[tuple[str, int | None]] = []

    def copy_of(name: str) -> tuple[Player, SessionPlugin]:
        player = Player(frame=lambda: None)
        chosen = Settings(
            data_dir=tmp_path / "data",
            hook=False,
            on_delivered=lambda session, response: told.append((name, session.number)),
        )
        return player, player.plugin(chosen)

    first, delivering = copy_of("first")
    first.clock.advance(1)
    delivering.end_session()
    first.clock.advance(0.1)
    assert [end.number for end in first.ends] == [1]
    second, other = copy_of("second")
    second.clock.advance(1)
    other.flush(0)
    assert told == []
    delivering.close()  # before it has told anybody
    third, later = copy_of("third")
    fourth, latest = copy_of("fourth")
    third.clock.advance(0)
    fourth.clock.advance(0)
    later.flush(0)
    latest.flush(0)
    assert told == [("third", 1)]
    for plugin in (other, later, latest):
        plugin.close()


def test_the_first_session_is_on_disk_when_install_returns(tmp_path: Path) -> None:
    """Another copy writes for longer than a frame may wait, while this one starts: install() is no frame, and waits
    for it, so that a kill right afterwards finds the session. What comes later is in frames again."""
    folder = tmp_path / "data"
    Outbox(folder / "outbox.sqlite3").close()
    with closing(sqlite3.connect(folder / "outbox.sqlite3", isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        threading.Timer(0.1, other.execute, ["ROLLBACK"]).start()
        player = Player(frame=lambda: None)
        with player.plugin(Settings(data_dir=folder, hook=False)) as plugin:
            assert plugin.status().durable
            assert plugin.session is not None
            assert plugin.session.number == 1
            other.execute("BEGIN IMMEDIATE")
            began = time.monotonic()
            plugin.end_session()
            assert time.monotonic() - began < 0.1
            assert not plugin.status().durable
            other.execute("ROLLBACK")


def unreadable(path: Path) -> None:
    path.write_bytes(b"damaged" + path.read_bytes()[7:])


def set_aside(path: Path) -> None:
    """A salvage was cut short: there is no outbox any more, or not yet."""
    path.rename(path.with_name(f"{path.name}.damaged-1"))


PLAYED = uuid.uuid4()


def half_played(path: Path) -> None:
    """A copy died, and its heartbeat names the session."""
    run_file = path.parent / "runs" / "dead.run"
    run_file.parent.mkdir()
    run_file.write_bytes(_encode(Progress(str(PLAYED), 1.0, 2.0)))


@pytest.mark.parametrize("happened", [unreadable, set_aside, half_played])
def test_a_denial_erases_what_is_damaged_or_dead(tmp_path: Path, happened: Callable[[Path], None]) -> None:
    """The player has said no: at the next start nothing of theirs is left, in whatever state the files are."""
    path = tmp_path / "outbox.sqlite3"
    with closing(Outbox(path)) as outbox:
        outbox.start("dead", str(PLAYED), 1.8e9, "the player", "{}", "{}", None)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    happened(path)
    (tmp_path / "consent").write_text("denied")
    with Player(frame=lambda: None).plugin(Settings(data_dir=tmp_path, hook=False)) as plugin:
        assert plugin.session is None
    left = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert b"the player" not in left
    assert PLAYED.bytes not in left
