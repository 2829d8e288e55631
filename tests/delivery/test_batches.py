"""A destination that takes many ends in one request: what comes of each is recorded as if it had been alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from core_kit import ids as ready
from courier_scene import BROKEN, OFFLINE, Scene
from network_kit import Log

from gs_pygame import End, EndSessionResponse
from gs_pygame.destinations import Delivered, Outcome, Pause, Rejected, Retry

DELIVERED = Delivered(EndSessionResponse(1, {}))
Answer = Callable[[Sequence[End]], Sequence[Outcome]]


class Batches(Scene):
    """A courier whose destination takes four at a time. `requests`: the ids in each request; `answer`: what is said."""

    batch_size = 4

    def __init__(self, folder: Path) -> None:
        self.requests: list[list[str]] = []
        self.answer: Answer = lambda ends: [BROKEN if end.session_id in self.broken else DELIVERED for end in ends]
        super().__init__(folder)

    def deliver(self, ends: Sequence[End]) -> Sequence[Outcome]:
        self.requests.append([end.session_id for end in ends])
        self.times.append(self.clock.now().elapsed - self._begun)
        return self.answer(ends)


@pytest.fixture
def batches(tmp_path: Path) -> Iterator[Batches]:
    made = Batches(tmp_path)
    yield made
    made.worker.stop(0)
    made.outbox.close()


def test_in_order_and_no_more_than_it_takes(batches: Batches) -> None:
    """Ten ends in requests of four, four and two; a receipt for each, in order."""
    ids = batches.put(10)
    batches.wait()
    assert batches.requests == [ids[:4], ids[4:8], ids[8:]]
    assert [receipt.end.session_id for receipt in batches.receipts] == ids
    assert batches.outbox.counts().delivered == 10


def test_each_has_its_own_outcome(batches: Batches) -> None:
    """Delivered, rejected, put off, delivered: the one that was put off is first the next time."""
    outcomes: list[Outcome] = [DELIVERED, Rejected("no"), OFFLINE, DELIVERED]
    batches.answer = lambda ends: outcomes if len(ends) == 4 else [DELIVERED] * len(ends)
    first, second, third, fourth = batches.put(4)
    batches.wait()
    assert ready(batches.outbox) == [third]
    counts = batches.outbox.counts()
    assert (counts.delivered, counts.rejected) == (2, 1)
    batches.wait(2)
    assert batches.requests == [[first, second, third, fourth], [third]]
    assert [receipt.end.session_id for receipt in batches.receipts] == [first, fourth, third]


def test_a_receipt_for_each_or_for_none(batches: Batches) -> None:
    """The receipts of a batch are one commit: what is told is on disk."""
    seen: list[int] = []
    batches.told = lambda receipt: seen.append(batches.outbox.counts().delivered)
    batches.put(4)
    batches.wait()
    assert seen == [4, 4, 4, 4]


def test_one_bad_end_does_not_hold_up_the_others(batches: Batches) -> None:
    """A request with it fails as a whole: ends go alone until it is known, and then past it."""
    ids = batches.put(8)
    bad = ids[2]
    batches.answer = lambda ends: [BROKEN if any(end.session_id == bad for end in ends) else DELIVERED] * len(ends)
    for _ in range(100):
        batches.nudge()
        batches.wait()
    assert ready(batches.outbox) == [bad]
    assert batches.outbox.counts().delivered == 7
    batches.answer = lambda ends: [DELIVERED] * len(ends)
    batches.nudge()
    batches.wait()
    assert ready(batches.outbox) == []


def test_an_outage_rejects_nothing(batches: Batches) -> None:
    """However often all of it fails."""
    ids = batches.put(6)
    batches.answer = lambda ends: [BROKEN] * len(ends)
    for _ in range(60):
        batches.nudge()
        batches.wait()
    assert sorted(ready(batches.outbox)) == sorted(ids)


@pytest.mark.parametrize(
    "outcome", [Retry("wait", after=7.0), Pause("who are you?")], ids=["Retry-After", "not let in"]
)
def test_the_wait_is_what_the_first_that_failed_asks_for(batches: Batches, outcome: Outcome) -> None:
    """Whatever else was delivered with it."""
    batches.answer = lambda ends: [DELIVERED, outcome, *[OFFLINE] * 2][: len(ends)]
    batches.put(4)
    batches.wait()
    batches.wait(6.9)
    assert len(batches.requests) == 1
    batches.wait(0.2)
    assert len(batches.requests) == (2 if isinstance(outcome, Retry) else 1)


@pytest.mark.parametrize("answer", [lambda ends: [], lambda ends: 1 / 0], ids=["too few outcomes", "an exception"])
def test_a_destination_that_breaks_its_word(batches: Batches, log: Log, answer: Answer) -> None:
    """It counts as a server's error; nothing is lost, and it is said."""
    ids = batches.put(3)
    batches.answer = answer
    batches.wait()
    assert ready(batches.outbox) == ids
    assert "the destination" in str(batches.courier.line.last_error)
    batches.answer = lambda ends: [DELIVERED] * len(ends)
    batches.wait(2)
    assert ready(batches.outbox) == []
