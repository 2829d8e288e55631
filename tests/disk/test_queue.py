"""What each of several destinations has still to get: its own order, its own record, and one account of all."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from core_kit import ready

from gs_pygame import EndSessionResponse
from gs_pygame._disk.merge import bring_home
from gs_pygame._disk.outbox import Outbox
from gs_pygame._disk.queue import Queue

AMONG = ("first", "second")
ANSWER = EndSessionResponse(1, {"coins": 3})


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    opened = Outbox(tmp_path / "outbox.sqlite3")
    yield opened
    opened.close()


def queue(outbox: Outbox, name: str, among: tuple[str, ...] = AMONG) -> Queue:
    return outbox.queue(name, among)


def left(outbox: Outbox, name: str, among: tuple[str, ...] = AMONG) -> list[str]:
    return [queued.end.session_id for queued in queue(outbox, name, among).ready(99)]


def deliver(outbox: Outbox, name: str, count: int = 1, among: tuple[str, ...] = AMONG) -> None:
    mine = queue(outbox, name, among)
    mine.deliver([(queued, ANSWER) for queued in mine.ready(count)], "run")


def test_each_has_its_own_way_through(outbox: Outbox) -> None:
    """What one has got the other has still to get; it is over when both have it."""
    ready(outbox, "a", "b")
    deliver(outbox, "first", 2)
    assert (left(outbox, "first"), left(outbox, "second")) == ([], ["a", "b"])
    assert (outbox.counts().ready, outbox.counts().delivered) == (2, 0)
    deliver(outbox, "second")
    assert left(outbox, "second") == ["b"]
    assert (outbox.counts().ready, outbox.counts().delivered) == (1, 1)


def test_only_the_first_ones_answer_is_told(outbox: Outbox) -> None:
    """At once, whatever the other does; and once."""
    ready(outbox, "a")
    deliver(outbox, "second")
    assert outbox.untold() == []
    deliver(outbox, "first")
    assert [receipt.response for receipt in outbox.untold()] == [ANSWER]
    outbox.told(["a"])
    assert outbox.untold() == []


def test_who_has_it_already_gets_it_counted_once(outbox: Outbox) -> None:
    """A copy that has come to a stop, and goes on, may bring what is settled."""
    ready(outbox, "a")
    mine = queue(outbox, "first")
    found = mine.ready(1)
    for _ in range(2):
        mine.deliver([(found[0], ANSWER)], "run")
    mine.reject(found[0], "no")
    mine.strike(found[0], 3)
    assert not mine.is_ready(found[0])
    assert outbox.counts().share("first").delivered == 1
    assert outbox.counts().share("first").rejected == 0
    assert left(outbox, "first") == []


def test_one_refuses_what_the_other_takes(outbox: Outbox) -> None:
    """The end is kept as rejected; the game is told of the answer that there is."""
    ready(outbox, "a")
    deliver(outbox, "first")
    mine = queue(outbox, "second")
    mine.reject(mine.ready(1)[0], "too old")
    counts = outbox.counts()
    assert (counts.ready, counts.delivered, counts.rejected) == (0, 0, 1)
    assert [receipt.response for receipt in outbox.untold()] == [ANSWER]
    assert (counts.share("first").delivered, counts.share("second").rejected) == (1, 1)


def test_strikes_and_the_back_of_the_line_are_of_one(outbox: Outbox) -> None:
    """An end that one meets errors with is first for the other."""
    ready(outbox, "a", "b")
    mine = queue(outbox, "first")
    mine.strike(mine.ready(1)[0], 5)
    mine.send_to_back(mine.ready(1)[0])
    ready(outbox, "c")
    assert left(outbox, "first") == ["b", "a", "c"]
    assert left(outbox, "second") == ["a", "b", "c"]
    assert [queued.strikes for queued in queue(outbox, "second").ready(9)] == [0, 0, 0]


def test_the_shares_are_of_the_same_moment(outbox: Outbox) -> None:
    """What is ready for each, and what each has got."""
    ready(outbox, "a", "b", "c")
    deliver(outbox, "first", 2)
    shares = outbox.counts()
    assert (shares.share("first").ready, shares.share("first").delivered) == (1, 2)
    assert (shares.share("second").ready, shares.share("second").delivered) == (3, 0)


def test_one_that_is_added_gets_what_is_ready(outbox: Outbox) -> None:
    """An update of the game sends to one more: what is still in the queue goes there too, and what is over does not."""
    ready(outbox, "over", "a")
    deliver(outbox, "first", 1, ("first",))
    assert left(outbox, "second") == ["a"]


def test_one_that_is_removed_holds_nothing_up(outbox: Outbox) -> None:
    """An update of the game sends to one less: what the others have is over."""
    ready(outbox, "a", "b")
    deliver(outbox, "first", 1)
    outbox.prune(("first",))
    counts = outbox.counts()
    assert (counts.ready, counts.delivered) == (1, 1)
    assert left(outbox, "first", ("first",)) == ["b"]


def test_what_somebody_has_goes_before_what_nobody_has(outbox: Outbox) -> None:
    """Over the bounds; it is counted for those that lack it."""
    ready(outbox, "a", "b", "c", "d")
    mine = queue(outbox, "first")
    second = mine.ready(2)[1]
    mine.deliver([(second, ANSWER)], "run")
    outbox.prune(AMONG, max_ends=3)
    assert left(outbox, "second") == ["a", "c", "d"]
    outbox.prune(AMONG, max_ends=2)
    assert left(outbox, "second") == ["c", "d"]
    counts = outbox.counts()
    assert counts.dropped == {"full": 2}
    assert (counts.share("first").dropped, counts.share("second").dropped) == (1, 2)


def test_nothing_is_left_of_what_is_over(outbox: Outbox) -> None:
    """Of the progress of what all have there is no row any more; of what one destination alone has tried, after the
    next tidying."""
    ready(outbox, "a", "b")
    deliver(outbox, "first")
    deliver(outbox, "second")
    assert outbox.rows("progress") == []
    alone = queue(outbox, "first", ("first",))
    alone.strike(alone.ready(1)[0], 2)
    deliver(outbox, "first", 1, ("first",))
    outbox.prune(("first",))
    assert outbox.rows("progress") == []


def test_a_backlog_of_one_costs_the_other_no_more(outbox: Outbox) -> None:
    """What an end costs, and what a look after the house costs a game's write, is the same with a thousand that another
    destination has not got yet: counted in statements, since time is the machine's."""

    def statements(deed: Callable[[], object]) -> int:
        ran: list[str] = []
        outbox._database.connection.set_trace_callback(ran.append)
        deed()
        outbox._database.connection.set_trace_callback(None)
        return sum(not words.lstrip().startswith(("SELECT", "--")) for words in ran)

    def costs() -> tuple[int, int]:
        return statements(lambda: deliver(outbox, "first")), statements(lambda: outbox.prune(AMONG))

    ready(outbox, "a", "b")
    few = costs()
    ready(outbox, *map(str, range(1000)))
    deliver(outbox, "first", 999)
    assert costs() == few


