"""The outbox: numbers without gaps, nothing lost, nothing twice, nothing left behind."""

from __future__ import annotations

import os
import random
import sqlite3
import stat
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from core_kit import DEADLINE, RUN, T0, child, ids, line_of, ready, save, start, tell

from gs_pygame import EndSessionResponse
from gs_pygame._base.errors import OutboxBusyError, OutboxDamagedError, OutboxError, OutboxTooNewError
from gs_pygame._base.patience import GAME_PATIENCE
from gs_pygame._disk import opening, schema
from gs_pygame._disk.outbox import Outbox
from gs_pygame._disk.upkeep import MAX_RECEIPTS
from gs_pygame._player.lifecycle import Progress

posix_modes = pytest.mark.skipif(sys.platform == "win32", reason="file modes are POSIX's")


def everything(path: Path) -> list[tuple[object, ...]]:
    """All ends, read beside the outbox."""
    with sqlite3.connect(path) as db:
        rows = db.execute(
            "SELECT session_id, state, number, reason, active, wall, script_data FROM sessions WHERE state != 'open'"
        ).fetchall()
    db.close()
    return rows


# Numbers


def test_sessions_are_numbered_from_one_without_gaps(outbox: Outbox) -> None:
    """1, 2, 3, whatever became of the sessions before: withdrawn, released, delivered or still open."""
    numbers = []
    for index in range(6):
        session_id = f"s{index}"
        numbers.append(start(outbox, session_id).number)
        if index % 2:
            save(outbox, session_id)
            assert outbox.withdraw(session_id)
        if index % 3:
            save(outbox, session_id)
            outbox.release(session_id)
            outbox.deliver(session_id, EndSessionResponse(1))
    assert numbers == [1, 2, 3, 4, 5, 6]


def test_a_start_that_fails_takes_no_number(path: Path, outbox: Outbox) -> None:
    """Number and open session are one commit: it fails whole, and the next session has no gap."""
    with sqlite3.connect(path) as db:
        db.execute("CREATE TRIGGER no BEFORE INSERT ON sessions BEGIN SELECT raise(ABORT, 'no'); END")
    with pytest.raises(OutboxError):
        start(outbox, "s1")
    db.execute("DROP TRIGGER no")
    db.close()
    assert start(outbox, "s2").number == 1


def test_a_session_that_is_open_already_keeps_its_number(outbox: Outbox) -> None:
    """Started again, as after a move to memory and back, it is the same session."""
    first = start(outbox, "s1")
    assert start(outbox, "s1") == first
    assert start(outbox, "s2").number == 2


def test_two_connections_share_one_row_of_numbers(outbox: Outbox) -> None:
    """Two copies of the game take turns: each number once, whichever connection asks."""
    other = outbox.another()
    numbers = [start(box, f"s{index}").number for index, box in enumerate([outbox, other, other, outbox, other])]
    other.close()
    assert numbers == [1, 2, 3, 4, 5]


NUMBERING = """
    import sys, uuid
    from pathlib import Path
    from gs_pygame._disk.outbox import Outbox
    print("here", flush=True)
    sys.stdin.readline()
    outbox = Outbox(Path(sys.argv[1]))
    for _ in range(25):
        print(outbox.start("run", str(uuid.uuid4()), 0.0, None, "{}", "{}", None).number)
    print(outbox.installation_id)
    outbox.close()
"""


def test_four_processes_at_once_number_without_gaps(path: Path) -> None:
    """Four games start at the same moment on a new installation: one file, one installation, 100 numbers, each once."""
    with ExitStack() as stack:
        games = [stack.enter_context(child(NUMBERING, path)) for _ in range(4)]
        for game in games:
            assert line_of(game) == "here"
        for game in games:
            tell(game)
        answers = [game.communicate(timeout=DEADLINE) for game in games]
    assert [err for _, err in answers] == ["", "", "", ""]
    lines = [out.split() for out, _ in answers]
    assert sorted(int(number) for said in lines for number in said[:-1]) == list(range(1, 101))
    assert len({said[-1] for said in lines}) == 1


