"""The delivery loop: a real outbox, real locks, a destination that fails as it is told, a clock that the test moves."""

from __future__ import annotations

import logging
import random

import pytest
from courier_scene import BROKEN, HOUR, OFFLINE, Scene
from network_kit import Log, put

from gs_pygame import End, EndSessionResponse
from gs_pygame._base.clocks import Backoff
from gs_pygame._base.errors import OutboxBusyError
from gs_pygame._base.patience import BACKOFF_CAP, PAUSE, RECEIPTS_WAIT, RETRY_AFTER_LIMIT
from gs_pygame._delivery.courier import AT_A_TIME, PASSES, STRIKES, Line
from gs_pygame._disk.lock import FileLock
from gs_pygame._disk.outbox import Receipt
from gs_pygame._disk.queue import Queue, Queued
from gs_pygame.destinations import Delivered, Outcome, Pause, Rejected, Retry

# The queue


def test_first_in_first_out(scene: Scene) -> None:
    """Ends go in the order in which they became ready, one after the other, at once."""
    ids = scene.put(5)
    scene.wait()
    assert scene.attempts == scene.delivered == ids
    assert scene.outbox.counts().delivered == 5
    assert scene.outbox.ready(1) == []


def test_a_failing_end_holds_up_the_others(scene: Scene) -> None:
    """While the line is down only the first end is tried, with the same requestId each time; then all go in order."""
    ids = scene.put(3)
    scene.comes(*[OFFLINE] * 9)
    scene.wait(10 * BACKOFF_CAP)
    assert scene.attempts == [ids[0]] * 9 + ids
    assert len({end.request_id for end in scene.fake.attempts[:10]}) == 1
    assert scene.delivered == ids


def test_a_receipt_is_on_disk_before_anyone_is_told(scene: Scene) -> None:
    """When on_receipt is called, another connection already finds the receipt."""
    found: list[list[str]] = []

    def look(receipt: Receipt) -> None:
        elsewhere = scene.outbox.another()
        found.append([untold.end.session_id for untold in elsewhere.untold()])
        elsewhere.close()

    scene.told = look
    (session_id,) = scene.put()
    scene.comes(Delivered(EndSessionResponse(1234, {"gems": 5})))
    scene.wait()
    assert found == [[session_id]]
    assert scene.outbox.untold()[0].response == EndSessionResponse(1234, {"gems": 5})


def test_a_rejected_end_is_kept_and_the_next_one_goes(scene: Scene, log: Log) -> None:
    """Refused in the server's own words: said in the log, counted, never tried again, in nobody's way."""
    ids = scene.put(2)
    scene.comes(Rejected('{"playerId": "UNKNOWN"}'))
    scene.wait(HOUR)
    assert scene.attempts == ids
    assert scene.delivered == ids[1:]
    assert scene.outbox.counts().rejected == 1
    assert log.ours() == ['gs_pygame: the end of session 1 is rejected, and kept: {"playerId": "UNKNOWN"}']


def test_a_log_handler_may_do_anything(scene: Scene) -> None:
    """It is called with no transaction open: what it does to the outbox it does at once."""

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "is rejected" in record.getMessage():
                asked.append(scene.outbox.counts().rejected)
                scene.put()

    asked: list[int] = []
    scene.outbox.wait_at_most(0.0)
    logger, handler = logging.getLogger("gs_pygame"), Handler()
    logger.addHandler(handler)
    try:
        scene.comes(Rejected("no"))
        scene.put()
        scene.wait()
    finally:
        logger.removeHandler(handler)
    assert asked == [1]
    assert len(scene.attempts) == 2


def test_without_consent_nothing_is_sent(scene: Scene) -> None:
    """Nothing goes out, and nobody is kept from delivering; with consent everything goes."""
    scene.may_send = False
    ids = scene.put(2)
    scene.nudge()
    scene.wait(HOUR)
    assert scene.attempts == []
    FileLock(scene.folder / "delivery-gamesparks.lock").close()
    scene.may_send = True
    scene.worker.wake()
    scene.wait()
    assert scene.delivered == ids


