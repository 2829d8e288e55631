"""The store on disk: once each, first answer kept, times that only rise, files that are not ours left alone."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from server_kit import DEADLINE, end

from gs_pygame.server import ServerError, Store, _store, open_store
from gs_pygame.server._protocol import EndSessionRequest, parse_request, response
from gs_pygame.server._query import Query
from gs_pygame.server._recorder import UNAVAILABLE


def request(request_id: str, **changes: object) -> EndSessionRequest:
    return parse_request(end(request_id, **changes))


def record(store: Store, request_id: str, **changes: object) -> dict[str, object]:
    parsed = request(request_id, **changes)
    return store.record(parsed, response(parsed))


def test_what_is_recorded_is_read_back(store: Store) -> None:
    """A request comes back equal, raw script data included."""
    record(store, "a")
    assert [received.request for received in store.latest(10)] == [request("a")]


def test_a_repeat_gets_the_first_answer_and_changes_nothing(store: Store) -> None:
    """The first request and its answer stand, whatever a repeat says."""
    first = record(store, "a")
    before = store.latest(10)
    assert record(store, "a", scriptData={"session": {"activeMs": 1}}) == first
    assert store.latest(10) == before


def test_two_players_with_one_request_id_are_two(store: Store) -> None:
    """Official SDKs count from 0 within a second: what is one player's is not a repeat of another's. Nor are they who
    are known by their installation alone."""
    for player, installation in [("ada", "i-1"), ("bob", "i-1"), (None, "i-1"), (None, "i-2")]:
        record(store, "1800000000_0", playerId=player, scriptData={"session": {"installationId": installation}})
    assert store.totals().sessions == 4


def test_received_times_rise_when_the_clock_does_not(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a tie or a clock that goes back, received_at is one microsecond more than the last."""
    clock = iter([1000, 1000, 5, 2000])
    monkeypatch.setattr(_store, "_now", lambda: next(clock))
    for name in "abcd":
        record(store, name)
    assert [received.received_at for received in store.find(Query(since=1, limit=10))] == [1000, 1001, 1002, 2000]