def test_a_new_file_opened_by_many_at_once_is_never_busy(tmp_path: Path) -> None:
    """Eight threads open each of ten new outboxes together: every one succeeds, with the same installation id."""
    import threading

    for round_ in range(10):
        path = tmp_path / str(round_) / "outbox.sqlite3"
        together = threading.Barrier(8)
        found: list[str | Exception] = []

        def open_it(path: Path = path, together: threading.Barrier = together, found: list = found) -> None:
            together.wait()
            try:
                box = Outbox(path)
                found.append(box.installation_id)
                box.close()
            except Exception as error:  # noqa: BLE001 - reported by the assertion below
                found.append(error)

        threads = [threading.Thread(target=open_it) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE)
        assert [one for one in found if isinstance(one, Exception)] == []
        assert len(set(found)) == 1
        assert len(found) == 8


def test_the_first_session_ever_follows_none(outbox: Outbox) -> None:
    """An installation's first session has no previous id."""
    assert start(outbox, "s1").previous_id is None


def test_a_runs_first_session_follows_the_last_one_recorded(path: Path, outbox: Outbox) -> None:
    """At the next start the previous id is that of the last session this installation wrote down."""
    start(outbox, "s1")
    start(outbox, "s2")
    later = Outbox(path)
    assert start(later, "s3", run="run-2").previous_id == "s2"
    later.close()


def test_within_a_run_the_previous_session_is_that_runs(outbox: Outbox) -> None:
    """Another copy's session in between changes nothing: the caller's own previous id wins."""
    start(outbox, "s1")
    start(outbox, "other", run="run-2")
    assert start(outbox, "s2", previous="s1").previous_id == "s1"


def test_without_a_player_the_installation_plays(path: Path, outbox: Outbox) -> None:
    """No player id: the anonymous installation id, which stays the same for the file."""
    assert start(outbox, "s1").player_id == outbox.installation_id
    assert start(outbox, "s2", player="ada").player_id == "ada"
    again = Outbox(path)
    assert again.installation_id == outbox.installation_id
    again.close()


# An end's way: save, withdraw, release


def test_a_saved_end_waits(outbox: Outbox) -> None:
    """Saved is on disk but not ready: nobody delivers it yet."""
    start(outbox)
    save(outbox)
    assert outbox.counts().waiting == 1
    assert ids(outbox) == []


def test_saving_again_changes_only_reason_and_script_data(path: Path, outbox: Outbox) -> None:
    """The first LEAVE says when the session ended; later ones only why, and what the game sends along."""
    start(outbox)
    save(outbox, reason="background", script='{"level":1}', active=10.0)
    save(outbox, reason="quit", script='{"level":2}', active=99.0)
    assert everything(path) == [("s1", "waiting", 1, "quit", 10.0, 20.0, '{"level":2}')]


def test_a_released_end_is_not_changed_by_saving_again(path: Path, outbox: Outbox) -> None:
    """What is ready may be on its way: it keeps its reason and its data."""
    ready(outbox, "s1")
    save(outbox, "s1", reason="crash", script='{"late":1}')
    assert everything(path) == [("s1", "ready", 1, "quit", 10.0, 20.0, "{}")]


def test_withdraw_takes_back_a_waiting_end_once(path: Path, outbox: Outbox) -> None:
    """True and gone; a second time it is gone already. The session stays open and can be saved anew."""
    start(outbox)
    save(outbox, active=10.0)
    assert outbox.withdraw("s1") is True
    assert everything(path) == []
    assert outbox.withdraw("s1") is True
    assert everything(path) == []
    save(outbox, active=33.0)
    assert everything(path) == [("s1", "waiting", 1, "quit", 33.0, 66.0, "{}")]


@pytest.mark.parametrize("gone", ["ready", "delivered", "rejected"])
def test_withdraw_is_refused_once_the_end_has_gone(outbox: Outbox, path: Path, gone: str) -> None:
    """Compare and set: what is no longer waiting stays as it is."""
    ready(outbox, "s1")
    if gone == "delivered":
        outbox.deliver("s1", EndSessionResponse(1))
    elif gone == "rejected":
        outbox.reject("s1", "no")
    assert outbox.withdraw("s1") is False
    assert everything(path)[0][1] == gone


