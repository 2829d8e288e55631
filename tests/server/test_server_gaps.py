"""Sessions that never came: which numbers are missing, what their installation says of them, what nobody does."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from server_kit import PATH, numbered
from sqlalchemy.dialects import postgresql

from gs_pygame.server import Store, _gaps, open_store
from gs_pygame.server._gaps import MAX_RANGES, Gap, GapTotals
from gs_pygame.server._protocol import parse_request, response

Counters = dict[str, Any]


def record(store: Store, *bodies: dict[str, Any]) -> None:
    for body in bodies:
        request = parse_request(body)
        store.record(request, response(request))


def ends(numbers: Iterable[int], **session: Any) -> list[dict[str, Any]]:
    installation = session.get("installationId", "i-1")
    return [numbered(number, f"{installation}-{number}", **session) for number in numbers]


def counters(started: int, ended: int, delivered: int, rejected: int = 0, **dropped: int) -> Counters:
    return {"started": started, "ended": ended, "delivered": delivered, "rejected": rejected, "dropped": dropped}


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


class HonestClient:
    """A client that counts truly, and a network that loses answers, delivers late, and once in a while a whole end."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.started = self.delivered = self.rejected = self.dropped = 0
        self.lost = 0  # acknowledged, and not with the server
        self.hidden = 0  # with the server, though the client has given them up: each may hide a lost one
        self.open: list[int] = []
        self.queue: list[dict[str, Any]] = []
        self.late: list[dict[str, Any]] = []
        self.arrived: set[str] = set()

    def do(self, step: str, which: int) -> None:
        if step == "start":
            self.started += 1
            self.open.append(self.started)
        elif step == "end" and self.open:
            number = self.open.pop(which % len(self.open))
            ended = self.started - len(self.open)
            counts = counters(self.started, ended, self.delivered, self.rejected, full=self.dropped)
            self.queue.append(numbered(number, counters=counts))
        elif step == "arrive" and self.late:
            self.arrive(self.late.pop(which % len(self.late)))
        elif step not in ("start", "end", "arrive") and self.queue:
            self.send(step, which % len(self.queue))

    def send(self, step: str, which: int) -> None:
        body = self.queue[which]
        here = body["requestId"] in self.arrived
        if step == "answer lost":
            self.arrive(body)
        elif step == "late":
            self.late.append(body)
        else:
            del self.queue[which]
            self.delivered += step in ("deliver", "lose")
            self.rejected += step == "reject"
            self.dropped += step == "drop"
            if step == "deliver":
                self.arrive(body)
            elif step == "lose":
                self.lost += not here
                self.late = [other for other in self.late if other is not body]
            else:
                self.hidden += here or any(other is body for other in self.late)

    def arrive(self, body: dict[str, Any]) -> None:
        self.arrived.add(body["requestId"])
        record(self.store, body)

    def settle(self) -> None:
        """Everything ends and arrives, and then one more session does."""
        for step in ["end"] * len(self.open) + ["arrive"] * len(self.late):
            self.do(step, 0)
        for step in ["deliver"] * len(self.queue) + ["start", "end", "deliver"]:
            self.do(step, 0)


steps = ["start", "end", "deliver", "answer lost", "late", "arrive", "reject", "drop", "lose"]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(steps), st.integers(0, 5)), max_size=40))
def test_nothing_is_called_lost_that_is_not_and_in_the_end_all_that_is(life: list[tuple[str, int]]) -> None:
    """Whatever happens to an honest client, no more is unaccounted for than is lost; once all is quiet, just that."""
    store = open_store("sqlite://")
    client = HonestClient(store)
    for step, which in life:
        client.do(step, which)
        assert sum(gap.unaccounted for gap in store.gaps(10)) <= client.lost
    client.settle()
    gaps = store.gaps(10)
    assert client.lost - client.hidden <= sum(gap.unaccounted for gap in gaps) <= client.lost
    assert all(gap.repeated == gap.open == gap.queued == 0 for gap in gaps)
    store.close()