def test_a_record_that_makes_no_sense_is_none(outbox: Outbox) -> None:
    """A damaged row of progress holds no end up."""
    ready(outbox, "a")
    mine = queue(outbox, "first")
    mine.strike(mine.ready(1)[0], 4)
    outbox._database.change("UPDATE progress SET strikes = 'many'")
    assert [(queued.strikes, queued.passes) for queued in mine.ready(1)] == [(0, 0)]


def test_progress_comes_home_with_its_end(tmp_path: Path, outbox: Outbox) -> None:
    """Into the files that lie there now, where the session may have another number."""
    a, b, c = (str(uuid.UUID(int=number)) for number in range(3))
    ready(outbox, a)
    assert outbox.installation_id
    copy = tmp_path / "other.sqlite3"
    outbox.copy_to(copy)
    old = Outbox(copy)
    ready(old, b)
    deliver(old, "first", 2)
    ready(outbox, c)  # with the number that b has there
    bring_home(old, "run", outbox, "run")
    old.close()
    assert left(outbox, "first") == [c]
    assert left(outbox, "second") == [a, c, b]


def test_what_is_further_along_comes_home(tmp_path: Path, outbox: Outbox) -> None:
    """An older copy of the files was put back, in which that end had only been tried: it is not sent again."""
    ready(outbox, a := str(uuid.UUID(int=0)))
    assert outbox.installation_id
    mine = queue(outbox, "first")
    mine.strike(mine.ready(1)[0], 1)
    copy = tmp_path / "other.sqlite3"
    outbox.copy_to(copy)
    old = Outbox(copy)
    deliver(old, "first")
    bring_home(old, "run", outbox, "run")
    old.close()
    assert (left(outbox, "first"), left(outbox, "second")) == ([], [a])


def test_an_erase_takes_it_too(outbox: Outbox) -> None:
    """Nothing of the player's is left, nor what was to become of it."""
    ready(outbox, "a")
    deliver(outbox, "first")
    outbox.erase()
    assert (outbox.rows("progress"), outbox.counts().shares) == ([], {})