def test_of_a_withdrawal_and_a_release_only_the_first_counts(outbox: Outbox) -> None:
    """Two connections decide about the same end: the later one finds it gone and changes nothing."""
    other = outbox.another()
    start(outbox, "a")
    save(outbox, "a")
    other.release("a")
    assert outbox.withdraw("a") is False
    start(outbox, "b")
    save(outbox, "b")
    assert outbox.withdraw("b") is True
    other.release("b")
    other.close()
    assert ids(outbox) == ["a"]


def test_release_is_idempotent_and_closes_the_session(outbox: Outbox) -> None:
    """Released twice is one ready end; its run has nothing unfinished any more."""
    start(outbox)
    assert outbox.unfinished_runs() == [RUN]
    save(outbox)
    outbox.release("s1")
    outbox.release("s1")
    assert ids(outbox) == ["s1"]
    assert outbox.unfinished_runs() == []


def test_a_new_player_is_the_open_sessions_from_then_on(outbox: Outbox) -> None:
    """set_player changes the open session; ends already on disk keep their player."""
    ready(outbox, "old")
    start(outbox, "s1")
    outbox.set_player("s1", "ada")
    save(outbox, "s1")
    outbox.release("s1")
    assert [end.player_id for end in outbox.ready(9)] == [outbox.installation_id, "ada"]


def test_an_end_carries_what_was_recorded(outbox: Outbox) -> None:
    """All fields of an End come back from the disk, and the request id is derived from the session's."""
    outbox.start(RUN, "s0", T0, None, "{}", "{}", None)
    outbox.start(RUN, "s1", T0, "ada", '{"a":1}', '{"sdk":"x"}', "s0")
    outbox.save("s1", "suspend", 1.5, 2.5, '{"a":2}')
    outbox.release("s1")
    (end,) = outbox.ready(9)
    assert (end.session_id, end.number, end.previous_id, end.player_id) == ("s1", 2, "s0", "ada")
    assert (end.started_at, end.active, end.wall, end.ended_at) == (T0, 1.5, 2.5, T0 + 2.5)
    assert (end.reason, end.script_data, end.about) == ("suspend", '{"a":2}', '{"sdk":"x"}')
    assert (end.installation_id, end.request_id) == (outbox.installation_id, "d_s1")


# After a death


def test_recovery_releases_a_waiting_end_as_it_is(path: Path, outbox: Outbox) -> None:
    """The player had left before the process died: reason and length stay, whatever the heartbeat says."""
    start(outbox)
    save(outbox, reason="background", active=10.0)
    assert outbox.recover(RUN, Progress("s1", 99.0, 99.0)) == 1
    assert everything(path) == [("s1", "ready", 1, "background", 10.0, 20.0, "{}")]


def test_recovery_ends_an_open_session_at_its_last_heartbeat(path: Path, outbox: Outbox) -> None:
    """Abnormal, as long as the heartbeat says, with the script data last known."""
    start(outbox, script='{"level":3}')
    outbox.recover(RUN, Progress("s1", 41.0, 42.0))
    assert everything(path) == [("s1", "ready", 1, "abnormal", 41.0, 42.0, '{"level":3}')]


@pytest.mark.parametrize("progress", [None, Progress("another", 41.0, 42.0)])
def test_recovery_without_a_usable_heartbeat_ends_at_the_start(
    path: Path, outbox: Outbox, progress: Progress | None
) -> None:
    """No heartbeat, or one of another session: the end is still there, with no length invented."""
    start(outbox)
    outbox.recover(RUN, progress)
    assert everything(path) == [("s1", "ready", 1, "abnormal", 0.0, 0.0, "{}")]


def test_recovery_is_idempotent(path: Path, outbox: Outbox) -> None:
    """Recovered twice (the first one's process died before it had buried the run) is one end."""
    start(outbox)
    assert outbox.recover(RUN, Progress("s1", 1.0, 1.0)) == 1
    assert outbox.recover(RUN, Progress("s1", 5.0, 5.0)) == 0
    assert everything(path) == [("s1", "ready", 1, "abnormal", 1.0, 1.0, "{}")]


