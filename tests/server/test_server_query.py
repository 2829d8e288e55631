"""`GET /sessions`: its filters, its order, page after page, its formats, and what it says to a wrong question."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import httpx
import pytest
from server_kit import end, record

from gs_pygame.server import Store
from gs_pygame.server._protocol import SESSION_ITEM
from gs_pygame.server._query import Query, QueryError, parse_query


def session(name: str, player: str = "ada", **measured: Any) -> dict[str, Any]:
    return end(name, playerId=player, scriptData={"session": {"id": name, **measured}})


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch, store: Store) -> None:
    """Each end of a test is received a second after the one before it, from 1970-01-02T00:00:01 on."""
    seconds = iter(range(86_401, 100_000))
    monkeypatch.setattr(type(store), "now", lambda _store: next(seconds) * 1_000_000)


def names(client: httpx.Client, address: str) -> list[str]:
    answer = client.get(address)
    assert answer.status_code == 200, answer.text
    return [item["requestId"] for item in answer.json()]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "abcd"),
        ("game=pond", "ab"),
        ("player=bob", "bd"),
        ("reason=crash", "b"),
        ("version=1.0", "ac"),
        ("platform=linux&version=1.0", "a"),
        ("player=bob&game=dungeon", "d"),
        ("player=nobody", ""),
        ("from=1970-01-02T00:00:02Z", "bcd"),
        ("to=1970-01-02T00:00:02Z", "a"),
        ("from=1970-01-02T00:00:02Z&to=1970-01-02T00:00:04Z", "bc"),
        ("from=1970-01-02&to=1970-01-03", "abcd"),
        ("from=1970-01-03", ""),
        ("after=1970-01-02T00:00:02.000000Z", "cd"),
        ("before=1970-01-02T00:00:02.000000Z", "a"),
        ("order=newest&limit=3", "dcb"),
        ("order=newest&before=1970-01-02T00:00:03Z", "ba"),
        ("order=oldest&limit=1", "a"),
        ("from=1970-01-02T00:00:03Z&after=1970-01-02T00:00:01Z", "cd"),
    ],
)
def test_what_is_asked_for_is_found(client: httpx.Client, store: Store, times: None, query: str, found: str) -> None:
    record(
        store,
        session("a", app="pond", appVersion="1.0", platform="linux", reason="quit"),
        session("b", "bob", app="pond", appVersion="1.1", platform="win32", reason="crash"),
        session("c", app="dungeon", appVersion="1.0", platform="win32", reason="quit"),
        session("d", "bob", app="dungeon", appVersion="1.1", platform="linux", reason="quit"),
    )
    assert names(client, f"/sessions?{query}") == list(found)


@pytest.mark.parametrize("order", ["oldest", "newest"])
def test_a_link_leads_through_all_of_it(client: httpx.Client, store: Store, times: None, order: str) -> None:
    """With the filters kept, each once, until no page follows."""
    record(store, *(session(f"{number:02}", "ada" if number % 3 else "bob") for number in range(20)))
    expected = [f"{number:02}" for number in range(20) if number % 3]
    address, seen = f"/sessions?player=ada&limit=4&order={order}", list[str]()
    while True:
        answer = client.get(address)
        seen += [item["requestId"] for item in answer.json()]
        if "next" not in answer.links:
            break
        address = f"/sessions{answer.links['next']['url']}"
    assert seen == (expected if order == "oldest" else expected[::-1])


def test_json_lines_and_csv_say_the_same(client: httpx.Client, store: Store, times: None) -> None:
    """In CSV the names come first, and what a spreadsheet would take for a formula is text."""
    record(store, session("a", "=cmd()", counters={"started": 1}), session("b", 'Größe, "x"\n'))
    items = client.get("/sessions").json()
    lines = client.get("/sessions?format=jsonl")
    assert [json.loads(line) for line in lines.text.splitlines()] == items
    table = client.get("/sessions?format=csv")
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    first, *rows = csv.reader(io.StringIO(table.text, newline=""))
    assert tuple(first) == tuple(items[0]) == SESSION_ITEM
    assert [dict(zip(first, row, strict=True))["playerId"] for row in rows] == ["'=cmd()", 'Größe, "x"\n']
    assert json.loads(dict(zip(first, rows[0], strict=True))["counters"]) == {"started": 1}


def test_an_empty_table_has_its_names(client: httpx.Client) -> None:
    assert client.get("/sessions?format=csv").text.strip().replace('"', "").split(",") == list(SESSION_ITEM)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("players=ada", "There is no 'players' here, but game, player, reason, version, platform, from, to"),
        ("player=", "player must not be empty"),
        ("game=%00", "game must not be empty"),
        ("from=yesterday", "from must be a time as in receivedAt"),
        ("to=2026-02-30", "to must be a time"),
        ("order=random", "order must be one of oldest, newest"),
        ("format=xml", "format must be one of json, jsonl, csv"),
    ],
)
def test_a_wrong_question_is_told_what_is_right(client: httpx.Client, query: str, says: str) -> None:
    answer = client.get(f"/sessions?{query}")
    assert answer.status_code == 400
    assert says in answer.json()["error"]


def test_the_narrower_of_two_bounds_counts() -> None:
    words = {
        "from": "1970-01-01T00:00:05Z",
        "after": "1970-01-01T00:00:01Z",
        "to": "1970-01-02",
        "before": "1970-01-03",
    }
    assert parse_query(words) == Query(since=5_000_000, until=86_400_000_000)
    with pytest.raises(QueryError):
        parse_query({"limit": "0"})
