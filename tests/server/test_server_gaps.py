"""Sessions that never came: which numbers are missing, what their installation says of them, what nobody does."""

from __future__ import annotations

import json
from pathlib import Path

import core_kit
import httpx
import pytest
from server_kit import JSON_BODY, PATH, counters, ends, numbered, record
from sqlalchemy.dialects import postgresql

from gs_pygame._base.messages import EndSessionResponse
from gs_pygame._disk.outbox import Outbox
from gs_pygame.destinations.gamesparks import request_of
from gs_pygame.server import Store, _gaps, open_store
from gs_pygame.server._gaps import MAX_RANGES, Gap, GapTotals


def only(gaps: list[Gap]) -> Gap:
    (gap,) = gaps
    return gap


def test_all_there_is_no_gap(store: Store) -> None:
    """In whatever order 1, 2, 3 ... came; sessions without a number or an installation are no gap either."""
    record(store, *ends([3, 1, 2]), *ends([1], installationId="i-2"))
    record(store, numbered(None, "memory"), numbered(9, "nobody", installationId=None))
    assert store.gaps(10) == []
    assert store.gap_totals() == GapTotals(0, 0, 0, 0)


def test_missing_numbers_are_found(store: Store) -> None:
    """Below the highest, at the start and in the middle; without counters nobody accounts for them."""
    record(store, *ends([3, 4, 8], player="old"), *ends([10], player="new"))
    assert store.gaps(10) == [
        Gap(
            installation_id="i-1",
            player_id="new",
            received=4,
            last=10,
            missing=[(1, 2), (5, 7), (9, 9)],
            missing_count=6,
            open=0,
            queued=0,
            rejected=0,
            dropped={},
            erased=0,
            unaccounted=6,
            repeated=0,
        )
    ]
    assert store.gap_totals() == GapTotals(installations=1, lost=6, unaccounted=6, repeated=0)


def test_what_the_installation_says_is_set_against_it(store: Store) -> None:
    """Twelve started: one still open, one queued, one rejected, two dropped, four here; so three are lost."""
    record(store, *ends([1, 2, 5]), *ends([10], counters=counters(12, 11, 6, 1, full=2)))
    gap = only(store.gaps(10))
    assert (gap.received, gap.last, gap.missing, gap.missing_count) == (4, 12, [(3, 4), (6, 9), (11, 12)], 8)
    assert (gap.open, gap.queued, gap.rejected, gap.dropped, gap.unaccounted) == (1, 1, 1, {"full": 2}, 3)
    assert store.gap_totals() == GapTotals(installations=1, lost=6, unaccounted=3, repeated=0)


def test_the_end_that_brings_the_news_hides_no_loss(store: Store) -> None:
    """It is among the ended and not among the delivered, but it is here: it accounts for no missing one."""
    record(store, *ends([1]), *ends([3], counters=counters(3, 3, 2)))
    assert only(store.gaps(10)).unaccounted == 1


def test_a_session_still_played_is_not_lost(store: Store) -> None:
    """Of two copies that play at once the later ends first: the other's number is missing, and in order."""
    record(store, *ends([2], counters=counters(2, 1, 0)))
    gap = only(store.gaps(10))
    assert (gap.missing, gap.open, gap.unaccounted) == ([(1, 1)], 1, 0)
    assert store.gap_totals() == GapTotals(0, 0, 0, 0)
    record(store, *ends([1], counters=counters(2, 2, 1)))
    assert store.gaps(10) == []


def test_the_newest_word_counts_in_whatever_order_they_come(store: Store) -> None:
    """The most started, then the most delivered, decide, though an older word comes later, or one that says nothing."""
    record(store, *ends([6], counters=counters(6, 6, 4, 1)))
    record(store, *ends([3], counters=counters(5, 5, 2)), *ends([2], counters=counters(6, 6, 2)))
    record(store, *ends([1], counters={}), *ends([4]))
    gap = only(store.gaps(10))
    assert (gap.missing, gap.queued, gap.rejected, gap.unaccounted) == ([(5, 5)], 0, 1, 0)
    record(store, numbered(None, "memory", counters=counters(6, 5, 4)))
    assert only(store.gaps(10)).open == 1, "of equals the last"


def test_a_repeated_request_says_nothing_new(store: Store) -> None:
    """A requestId that is known changes nothing, neither do its counters."""
    record(store, *ends([2], counters=counters(2, 2, 1)))
    before = store.gaps(10)
    record(store, *ends([2], counters=counters(9, 9, 1)))
    assert store.gaps(10) == before


def test_one_number_of_two_sessions_is_repeated(store: Store) -> None:
    """A data folder was copied: reported though nothing is missing, and each number counts once."""
    record(store, *ends([1, 2, 3]), numbered(2, "clone"), numbered(2, "clone of the clone"), numbered(3, "other"))
    gap = only(store.gaps(10))
    assert (gap.received, gap.missing_count, gap.unaccounted, gap.repeated) == (3, 0, 0, 2)
    assert store.gap_totals() == GapTotals(installations=1, lost=0, unaccounted=0, repeated=2)