def test_recovery_touches_no_other_run(outbox: Outbox) -> None:
    """Another copy's open session and waiting end stay as they are."""
    start(outbox, "dead", run="dead")
    start(outbox, "alive", run="alive")
    start(outbox, "away", run="alive")
    save(outbox, "away")
    outbox.recover("dead", None)
    assert ids(outbox) == ["dead"]
    assert outbox.counts().waiting == 1
    assert outbox.unfinished_runs() == ["alive"]


# Delivery


def test_ready_ends_come_first_in_first_out(outbox: Outbox) -> None:
    """In the order in which they were saved, at most as many as asked for."""
    ready(outbox, "c", "a", "b")
    assert [end.session_id for end in outbox.ready(2)] == ["c", "a"]
    assert ids(outbox) == ["c", "a", "b"]


def test_a_delivered_end_becomes_a_receipt_once(outbox: Outbox) -> None:
    """It leaves the queue and is counted; delivering it again counts nothing."""
    ready(outbox, "s1")
    outbox.deliver("s1", EndSessionResponse(7, {"coins": 3}))
    outbox.deliver("s1", EndSessionResponse(8))
    assert ids(outbox) == []
    assert outbox.counts().delivered == 1
    (receipt,) = outbox.untold()
    assert (receipt.end.session_id, receipt.response) == ("s1", EndSessionResponse(7, {"coins": 3}))


def test_receipts_are_told_once_in_order(outbox: Outbox) -> None:
    """untold() gives receipts oldest first, until told() names them."""
    ready(outbox, "a", "b", "c")
    for session_id in ("b", "a", "c"):
        outbox.deliver(session_id, EndSessionResponse(None))
    assert [receipt.end.session_id for receipt in outbox.untold()] == ["a", "b", "c"]
    outbox.told(["a", "c"])
    assert [receipt.end.session_id for receipt in outbox.untold()] == ["b"]


def test_a_rejected_end_is_kept_with_the_servers_words(path: Path, outbox: Outbox) -> None:
    """It leaves the queue, is counted, and what the server said can be read."""
    ready(outbox, "s1")
    outbox.reject("s1", '{"player":"unknown"}')
    assert ids(outbox) == []
    assert outbox.counts().rejected == 1
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT state, answer FROM sessions").fetchall() == [("rejected", '{"player":"unknown"}')]
    db.close()


def test_strikes_are_remembered_and_the_back_of_the_line_wipes_them(outbox: Outbox) -> None:
    """Strikes survive a restart; sent to the back an end has none, and one more pass."""
    queue = outbox.queue("one", ["one"])

    def records() -> list[tuple[str, int, int]]:
        return [(queued.end.session_id, queued.strikes, queued.passes) for queued in queue.ready(9)]

    ready(outbox, "a", "b")
    queue.strike(queue.ready(1)[0], 5)
    assert records() == [("a", 5, 0), ("b", 0, 0)]
    queue.send_to_back(queue.ready(1)[0])
    ready(outbox, "c")
    assert records() == [("b", 0, 0), ("a", 0, 1), ("c", 0, 0)]


# Housekeeping


def test_counts_on_a_new_outbox_are_all_zero(outbox: Outbox) -> None:
    """Nothing waits, nothing was dropped, and there is no oldest end."""
    counts = outbox.counts()
    assert (counts.waiting, counts.ready, counts.rejected, counts.delivered) == (0, 0, 0, 0)
    assert (counts.dropped, counts.oldest) == ({}, None)


def test_counts_name_the_oldest_end_that_has_not_gone(outbox: Outbox) -> None:
    """`oldest` is when the oldest waiting or ready end happened; receipts do not count."""
    for index, session_id in enumerate("abc"):
        outbox.start(RUN, session_id, T0 + index * 100, None, "{}", "{}", None)
        save(outbox, session_id)
        outbox.release(session_id)
    outbox.deliver("a", EndSessionResponse(1))
    assert outbox.counts().oldest == T0 + 100 + 20


def test_prune_within_the_bounds_changes_nothing(path: Path, outbox: Outbox) -> None:
    """Exactly as many as allowed may stay."""
    ready(outbox, "a", "b", "c")
    outbox.prune((), max_ends=3)
    assert ids(outbox) == ["a", "b", "c"]
    assert outbox.counts().dropped == {}