def test_what_came_with_the_last_word_is_not_sent(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A denial, or an exit, may fall between our look whether we may send and our look at the queue."""
    ready = Queue.ready

    def as_it_ends(queue: Queue, limit: int) -> list[Queued]:
        scene.may_send = False
        return ready(queue, limit)

    monkeypatch.setattr(Queue, "ready", as_it_ends)
    scene.put()
    scene.wait(HOUR)
    assert scene.attempts == []
    FileLock(scene.folder / "delivery-gamesparks.lock").close()


# Backoff


def test_the_backoff_doubles_up_to_a_minute() -> None:
    """Its ceiling: 1 s, doubled each time, at most 60 s, however long it lasts."""
    backoff = Backoff(lambda: 1.0)
    assert [backoff.next() for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert {backoff.next() for _ in range(5000)} == {60}
    backoff.reset()
    assert backoff.next() == 1


def test_the_jitter_is_full() -> None:
    """Waits are spread evenly from nothing to the ceiling: no two games come back in step."""
    chance = random.Random(7)
    for tries, ceiling in enumerate([1, 2, 4, 8, 16, 32, 60]):
        waits = []
        for _ in range(400):
            backoff = Backoff(chance.random)
            waits += [[backoff.next() for _ in range(tries + 1)][-1]]
        tenths = [sum(tenth <= wait / ceiling * 10 < tenth + 1 for wait in waits) for tenth in range(10)]
        assert sum(tenths) == 400
        assert min(tenths) > 15


def test_attempts_follow_the_backoff(scene: Scene) -> None:
    """What the courier waits is what the backoff says; after a success it begins anew."""
    scene.put(2)
    scene.comes(*[OFFLINE] * 8)
    scene.wait(HOUR)
    assert scene.gaps[:8] == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60], rel=1e-3)
    scene.times.clear()
    scene.put()
    scene.comes(*[OFFLINE] * 2)
    scene.wait(HOUR)
    assert scene.gaps == pytest.approx([1, 2], rel=1e-3)


@pytest.mark.parametrize("proof", [Rejected("no"), Delivered(EndSessionResponse(None))])
def test_a_verified_answer_resets_the_backoff(scene: Scene, proof: Outcome) -> None:
    """Any answer of the server proves that the network is back."""
    scene.put(2)
    scene.comes(*[OFFLINE] * 5, proof, *[OFFLINE] * 2)
    scene.wait(HOUR)
    assert scene.gaps == pytest.approx([1, 2, 4, 8, 16, 0, 1, 2], rel=1e-3, abs=1e-3)


def test_a_nudge_resets_the_backoff(scene: Scene) -> None:
    """A RETURN means hope: one attempt at once, and small steps again."""
    scene.put()
    scene.fake.offline = True
    scene.wait(40.0)
    before = len(scene.times)
    scene.nudge()
    scene.wait()
    assert len(scene.times) == before + 1
    scene.wait(3.1)
    assert scene.gaps[-2:] == pytest.approx([1, 2], rel=1e-3)


def test_a_nudge_during_an_attempt_counts(scene: Scene) -> None:
    """The player returns while an attempt is about to fail: the next one follows at once."""
    scene.put()
    scene.comes(OFFLINE)
    scene.during = lambda end: scene.nudge() if len(scene.times) == 1 else None
    scene.wait()
    assert len(scene.delivered) == 1


# The server's own wishes


@pytest.mark.parametrize(
    ("asked", "waited"), [(0.25, 0.25), (2.0, 2.0), (120.0, 120.0), (1e9, RETRY_AFTER_LIMIT), (0.0, 1.0)]
)
def test_retry_after_wins_over_the_backoff(scene: Scene, asked: float, waited: float) -> None:
    """Shorter or longer, up to an hour; nothing asked for is no answer."""
    scene.put()
    scene.comes(Retry("HTTP 429", after=asked))
    scene.wait(2 * HOUR)
    assert scene.gaps == pytest.approx([waited], rel=1e-3)


def test_a_nudge_does_not_beat_retry_after(scene: Scene) -> None:
    """What the server asked for is kept, whoever returns; then the attempt follows at once."""
    scene.put()
    scene.comes(Retry("HTTP 503", after=30.0, server_error=True))
    for _ in range(29):
        scene.wait(1.0)
        scene.nudge()
    assert len(scene.times) == 1
    scene.wait(1.1)
    assert scene.times[1] == pytest.approx(30.0, abs=0.01)


def test_a_pause_lasts_an_hour(scene: Scene) -> None:
    """Not let in: hourly, and when the player returns; everything is kept, and goes in order in the end."""
    ids = scene.put(2)
    scene.comes(*[Pause("HTTP 403")] * 3)
    scene.wait(2.5 * PAUSE)
    assert scene.gaps == pytest.approx([PAUSE, PAUSE])
    scene.nudge()
    scene.wait()
    assert scene.delivered == ids
    assert scene.outbox.counts().rejected == 0


# An end that meets server errors


def test_five_server_errors_let_the_next_one_pass(scene: Scene) -> None:
    """Then the others are delivered first, and the failing end goes to the back."""
    first, *others = scene.put(4)
    scene.broken = {first}
    scene.wait(BACKOFF_CAP)
    assert scene.attempts[:6] == [first] * STRIKES + others[:1]
    assert scene.delivered == others
    scene.broken = set()
    scene.wait(BACKOFF_CAP)
    assert scene.delivered == [*others, first]


def test_other_failures_break_the_row(scene: Scene) -> None:
    """Only five server errors in a row say something about the end; a lost connection says nothing."""
    first, second = scene.put(2)
    scene.comes(*[BROKEN] * 4, OFFLINE, *[BROKEN] * 4, OFFLINE, *[BROKEN] * 5)
    scene.wait(HOUR)
    assert scene.attempts == [first] * 15 + [second, first]


def test_twenty_server_errors_reject_while_others_get_through(scene: Scene, log: Log) -> None:
    """Four times five: the end is set aside for good, with a cause, and every other end was delivered once."""
    (first,) = scene.put()
    scene.broken = {first}
    others: list[str] = []
    for _ in range(2 * PASSES):
        others += scene.put(2)
        scene.wait(HOUR)
    assert scene.attempts.count(first) >= STRIKES * PASSES
    assert scene.delivered == others
    assert scene.outbox.counts().rejected == 1
    assert scene.outbox.counts().ready == 0
    assert [line for line in log.ours() if "rejected" in line] == [
        "gs_pygame: the end of session 1 is rejected, and kept: 20 server errors while others were accepted"
    ]


def test_exactly_twenty_if_others_are_always_there(scene: Scene) -> None:
    """With enough others behind it the end is tried twenty times, not once more."""
    first, *others = scene.put(1 + PASSES * 2)
    scene.broken = {first}
    scene.during = lambda end: (
        others.extend(put(scene.outbox)) if end.session_id != first and len(others) < 40 else None
    )
    scene.wait(2 * HOUR)
    assert scene.attempts.count(first) == STRIKES * PASSES
    assert scene.outbox.counts().rejected == 1
    assert scene.delivered == others


def test_an_outage_of_everything_rejects_nothing(scene: Scene) -> None:
    """A day of 500 for all: the first two take turns, nothing is given up, and afterwards each is delivered once."""
    ids = scene.put(3)
    scene.broken = set(ids)
    scene.wait(24 * HOUR)
    assert scene.attempts[:9] == [ids[0]] * STRIKES + [ids[1], ids[0]] * 2
    assert len(scene.attempts) > 1000
    assert scene.outbox.counts().rejected == 0
    scene.broken = set()
    scene.wait(2 * BACKOFF_CAP)
    assert sorted(scene.delivered) == sorted(ids)


def test_an_end_alone_is_never_given_up(scene: Scene) -> None:
    """With no other to compare, the fault may be the server's: it is tried on."""
    (only,) = scene.put()
    scene.broken = {only}
    scene.wait(HOUR)
    assert scene.outbox.counts().ready == 1
    scene.broken = set()
    scene.wait(BACKOFF_CAP)
    assert scene.delivered == [only]


# What goes wrong on our side


def test_what_a_destination_misses_is_named(scene: Scene, log: Log) -> None:
    """The module's name holds no secret, and tells the author what to install."""

    def fault(end: End) -> None:
        if len(scene.times) == 1:
            import no_such_module  # type: ignore[import-not-found]  # noqa: F401

    scene.during = fault
    scene.put(1)
    scene.wait(BACKOFF_CAP)
    why = "the destination raised ModuleNotFoundError: no_such_module"
    assert log.ours() == [f"gs_pygame: {why}; kept, and tried again later"]


def test_a_destination_that_raises_is_tried_again(scene: Scene, log: Log) -> None:
    """Anyone's code may raise; the end stays, and the exception's words, which may hold a secret, are not logged."""

    def fault(end: End) -> None:
        if len(scene.times) == 1:
            raise RuntimeError("hunter2")

    scene.during = fault
    ids = scene.put(2)
    scene.wait(BACKOFF_CAP)
    assert scene.delivered == ids
    assert log.ours() == ["gs_pygame: the destination raised RuntimeError; kept, and tried again later"]


def test_an_outbox_in_trouble_is_asked_again(scene: Scene, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said once, and tried again with the backoff; nothing is lost."""

    def busy(limit: int) -> list[object]:
        raise OutboxBusyError("database is locked")

    with monkeypatch.context() as patched:
        patched.setattr(scene.courier._queue, "ready", busy)
        ids = scene.put(2)
        scene.wait(HOUR)
    scene.wait(BACKOFF_CAP)
    assert scene.delivered == ids
    assert log.ours() == ["gs_pygame: the outbox cannot be read or written: database is locked"]


def test_an_answer_that_could_not_be_written_is_asked_for_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server has it, but the disk has no receipt, nor at a second try: the same requestId goes out again, and it
    is told once."""
    tries = []

    def busy(delivered: list[tuple[Queued, EndSessionResponse]], run: str) -> None:
        tries.extend(queued.end.session_id for queued, _ in delivered)
        if len(tries) == 2:
            monkeypatch.undo()
        raise OutboxBusyError("database is locked")

    monkeypatch.setattr(scene.courier._queue, "deliver", busy)
    (session_id,) = scene.put()
    scene.wait(BACKOFF_CAP)
    assert tries == [session_id] * 2
    assert scene.attempts == [session_id] * 2
    assert len(scene.receipts) == 1
    assert scene.outbox.counts().delivered == 1


def test_receipts_are_written_together(scene: Scene) -> None:
    """A commit holds up a frame that writes: there is one for many ends of a server that is quick, not one for each."""
    commits: list[bool] = []
    first = scene.put()  # of which it is written down that something was tried
    scene.wait()
    scene.during = lambda end: commits.append(scene.outbox.changed())
    ids = first + scene.put(AT_A_TIME * 2)
    scene.outbox.changed()
    scene.wait()
    assert scene.delivered == ids
    assert commits == [False] * AT_A_TIME + [True] + [False] * (AT_A_TIME - 1)


def test_a_slow_server_has_each_receipt_at_once(scene: Scene) -> None:
    """After a kill, only the end that was on its way comes again."""

    def slow(end: End) -> None:
        ready.append(scene.outbox.counts().ready)
        scene.clock.hold(RECEIPTS_WAIT)

    ready: list[int] = []
    scene.during = slow
    scene.put(3)
    scene.wait(1.0)
    assert ready == [3, 2, 1]


def test_what_failed_comes_with_the_receipts_before_it(scene: Scene) -> None:
    """What came before it is written down, what comes after it is not tried; then all goes on from there."""
    ids = scene.put(4)
    scene.comes(Delivered(EndSessionResponse(1)), OFFLINE)
    scene.wait()
    assert scene.attempts == ids[:2]
    assert scene.outbox.counts().delivered == 1
    scene.wait(BACKOFF_CAP)
    assert scene.attempts == [*ids[:2], *ids[1:]]


def test_that_we_are_online_is_written_with_the_receipts(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sees the last end delivered sees that the server was reached."""
    seen = []

    def said(line: Line) -> None:
        seen.append((line.online, scene.courier._outbox.counts().delivered, scene.outbox.counts().delivered))

    monkeypatch.setattr(scene.courier, "_on_line", said)
    scene.put(2)
    scene.wait()
    assert seen == [(True, 2, 0)]


def test_each_thing_is_said_once(scene: Scene, log: Log) -> None:
    """Once until the server is reached again; what somebody has to look at is an error, all else a warning."""
    portal, certificate = Retry("a portal"), Retry("bad certificate", severe=True)
    for _ in range(2):
        scene.put()
        scene.comes(*[portal, certificate] * 5)
        scene.wait(HOUR)
    assert log.ours(logging.WARNING) == ["gs_pygame: a portal; kept, and tried again later"] * 2
    assert log.ours(logging.ERROR) == ["gs_pygame: bad certificate; kept, and tried again later"] * 2
    assert len(log.ours()) == 4


def test_the_line(scene: Scene) -> None:
    """Unknown until something was tried; only an answer of the server proves that we are online."""
    assert scene.courier.line == Line(None, None)
    scene.put(3)
    scene.comes(OFFLINE)
    scene.wait()
    assert scene.courier.line == Line(False, "no connection")
    scene.comes(Rejected("no"), OFFLINE)
    scene.nudge()
    scene.wait()
    assert scene.courier.line == Line(False, "no connection")
    scene.wait(BACKOFF_CAP)
    assert scene.courier.line == Line(True, None)


def test_a_destination_holds_nothing_for_long(scene: Scene) -> None:
    """Ten seconds after the last attempt it gives up what it holds; the next end goes all the same."""
    assert scene.courier.idle(None) is None
    scene.put()
    scene.wait()
    assert scene.courier.idle(None) == pytest.approx(10, abs=0.01)
    assert scene.courier.idle(0.0) == 0.0
    scene.wait(9)
    assert scene.courier.idle(60.0) == pytest.approx(1, abs=0.01)
    assert not scene.fake.closed
    scene.wait(1.1)
    assert scene.courier.idle(None) is None
    assert scene.fake.closed
    scene.put()
    scene.wait()
    assert len(scene.receipts) == 2


def test_close_lets_go_of_everything(scene: Scene) -> None:
    """The destination is closed, and the delivery lock is free."""
    scene.during = lambda end: scene.worker.stop(0.0)
    scene.put()
    scene.wait()
    assert scene.fake.closed
    FileLock(scene.folder / "delivery-gamesparks.lock").close()