def test_the_worst_come_first(store: Store) -> None:
    """Unaccounted for before lost for a cause, before repeated numbers, before what is still expected."""
    record(store, *ends([2], installationId="expected", counters=counters(4, 1, 0)))
    record(store, *ends([1], installationId="repeated"), numbered(1, "clone", installationId="repeated"))
    record(store, *ends([9], installationId="dropped", counters=counters(9, 9, 0, full=8)))
    record(store, *ends([2], installationId="lost"))
    record(store, *ends([3], installationId="lost more"))
    worst = ["lost more", "lost", "dropped", "repeated", "expected"]
    assert [gap.installation_id for gap in store.gaps(10)] == worst
    assert [gap.installation_id for gap in store.gaps(2)] == worst[:2]
    assert store.gap_totals() == GapTotals(installations=4, lost=11, unaccounted=3, repeated=1)


def test_ranges_are_bounded_and_counts_are_not(store: Store) -> None:
    """Every second one is missing: the first fifty ranges are listed, the rest is counted."""
    record(store, *ends(range(2, 2 * MAX_RANGES + 10, 2)), *ends([1], installationId="i-2", counters=counters(3, 1, 0)))
    many, tail = store.gaps(10)
    assert many.missing == [(number, number) for number in range(1, 2 * MAX_RANGES, 2)]
    assert many.missing_count == MAX_RANGES + 4
    assert tail.missing == [(2, 3)]


def test_lies_neither_fail_nor_overflow() -> None:
    """A thousand installations that claim the largest number: the sums pass 64 bits, and the totals still come."""
    store = open_store("sqlite://")
    lie = counters(2**53, 0, 2**53, 2**53, full=2**53)
    record(store, *(end for i in range(1100) for end in ends([2**53], installationId=f"i-{i}", counters=lie)))
    assert store.gap_totals().lost == 0, "they say that they play them all"
    record(store, *(end for i in range(1100) for end in ends([2**53 - 1], installationId=f"j-{i}")))
    assert store.gap_totals().lost > 2**63
    assert store.gaps(1)[0].missing == [(1, 2**53 - 2)]
    store.close()


def test_what_the_plugin_counts_is_understood(store: Store, tmp_path: Path) -> None:
    """From the real outbox: one end refused, one acknowledged and then lost by the server, one session still played."""
    outbox = Outbox(tmp_path / "outbox.sqlite3")
    for name in ("s1", "refused", "lost", "s4", "s5"):
        core_kit.ready(outbox, name)
        if name == "s5":
            core_kit.start(outbox, "played")
        for end in outbox.ready(1):
            if name == "refused":
                outbox.reject(name, "no")
                continue
            if name != "lost":
                record(store, request_of(end))
            outbox.deliver(name, EndSessionResponse(None))
    core_kit.ready(outbox, "s7")
    record(store, request_of(outbox.ready(1)[0]))
    gap = only(store.gaps(10))
    assert gap.missing == [(2, 3), (6, 6)]
    assert (gap.open, gap.queued, gap.rejected, gap.dropped, gap.unaccounted) == (1, 0, 1, {}, 1)
    outbox.close()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_index_alone_is_read(store: Store) -> None:
    """Finding gaps among many sessions reads no row with its script data, but for the players that are shown."""
    with store.transaction() as connection:
        for statement in (_gaps._totals, _gaps._holes_of(["i-1"])):
            sql = statement.compile(connection, compile_kwargs={"literal_binds": True})
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}").all()
            read = [detail for *_, detail in plan if " sessions" in detail]
            assert read
            assert all("COVERING INDEX sessions_by_number" in detail for detail in read)


def test_the_queries_are_sql_for_postgresql_too() -> None:
    """They compile in its dialect, without anything that is SQLite's alone."""
    for statement in (_gaps._totals, _gaps._worst.limit(10), _gaps._holes_of(["i-1"])):
        assert "sessions" in str(statement.compile(dialect=postgresql.dialect()))


def test_gaps_over_http(client: httpx.Client) -> None:
    """GET /gaps is a JSON list with just these names; empty when all is there."""
    assert client.get("/gaps").json() == []
    client.post(PATH, json=numbered(1))
    assert client.get("/gaps").json() == []
    client.post(PATH, json=numbered(4, counters=counters(5, 4, 1, 1, full=1)))
    answer = client.get("/gaps")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    (item,) = answer.json()
    assert list(item.items()) == [
        ("installationId", "i-1"),
        ("playerId", "ada"),
        ("received", 2),
        ("last", 5),
        ("missing", [[2, 3], [5, 5]]),
        ("missingCount", 3),
        ("open", 1),
        ("queued", 0),
        ("rejected", 1),
        ("dropped", {"full": 1}),
        ("erased", 0),
        ("unaccounted", 0),
        ("repeated", 0),
    ]


def test_a_hundred_are_listed(client: httpx.Client, store: Store) -> None:
    """The list is bounded."""
    record(store, *(end for i in range(101) for end in ends([2], installationId=f"i-{i}")))
    assert len(client.get("/gaps").json()) == 100


@pytest.mark.parametrize("bad", [5, [], "\ud83d", {"started": "\ud83d", "dropped": {"\ud83d": 1, "\0": 1, "ü": 1}}])
def test_hostile_counters_lose_no_end(client: httpx.Client, bad: object) -> None:
    """The end is kept and answered, what is valid counts, and list and page still come."""
    answer = client.post(PATH, content=json.dumps(numbered(2, counters=bad)), headers=JSON_BODY)
    assert answer.json()["@class"] == ".EndSessionResponse"
    assert "error" not in answer.json()
    (item,) = client.get("/gaps").json()
    assert item["dropped"] == ({"ü": 1} if isinstance(bad, dict) else {})
    assert client.get("/").status_code == 200