def mixed(outbox: Outbox) -> None:
    """Two receipts, two rejected, two ready, one waiting; the ready ones are the oldest."""
    ready(outbox, "ready1", "ready2", "receipt1", "receipt2", "rejected1", "rejected2")
    for session_id in ("receipt1", "receipt2"):
        outbox.deliver(session_id, EndSessionResponse(1))
    for session_id in ("rejected1", "rejected2"):
        outbox.reject(session_id, "no")
    start(outbox, "waiting1")
    save(outbox, "waiting1")


@pytest.mark.parametrize(
    ("room", "left", "dropped"),
    [
        (6, ["ready1", "ready2", "receipt2", "rejected1", "rejected2", "waiting1"], {}),
        (5, ["ready1", "ready2", "rejected1", "rejected2", "waiting1"], {}),
        (4, ["ready1", "ready2", "rejected2", "waiting1"], {"full": 1}),
        (3, ["ready1", "ready2", "waiting1"], {"full": 2}),
        (2, ["ready2", "waiting1"], {"full": 3}),
        (0, ["waiting1"], {"full": 4}),
    ],
)
def test_prune_drops_receipts_first_then_rejected_then_ready(
    path: Path, outbox: Outbox, room: int, left: list[str], dropped: dict[str, int]
) -> None:
    """Oldest first within each; receipts are no loss, every other drop is counted, what waits is never dropped."""
    mixed(outbox)
    outbox.prune((), max_ends=room)
    assert [row[0] for row in everything(path)] == left
    assert outbox.counts().dropped == dropped


def check_accounts(outbox: Outbox) -> None:
    """What the docstring of Status says of the numbers in it."""
    counts = outbox.counts()
    queued = counts.waiting + counts.ready
    assert counts.ended == queued + counts.rejected + counts.delivered + sum(counts.dropped.values())
    assert counts.started == counts.ended + len(open_sessions(outbox))


def open_sessions(outbox: Outbox) -> set[str]:
    with sqlite3.connect(outbox.path or "") as db:
        rows = db.execute("SELECT session_id FROM sessions WHERE state = 'open'").fetchall()
    db.close()
    return {row[0] for row in rows}


@pytest.mark.parametrize("seed", range(5))
def test_every_session_is_accounted_for(outbox: Outbox, seed: int) -> None:
    """Whatever happens in whatever order: started, ended, queued, delivered, rejected and dropped add up."""
    chance = random.Random(seed)
    begun: list[str] = []
    for step in range(300):
        session_id = chance.choice(begun) if begun else ""
        match chance.randrange(8):
            case 0 | 1:
                begun.append(f"s{step}")
                start(outbox, begun[-1])
            case 2:
                save(outbox, session_id)
            case 3:
                outbox.withdraw(session_id)
            case 4 if session_id not in open_sessions(outbox):
                outbox.release(session_id)
            case 5:
                outbox.deliver(session_id, EndSessionResponse(1))
            case 6:
                outbox.reject(session_id, "no")
            case 7:
                outbox.prune((), max_ends=chance.randrange(2, 30))
        check_accounts(outbox)
    assert outbox.counts().dropped["full"] > 0


def test_the_counters_of_the_moment_go_along_and_stay(outbox: Outbox) -> None:
    """A server is told what became of the sessions before; the same on every attempt, whatever happened since."""
    mixed(outbox)  # seven sessions
    outbox.prune((), max_ends=4)
    start(outbox, "open")
    ready(outbox, "last")
    sent = next(end for end in outbox.ready(10) if end.session_id == "last").measured()["counters"]
    assert sent == {"started": 9, "ended": 8, "delivered": 2, "rejected": 1, "dropped": {"full": 1}}
    for end in outbox.ready(10):
        if end.session_id != "last":
            outbox.deliver(end.session_id, EndSessionResponse(1))
    assert [end.measured()["counters"] for end in outbox.ready(10)] == [sent]


def test_what_a_denial_erased_is_no_account_of_the_next_installation(outbox: Outbox) -> None:
    """After an erase numbers begin again, and the server is told nothing of the player that there was before."""
    ready(outbox, "a", "b")
    before = outbox.installation_id
    outbox.erase()
    assert outbox.installation_id != before
    ready(outbox, "c")
    assert outbox.counts().dropped == {"consent": 2}
    assert outbox.ready(1)[0].measured()["counters"] == {
        "started": 1,
        "ended": 1,
        "delivered": 0,
        "rejected": 0,
        "dropped": {},
    }