def test_pages_follow_each_other_without_gap_or_overlap(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paging by the last received_at shows everything once, in order, even with a clock that stands."""
    monkeypatch.setattr(_store, "_now", lambda: 1000)
    names = [f"r{number}" for number in range(25)]
    for name in names:
        record(store, name)
    seen: list[str] = []
    after = -1
    while page := store.find(Query(since=after + 1, limit=7)):
        seen += [received.request.request_id for received in page]
        after = page[-1].received_at
    assert seen == names


def test_totals_count_players_once_and_only_known_times(store: Store) -> None:
    """Sessions, different players, and the sum of the active times that were given."""
    assert store.totals() == _store.Totals(0, 0, 0)
    record(store, "a")
    record(store, "b")
    record(store, "c", playerId=None, scriptData={})
    assert store.totals() == _store.Totals(3, 1, 2 * 187_000)


def test_memory_is_a_store_too() -> None:
    """Of this process alone, for a look at it."""
    with closing(open_store("sqlite://")) as store:
        record(store, "a")
        assert store.totals().sessions == 1


def test_many_threads_of_two_workers_store_each_request_once(database: str) -> None:
    """Eight threads that send the same twenty requests store twenty, and all hear the answer of whoever came first."""
    barrier = threading.Barrier(8)
    with closing(open_store(database)) as one, closing(open_store(database)) as two:

        def send_all(number: int) -> list[dict[str, object]]:
            barrier.wait(timeout=30)
            store = (one, two)[number % 2]
            return [record(store, f"r{i}", scriptData={"session": {"activeMs": number}}) for i in range(20)]

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(send_all, range(8)))
        assert all(answer == answers[0] for answer in answers)
        assert len(one.latest(1000)) == 20


def test_who_reads_page_after_page_misses_none(database: str) -> None:
    """While four threads of two workers write: what is received later is never before what has been read."""
    with closing(open_store(database)) as one, closing(open_store(database)) as two, ThreadPoolExecutor(4) as pool:

        def write(number: int) -> None:
            store = (one, two)[number % 2]
            for batch in range(20):
                ends = [request(f"{number} {batch} {i}") for i in range(3)]
                store.record_all([(end, response(end)) for end in ends])

        writing = [pool.submit(write, number) for number in range(4)]
        seen: list[str] = []
        after, writes = -1, True
        while writes:
            writes = not all(future.done() for future in writing)
            while page := one.find(Query(since=after + 1, limit=7)):
                seen += [received.request.request_id for received in page]
                after = page[-1].received_at
        for future in writing:
            future.result()
    assert len(seen) == len({*seen}) == 4 * 20 * 3


def test_repeats_within_a_batch(store: Store) -> None:
    """Of two with one requestId in one commit the first counts; those that are known already are in nobody's way."""
    known = record(store, "known", scriptData={"session": {"activeMs": 1}})
    batch = [request(name, scriptData={"session": {"activeMs": n}}) for n, name in enumerate(["new", "new", "known"])]
    answers = store.record_all([(end, response(end)) for end in batch])
    assert [answer["sessionDuration"] for answer in answers] == [0, 0, 1]
    assert answers[2] == known
    assert store.totals().sessions == 2


def test_the_file_is_in_wal_mode_with_full_sync(tmp_path: Path) -> None:
    """A commit is on disk before it is acknowledged, and a kill cannot tear it."""
    path = tmp_path / "mode.sqlite3"
    store = open_store(f"sqlite:///{path}")
    with store.transaction() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    store.close()


def test_it_opens_again_with_everything_in_it(database: str) -> None:
    """Closing twice does no harm, and the next one finds the sessions and their first answers."""
    store = open_store(database)
    first = record(store, "a")
    store.close()
    store.close()
    store = open_store(database)
    assert record(store, "a", scriptData={}) == first
    assert store.totals().sessions == 1
    store.close()


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "",
        "postgresql://user:hunter2@host/db",
        "sqlite+aiosqlite:///x",
        "sqlite://host/x",
        "sqlite:///x?mode=ro",
        "sqlite:////nowhere/at/all/x.sqlite3",
    ],
)
def test_other_databases_are_refused_in_one_sentence(url: str) -> None:
    """The sentence says what is allowed, or what is the matter, and shows no password."""
    with pytest.raises(ServerError, match="the database") as caught:
        open_store(url)
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_ours_is_left_as_it_is(tmp_path: Path) -> None:
    """Neither another program's database, nor a newer version's, nor a text file is written to."""
    foreign, newer, text = tmp_path / "foreign", tmp_path / "newer", tmp_path / "text"
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE sessions (x)")
    connection.close()
    open_store(f"sqlite:///{newer}").close()
    with sqlite3.connect(newer) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    text.write_text("not a database, but somebody's only copy of a poem\n" * 100)
    for path in (foreign, newer, text):
        before = path.read_bytes()
        with pytest.raises(ServerError, match="the database"):
            open_store(f"sqlite:///{path}")
        assert path.read_bytes() == before


def test_a_store_is_not_closed_under_a_thread(tmp_path: Path) -> None:
    """SQLite's one connection for writing: who closes it waits for the thread that is in it; the next one is turned
    away."""
    store = open_store(f"sqlite:///{tmp_path / 'sessions.sqlite3'}")
    inside, go_on, closed = threading.Event(), threading.Event(), threading.Event()

    def write() -> None:
        with store.transaction() as connection:
            store.record_within(connection, [(request("a"), {})])
            inside.set()
            assert go_on.wait(DEADLINE)
            assert not closed.is_set()

    def close() -> None:
        store.close()
        closed.set()

    with ThreadPoolExecutor(2) as pool:
        writing = pool.submit(write)
        assert inside.wait(DEADLINE)
        closing_it = pool.submit(close)
        assert not closed.wait(0.1)
        go_on.set()
        writing.result(DEADLINE)
        closing_it.result(DEADLINE)
    with pytest.raises(UNAVAILABLE):
        store.record(request("b"), {})
    with closing(open_store(f"sqlite:///{tmp_path / 'sessions.sqlite3'}")) as again:
        assert [received.request.request_id for received in again.latest(9)] == ["a"]