OLD_FILE = """
CREATE TABLE sessions (
    request_id TEXT NOT NULL, received_at BIGINT NOT NULL, player_id TEXT, id TEXT, previous_id TEXT, number BIGINT,
    installation_id TEXT, started_at TEXT, ended_at TEXT, active_ms BIGINT, wall_ms BIGINT, reason TEXT,
    script_data TEXT NOT NULL, answer TEXT NOT NULL, PRIMARY KEY (request_id), UNIQUE (received_at)
);
INSERT INTO sessions VALUES
    ('d_s-1', 1, 'ada', 's-1', NULL, 1, 'i-1', NULL, NULL, 5, 5, 'quit', '{}', '{"first": true}'),
    ('d_s-4', 2, 'ada', 's-4', NULL, 4, 'i-1', NULL, NULL, 5, 5, 'quit', '{}', '{}');
PRAGMA application_id = 1735618681;
PRAGMA user_version = 1;
"""


def test_a_file_of_the_version_before_is_completed(tmp_path: Path) -> None:
    """Its sessions and answers stay, its gaps are found by the new index, and its version stays: the version before
    can go on using it."""
    path = tmp_path / "old.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(OLD_FILE)
    for _ in range(2):
        store = open_store(f"sqlite:///{path}")
        assert only(store.gaps(10)).missing == [(2, 3)]
        assert store.record(parse_request(numbered(1)), {}) == {"first": True}
        store.close()
    store = open_store(f"sqlite:///{path}")
    record(store, *ends([5], counters=counters(5, 5, 2, full=2)))
    assert only(store.gaps(10)).unaccounted == 0
    store.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.execute(
            "INSERT INTO sessions (request_id, received_at, script_data, answer) VALUES ('x', 9, '', '')"
        )


def test_the_index_alone_is_read(store: Store) -> None:
    """Finding gaps among many sessions reads no row with its script data, but for the players that are shown."""
    with store._transaction() as connection:
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
    answer = client.post(PATH, content=json.dumps(numbered(2, counters=bad)))
    assert answer.json()["@class"] == ".EndSessionResponse"
    assert "error" not in answer.json()
    (item,) = client.get("/gaps").json()
    assert item["dropped"] == ({"ü": 1} if isinstance(bad, dict) else {})
    assert client.get("/").status_code == 200


def test_the_page_is_silent_when_nothing_is_lost(client: httpx.Client) -> None:
    """Nor does a session that is still played or on its way make a gap for people."""
    client.post(PATH, json=numbered(2, counters=counters(4, 3, 0)))
    assert client.get("/gaps").json()
    assert "/gaps" not in client.get("/").text


@pytest.mark.parametrize(
    ("bodies", "said", "unsaid"),
    [
        (ends([2]), ["1 session missing of 1 player", "1 unaccounted for."], ["refused", "copied", "sessions missing"]),
        (
            ends([5], counters=counters(5, 5, 0, 1, full=3)),
            ["4 sessions missing of 1 player", "4 refused or dropped"],
            ["unaccounted", "alarming"],
        ),
        (
            [*ends([1203], installationId="i-2"), *ends([4], counters=counters(4, 4, 1, full=2))],
            ["1,205 sessions missing of 2 players", "2 refused or dropped", "1,203 unaccounted for."],
            ["copied"],
        ),
        (
            [numbered(1), numbered(1, "clone")],
            ["1 number used more than once of 1 player", "copied"],
            ["missing", "unaccounted"],
        ),
        (
            [numbered(3), numbered(3, "clone")],
            ["2 sessions missing and 1 number used more than once of 1 player", "2 unaccounted for.", "copied"],
            ["refused"],
        ),
    ],
)
def test_the_page_says_what_is_lost(
    client: httpx.Client, bodies: list[dict[str, Any]], said: list[str], unsaid: list[str]
) -> None:
    """One card in words, with what is accounted for and what is not, and where to read more."""
    for body in bodies:
        client.post(PATH, json=body)
    page = client.get("/").text
    card = page[page.index('<div class="card gaps') : page.index('<div class="card">')]
    text = " ".join(card.split())
    assert '<a href="/gaps">' in text
    assert [words for words in said if words not in text] == []
    assert [words for words in unsaid if words in text] == []