def test_an_outbox_in_memory_sends_no_numbers_and_no_counters() -> None:
    """Its numbers would not be the installation's."""
    outbox = Outbox(None)
    ready(outbox, "a")
    measured = outbox.ready(1)[0].measured()
    assert measured["number"] is None
    assert "counters" not in measured


def test_prune_keeps_within_bytes_too(outbox: Outbox) -> None:
    """Ten ends of 10 KB, 35 KB allowed: the three newest stay, seven are counted as dropped."""
    ready(outbox, *(f"s{index}" for index in range(10)), script='{"x":"' + "x" * 10_000 + '"}')
    outbox.prune((), max_bytes=35_000)
    assert ids(outbox) == ["s7", "s8", "s9"]
    assert outbox.counts().dropped == {"full": 7}


def test_prune_never_drops_by_age(outbox: Outbox) -> None:
    """A ready end of 1970 stays as long as there is room."""
    outbox.start(RUN, "old", 0.0, None, "{}", "{}", None)
    save(outbox, "old")
    outbox.release("old")
    outbox.prune(())
    assert ids(outbox) == ["old"]


def test_only_so_many_receipts_are_kept(path: Path, outbox: Outbox) -> None:
    """Receipts beyond MAX_RECEIPTS go, oldest first; the number delivered still counts them all."""
    with outbox.transaction():
        ready(outbox, *(f"s{index:03}" for index in range(MAX_RECEIPTS + 5)))
        for index in range(MAX_RECEIPTS + 5):
            outbox.deliver(f"s{index:03}", EndSessionResponse(1))
    outbox.prune(())
    kept = [row[0] for row in everything(path)]
    assert (kept[0], len(kept)) == ("s005", MAX_RECEIPTS)
    assert outbox.counts().delivered == MAX_RECEIPTS + 5


def test_the_file_stays_small_however_often_ends_come_and_go(path: Path, outbox: Outbox) -> None:
    """3,000 ends of 1 KB come and go: database and WAL stay under 8 MiB, since sync() moves the WAL back."""
    script = '{"x":"' + "x" * 1000 + '"}'
    for index in range(3000):
        with outbox.transaction():
            ready(outbox, f"s{index}", script=script)
            outbox.deliver(f"s{index}", EndSessionResponse(1))
        if index % 50 == 49:
            outbox.prune(())
            outbox.sync()
    assert sum(file.stat().st_size for file in path.parent.iterdir()) < 8 * 1024 * 1024


MARKER = "MARKER_OF_WHAT_THE_PLAYER_DID"


@pytest.mark.parametrize("build", ["ON", "OFF"])
def test_erase_leaves_no_copy_in_any_file(path: Path, monkeypatch: pytest.MonkeyPatch, build: str) -> None:
    """After erase() no byte of script data is left in the database, the WAL or beside them, however it got there:
    open, waiting, withdrawn, saved again, delivered, rejected or pruned before. Debian builds SQLite with
    secure_delete on, python.org does not: it must not matter."""
    real = sqlite3.connect

    def connect(*args: object, **kwargs: object) -> sqlite3.Connection:
        db = real(*args, **kwargs)  # type: ignore[call-overload]
        db.execute(f"PRAGMA secure_delete = {build}")
        return db

    monkeypatch.setattr(opening.sqlite3, "connect", connect)
    outbox = Outbox(path)
    keeper = outbox.another()
    for index in range(40):
        script = f'{{"x":"{MARKER}{index}","pad":"{"p" * (index * 97 % 3000)}"}}'
        session_id = f"s{index}"
        start(outbox, session_id, script=script, player=MARKER)
        if index % 8 == 0:
            continue
        save(outbox, session_id, script=script)
        if index % 8 == 1:
            outbox.withdraw(session_id)
        elif index % 8 == 2:
            save(outbox, session_id, reason="crash", script=script.replace("p", "q"))
        elif index % 8 > 3:
            outbox.release(session_id)
            if index % 8 == 5:
                outbox.deliver(session_id, EndSessionResponse(1, {"m": MARKER}))
            if index % 8 == 6:
                outbox.reject(session_id, MARKER)
    keeper.sync()
    keeper.prune((), max_ends=10)
    keeper.erase()
    files = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    keeper.close()
    assert {name: data.count(MARKER.encode()) for name, data in files.items() if MARKER.encode() in data} == {}
    assert everything(path) == []
    assert outbox.unfinished_runs() == []
    outbox.close()


