"""What is added up of the sessions: by day and by player, once each, in whatever order and turns they come."""

from __future__ import annotations

import json
import random
import threading
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from server_kit import end, listening, numbered, record
from sqlalchemy import select

from gs_pygame.server import Store, _store, create_app, open_store
from gs_pygame.server._gaps import GapTotals
from gs_pygame.server._histogram import bucket
from gs_pygame.server._insights import Overview, View, history, latest_sessions, overview
from gs_pygame.server._rollups import forget, forget_before, note_gaps, roll_up
from gs_pygame.server._sums import Sums
from gs_pygame.server._tables import days, newcomers, player_days, sessions

START = date(2026, 3, 1)
FIRST = (START - date(1970, 1, 1)).days
DAY = 24 * 3600 * 1_000_000  # microseconds
TODAY = 100  # days after START


@pytest.fixture(autouse=True)
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    """All is received at noon of one day, late as most of it is."""
    monkeypatch.setattr(_store, "_now", lambda: (FIRST + TODAY) * DAY + DAY // 2)


def played(player: str | None, day: int, number: int = 0, **session: Any) -> dict[str, Any]:
    """A session that ended so many days after START."""
    measured = {"endedAt": f"{START + timedelta(day)}T10:00:00.000Z", "activeMs": 60_000, "reason": "quit", **session}
    return end(f"{player} {day} {number}", playerId=player, scriptData={"session": measured})


def add(store: Store, *bodies: dict[str, Any]) -> None:
    record(store, *bodies)
    while roll_up(store):
        pass


def look(store: Store, first: int = 0, last: int = TODAY, **names: str) -> Overview:
    return overview(store, View(FIRST + first, FIRST + last, **names), 10)


def test_a_session_counts_on_the_day_when_it_ended(store: Store) -> None:
    """However late it comes; if that is not known, or after it came, on the day when it came."""
    bodies = [played("ada", 3), played("ada", 100, endedAt=None), played("bob", 300)]
    add(store, *bodies)
    assert {day.day - FIRST: day.sessions for day in look(store).days if day.sessions} == {3: 1, TODAY: 2}


def test_players_of_a_day_and_of_a_month(store: Store) -> None:
    """Each once, on each day played and for thirty days from it; new on their first."""
    add(store, played("ada", 0), played("ada", 0, 1), played("ada", 20), played("bob", 20), played(None, 20))
    by_day = {day.day - FIRST: day for day in look(store).days}
    assert [(by_day[n].players, by_day[n].new, by_day[n].sessions) for n in (0, 1, 20)] == [
        (1, 1, 2),
        (0, 0, 0),
        (2, 1, 3),
    ]
    assert [by_day[n].monthly for n in (0, 19, 20, 29, 30, 49, 50)] == [1, 1, 2, 2, 2, 2, 0]


def test_who_comes_back_after_a_day_a_week_and_a_month(store: Store) -> None:
    """Of those whose day to do so is within the view, and over."""
    add(store, played("ada", 10), played("ada", 11), played("ada", 40), played("bob", 10), played("bob", 17))
    assert [(one.after, one.new, one.returned) for one in look(store).returns] == [(1, 2, 1), (7, 2, 1), (30, 2, 1)]
    assert [one.new for one in look(store, 12, 99).returns] == [0, 2, 2]
    add(store, played("eve", TODAY), played("joe", TODAY - 1))
    assert [one.new for one in look(store, TODAY - 1).returns] == [0, 0, 0], "their day is not over, or yet to come"


def test_a_late_arrival_moves_the_first_day(store: Store) -> None:
    """What was the first day is none any more, and who came back on what day is told anew."""
    add(store, played("ada", 11, appVersion="2"), played("ada", 12))
    assert [one.returned for one in look(store).returns] == [1, 0, 0]
    add(store, played("ada", 4, appVersion="1"))
    assert [one.returned for one in look(store).returns] == [0, 1, 0]
    assert [day.day - FIRST for day in look(store).days if day.new] == [4]
    assert [day.day - FIRST for day in look(store, version="1").days if day.new] == [4]
    assert [day.monthly for day in look(store, 4, 41).days] == [1] * 38


def test_a_view_is_of_a_game_a_version_and_a_platform(store: Store) -> None:
    """A player of a month is counted once, under what they played last."""
    one = {"app": "Pond", "appVersion": "1", "platform": "Linux"}
    add(store, played("ada", 5, **one), played("ada", 7, **{**one, "appVersion": "2"}), played("bob", 7, app="Sea"))
    assert [look(store, game=game).total.sessions for game in ("Pond", "Sea", "Sky")] == [2, 1, 0]
    assert [look(store, 7, 7, game="Pond", version=version).days[0].monthly for version in "12"] == [0, 1]
    assert [look(store, 6, 6, game="Pond", version=version).days[0].monthly for version in "12"] == [1, 0]
    assert look(store, platform="Linux").total.sessions == 2
    assert look(store).choices.games == ["Pond", "Sea"]
    assert look(store, game="Pond").choices.versions == ["1", "2"]


def test_lengths_reasons_and_lateness(store: Store) -> None:
    """The median is known to a few per cent; reasons that nobody knows are counted as unknown."""
    lengths = [1_000, 60_000, 600_000, None]
    for number, (length, reason) in enumerate(zip(lengths, ["crash", "abnormal", "made up", None], strict=True)):
        add(store, played("ada", TODAY, number, activeMs=length, reason=reason))
    total = look(store).total
    assert total.median_ms == pytest.approx(60_000, rel=0.03)
    assert total.reasons == {"crash": 1, "abnormal": 1, "": 2}
    assert total.active_ms == 661_000
    assert total.lateness == {bucket(2 * 3600 * 1000): 4}


def test_a_long_name_is_cut(store: Store) -> None:
    """What clients send cannot be too long for an index."""
    name = "".join(random.Random(1).choices("abcdefghijklmnop\N{SNOWMAN}", k=3000))
    add(store, played("ada", 3, app=name, appVersion=name, platform=name))
    assert look(store).choices.games == [name[:100]]


def test_a_turn_takes_no_more_than_it_should(store: Store) -> None:
    """And the next one goes on from there, in another process too: nothing is counted twice, nothing left out."""
    record(store, *(played(f"p{n}", n) for n in range(5)))
    assert [roll_up(store, 2) for _ in range(4)] == [2, 2, 1, 0]
    assert look(store).total.sessions == 5


def test_what_broke_in_the_middle_is_done_again(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that is killed between two writes has written nothing."""
    with closing(open_store(database)) as store:
        add(store, played("ada", 1))
        record(store, played("ada", 2))
        with monkeypatch.context() as patch:
            patch.setattr("gs_pygame.server._rollups._add_to_players", lambda *_: 1 // 0)
            with pytest.raises(ZeroDivisionError):
                roll_up(store)
        assert look(store).total.sessions == 1
    with closing(open_store(database)) as store:
        add(store)
        assert [day.sessions for day in look(store, 1, 2).days] == [1, 1]


def test_a_server_stops_after_a_turn_not_within(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever closes the database then closes it under nobody."""
    entered, leave, finished = threading.Event(), threading.Event(), threading.Event()

    def slowly(*_: object) -> None:
        entered.set()
        leave.wait(30)
        finished.set()

    monkeypatch.setattr("gs_pygame.server._rollups._add_to_players", slowly)
    with closing(open_store(f"sqlite:///{tmp_path / 'sessions.sqlite3'}")) as store:
        record(store, played("ada", 1))
        with listening(create_app(store)):
            assert entered.wait(30)
            threading.Timer(0.3, leave.set).start()  # by then it has been told to stop
        assert finished.is_set()


def test_two_workers_at_once_count_each_session_once(database: str) -> None:
    """While others write."""
    with closing(open_store(database)) as one, closing(open_store(database)) as two:
        barrier = threading.Barrier(3)

        def write() -> None:
            barrier.wait(timeout=30)
            for n in range(60):
                record(one, played(f"p{n % 7}", n % 5, n))

        def add_up(store: Store) -> None:
            barrier.wait(timeout=30)
            for _ in range(40):
                roll_up(store, 7)

        with ThreadPoolExecutor(3) as pool:
            for future in [pool.submit(write), pool.submit(add_up, one), pool.submit(add_up, two)]:
                future.result()
        add(one)
        assert look(one).total.sessions == 60
        assert sum(day.players for day in look(one).days) == 35


def test_a_player_who_is_forgotten_was_never_here(store: Store) -> None:
    """Not of a day, nor a month, nor new; what is left are sums that name nobody."""
    add(store, played("ada", 3), played("bob", 3), played("ada", 10))
    with store.transaction() as connection:
        store.take_turn(connection)
        forget(connection, ["ada"])
        for table in (player_days, newcomers):
            assert connection.execute(select(table.c.player_id)).scalars().all() == ["bob"]
    seen = look(store)
    assert (sum(day.players for day in seen.days), sum(day.new for day in seen.days)) == (1, 1)
    assert seen.total.sessions == 3


def test_gaps_are_noted(store: Store) -> None:
    """The page has no time to count them itself."""
    assert look(store).gaps == GapTotals(0, 0, 0, 0)
    add(store, numbered(3))
    note_gaps(store)
    assert look(store).gaps == GapTotals(1, 2, 2, 0)


def test_it_is_told_how_far_behind_it_is(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """In seconds since the first session that is left out."""
    assert look(store).is_empty
    record(store, played("ada", 3))
    now = store.now()
    monkeypatch.setattr(_store, "_now", lambda: now + 7_000_000)
    assert (look(store).is_empty, look(store).behind) == (False, 7.0)
    add(store)
    assert (look(store).is_empty, look(store).behind) == (False, 0.0)


def test_one_players_history(store: Store) -> None:
    """The sums are of all time, the days of the view; the list goes back page by page."""
    add(store, played("ada", 1), played("ada", 50), played("ada", 50, 1), played("bob", 50))
    known = history(store, "ada", View(FIRST + 50, FIRST + TODAY))
    assert (known.first_day, known.days_played, known.sessions, known.active_ms) == (FIRST + 1, 2, 3, 180_000)
    assert known.days[:2] == [(FIRST + 50, 2), (FIRST + 51, 0)]
    view = View(FIRST, FIRST + TODAY)
    page = latest_sessions(store, view, None, 2, "ada")
    assert len(page) == 2
    assert len(latest_sessions(store, view, page[-1].received_at, 2, "ada")) == 1


def test_a_list_is_of_a_view(store: Store) -> None:
    """Of a game, a version, a platform; sessions that the store has no more do not shorten its pages."""
    bodies = [played("ada", day, app="Pond", appVersion=str(day % 2), platform="Linux") for day in range(6)]
    add(store, *bodies, played("bob", 1, app="Sea", appVersion="1"))

    def view(**names: str) -> View:
        return View(FIRST, FIRST + TODAY, **names)

    def listed(**names: str) -> list[tuple[str | None, str]]:
        return [(one.player_id, str(one.ended_at)[:10]) for one in latest_sessions(store, view(**names), None, 2)]

    assert listed() == [("bob", "2026-03-02"), ("ada", "2026-03-06")]
    assert listed(game="Pond", version="1") == [("ada", "2026-03-06"), ("ada", "2026-03-04")]
    assert listed(platform="macOS") == []
    newest = latest_sessions(store, view(game="Pond"), None, 1)[0].received_at
    with store.transaction() as connection:
        connection.execute(sessions.delete().where(sessions.c.received_at == newest))
    assert len(listed(game="Pond")) == 2
    with store.transaction() as connection:
        forget_before(connection, newest)
    assert listed(game="Pond") == []


some_sessions = st.lists(
    st.tuples(
        st.sampled_from(["ada", "bob", None]),
        st.sampled_from([0, 1, 2, 7, 8, 29, 30, 31, 59, 60, 61, 90]),
        st.sampled_from(["1", "2"]),
        st.sampled_from([None, 0, 1, 50_000, 3_600_000]),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(some_sessions, st.integers(1, 9))
def test_the_sums_are_those_of_a_plain_count(made: list[tuple[str | None, int, str, int | None]], turn: int) -> None:
    """Whatever comes in whatever order, and however it falls into turns."""
    with closing(open_store("sqlite://")) as store:
        for number, (player, day, version, length) in enumerate(made):
            record(store, played(player, day, number, appVersion=version, activeMs=length, app="Pond"))
        while roll_up(store, turn):
            pass
        theirs: dict[str, set[int]] = defaultdict(set)
        version_then: dict[tuple[str, int], str] = {}
        for player, day, version, _ in made:
            if player:
                theirs[player].add(day)
                version_then[player, day] = version
        for name in (None, "1", "2"):
            seen = look(store, 0, 95, **({"version": name} if name else {}))
            chosen = [one for one in made if name in (None, one[2])]
            assert seen.total.sessions == len(chosen)
            assert seen.total.lengths == Counter(bucket(one[3]) for one in chosen if one[3] is not None)
            for day in seen.days:
                at = day.day - FIRST
                here = [player for player in theirs if at in theirs[player]]
                last = {
                    player: max((one for one in played if one <= at), default=-99) for player, played in theirs.items()
                }
                month = [player for player, one in last.items() if at - one < 30]
                firsts = [player for player in here if min(theirs[player]) == at]
                expected = [
                    sum(name in (None, version_then[player, at]) for player in here),
                    sum(name in (None, version_then[player, at]) for player in firsts),
                    sum(name in (None, version_then[player, last[player]]) for player in month),
                ]
                assert [day.players, day.new, day.monthly] == expected
        for one in look(store, 0, 95).returns:
            asked = [player for player, days in theirs.items() if min(days) + one.after <= 95]
            assert (one.new, one.returned) == (
                len(asked),
                sum(min(theirs[player]) + one.after in theirs[player] for player in asked),
            )


def test_the_kept_counts_are_readable(store: Store) -> None:
    """As JSON, by bucket."""
    add(store, played("ada", 3))
    with store.reading() as connection:
        row = connection.execute(select(days)).one()
    assert Sums.of(row).lengths == {bucket(60_000): 1}
    assert json.loads(row.reasons) == {"quit": 1}