def test_erase_counts_what_was_never_sent(outbox: Outbox) -> None:
    """Open, waiting and ready are dropped for want of consent and counted; nothing else is left to count by."""
    ready(outbox, "a", "b", "c")
    outbox.deliver("a", EndSessionResponse(1))
    start(outbox, "d")
    save(outbox, "d")
    start(outbox, "e")
    outbox.erase()
    assert outbox.counts().dropped == {"consent": 4}
    assert outbox.counts().delivered == 0
    assert start(outbox, "f").number == 1


# Other processes, death, damage


def test_a_busy_outbox_is_given_up_within_the_patience(path: Path, outbox: Outbox) -> None:
    """Another connection holds the write lock: OutboxBusyError after about 5 ms, and nothing was written."""
    start(outbox)
    impatient = outbox.another(GAME_PATIENCE)
    waits = []
    with outbox.transaction():
        for attempt in (lambda: save(impatient), lambda: start(impatient, "s2"), lambda: impatient.withdraw("s1")):
            began = time.perf_counter()
            with pytest.raises(OutboxBusyError):
                attempt()
            waits.append(time.perf_counter() - began)
        assert impatient.counts().waiting == 0  # reading is never held up
    assert min(waits) < 10 * GAME_PATIENCE
    assert start(impatient, "s2").number == 2
    assert impatient.counts().waiting == 0
    impatient.close()


def test_a_patient_writer_waits_for_the_lock(outbox: Outbox) -> None:
    """The helpers' patience outlasts another writer: the write goes through once the lock is free."""
    import threading

    other = outbox.another()
    held = threading.Event()
    free = threading.Event()

    def hold() -> None:
        with other.transaction():
            held.set()
            free.wait(DEADLINE)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(DEADLINE)
    threading.Timer(0.05, free.set).start()
    assert start(outbox).number == 1
    holder.join(DEADLINE)
    other.close()


def test_what_fails_within_a_transaction_undoes_all_of_it(outbox: Outbox) -> None:
    """An exception in the middle: nothing of the transaction stays, and the outbox can be used on."""

    def half() -> None:
        with outbox.transaction():
            ready(outbox, "a")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    assert ids(outbox) == []
    assert start(outbox, "b").number == 1


KILLED = """
    import sys, time
    from pathlib import Path
    from gs_pygame._disk.outbox import Outbox
    outbox = Outbox(Path(sys.argv[1]))
    outbox.start("run", "s1", 0.0, None, "{}", "{}", None)
    outbox.save("s1", "background", 1.0, 2.0, "{}")
    print("committed", flush=True)
    time.sleep(60)
"""


def test_a_commit_survives_sigkill(path: Path) -> None:
    """A process is killed with -9 right after it has committed: the next one reads what was written."""
    with child(KILLED, path) as game:
        assert line_of(game) == "committed"
        game.kill()
        game.wait(DEADLINE)
        outbox = Outbox(path)
        assert outbox.counts().waiting == 1
        assert start(outbox, "s2").number == 2
        outbox.close()


HALF = """
    import os, signal, sys
    from pathlib import Path
    from gs_pygame._disk.outbox import Outbox
    outbox = Outbox(Path(sys.argv[1]))
    with outbox.transaction():
        outbox.start("run", "s1", 0.0, None, "{}", "{}", None)
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX's")
def test_a_kill_in_the_middle_of_a_transaction_leaves_no_half_session(path: Path) -> None:
    """Killed before the commit: no session, no number taken, and the lock is free."""
    with child(HALF, path) as game:
        game.wait(DEADLINE)
    outbox = Outbox(path, patience=0.0)
    assert outbox.unfinished_runs() == []
    assert start(outbox, "s2").number == 1
    outbox.close()


@posix_modes
def test_only_the_player_may_read_the_files(path: Path, outbox: Outbox) -> None:
    """Folder 0700, database, WAL and shared memory 0600, whatever the umask allows."""
    start(outbox)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == dict.fromkeys(["outbox.sqlite3", "outbox.sqlite3-shm", "outbox.sqlite3-wal"], 0o600)


@posix_modes
def test_an_open_umask_changes_no_mode(tmp_path: Path) -> None:
    """With umask 0 the files are as private."""
    before = os.umask(0)
    try:
        outbox = Outbox(tmp_path / "new" / "outbox.sqlite3")
        start(outbox)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "new").iterdir()} == {0o600}
    outbox.close()


def newer(path: Path, journal: str) -> bytes:
    """A file of a version to come."""
    path.parent.mkdir()
    with sqlite3.connect(path, isolation_level=None) as db:
        db.execute(f"PRAGMA journal_mode = {journal}")
        db.execute("CREATE TABLE of_the_future (x)")
        db.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    db.close()
    return path.read_bytes()


@pytest.mark.parametrize("journal", ["WAL", "DELETE"])
def test_a_newer_file_is_refused_and_left_as_it_is(path: Path, journal: str) -> None:
    """OutboxTooNewError names both versions; not a byte of the file changes, and nothing lies beside it."""
    before = newer(path, journal)
    with pytest.raises(OutboxTooNewError, match=rf"{schema.VERSION + 1}.*{schema.VERSION}"):
        Outbox(path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("content", [b"this is no database, it is a poem" * 40, b"SQLite format 3\0" + b"\xff" * 4080])
def test_what_is_no_database_is_refused(path: Path, content: bytes) -> None:
    """OutboxDamagedError, and the file is as it was."""
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(OutboxDamagedError):
        Outbox(path)
    assert path.read_bytes() == content


def test_a_page_overwritten_is_found_damaged(path: Path) -> None:
    """Garbage in the middle of a used file: OutboxDamagedError when it is read, never a wrong answer."""
    outbox = Outbox(path)
    with outbox.transaction():
        ready(outbox, *(f"s{index}" for index in range(300)), script='{"x":"' + "x" * 500 + '"}')
    outbox.checkpoint()
    outbox.close()
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises(OutboxDamagedError):
        ids(Outbox(path))


def test_an_empty_file_becomes_an_outbox(path: Path) -> None:
    """A file of no bytes (a crash at the very first start) is a new outbox."""
    path.parent.mkdir()
    path.touch()
    outbox = Outbox(path)
    assert start(outbox).number == 1
    outbox.close()


def test_a_folder_in_its_place_is_an_error_of_ours(path: Path) -> None:
    """What cannot be opened raises OutboxError or OSError, which the engine turns into an outbox in memory."""
    path.mkdir(parents=True)
    with pytest.raises((OutboxError, OSError)):
        Outbox(path)


def test_an_outbox_in_memory_does_all_but_last() -> None:
    """Without a path: not durable, one connection for all, no numbers on the ends, nothing on disk to sync."""
    outbox = Outbox(None)
    assert outbox.durable is False
    assert outbox.another() is outbox
    ready(outbox, "a", "b")
    outbox.sync()
    outbox.prune(())
    assert [end.number for end in outbox.ready(9)] == [None, None]
    outbox.deliver("a", EndSessionResponse(1))
    assert [receipt.end.session_id for receipt in outbox.untold()] == ["a"]
    outbox.close()
    assert ids(outbox) == ["b"]
    outbox.erase()
    assert ids(outbox) == []


def test_sync_without_a_wal_does_nothing(path: Path, outbox: Outbox) -> None:
    """No WAL file (a file system that has none): sync() raises nothing."""
    start(outbox)
    outbox.close()
    outbox.sync()


def test_sync_moves_a_large_wal_into_the_database(path: Path, outbox: Outbox) -> None:
    """Past the limit the WAL is checkpointed; what it held is in the database file itself."""
    keeper = outbox.another()
    for index in range(30):
        ready(outbox, f"s{index}", script='{"x":"' + "y" * 60_000 + '"}')
    before = path.stat().st_size
    keeper.sync()
    assert path.stat().st_size > max(before, 1_000_000)
    assert len(ids(outbox)) == 30
    keeper.close()
