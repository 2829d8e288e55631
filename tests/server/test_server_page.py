"""The page for people."""

from __future__ import annotations

import html
import json
import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from server_kit import JSON_BODY, PATH, counters, end, ends, eventually, numbered

from gs_pygame.server import Store, _players
from gs_pygame.server._pages import length_of_time, roughly
from gs_pygame.server._times import format_millis


@pytest.fixture
def database(tmp_path: Path) -> str:
    """What the pages ask of a database is tested with each kind in test_server_rollups.py."""
    return f"sqlite:///{tmp_path / 'sessions.sqlite3'}"


def now(**session: Any) -> dict[str, Any]:
    """The parts of `scriptData.session` that put a session into the last minute."""
    ended = format_millis(time.time_ns() // 1000)
    return {"endedAt": ended, "startedAt": ended, "activeMs": 187_000, "reason": "quit", **session}


def page_with(client: httpx.Client, text: str, path: str = "/") -> str:
    """The page as soon as it says `text`: sums come a moment after the sessions."""
    eventually(lambda: text in client.get(path).text)
    return client.get(path).text


def test_the_empty_page_explains_itself(client: httpx.Client) -> None:
    """Before the first session it says what to do; without a script it refreshes itself."""
    answer = client.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "Play the game and leave it" in answer.text
    assert '<noscript><meta http-equiv="refresh"' in answer.text
    assert "<table" not in answer.text


def test_the_page_shows_a_session(client: httpx.Client) -> None:
    """Number, player, times, active time as people say it, reason, version, script data."""
    client.post(PATH, json=end())
    page = client.get("/").text
    for shown in (">7<", ">ada<", "14:00:00", "14:05:10", "3 min 07 s", "background", ">1.2<", "{&#34;level&#34;: 3}"):
        assert shown in page
    assert "Play the game and leave it" not in page
    assert "installationId" not in page, "the session part is not the player's own data"


def test_the_page_adds_up(client: httpx.Client) -> None:
    """Players, lengths, versions, how late: each in words or a table."""
    for number, reason in enumerate(["quit", "quit", "crash"]):
        session = now(reason=reason, appVersion="1.2", activeMs=600_000)
        client.post(PATH, json=end(f"r{number}", playerId=f"p{number % 2}", scriptData={"session": session}))
    page = " ".join(page_with(client, "median of 3").split())
    for said in (
        "<dt>Players today</dt><dd>2</dd><dd>2 new</dd>",
        "<dt>Sessions</dt><dd>3</dd><dd>1.5 a player and day</dd>",
        "<dt>Crash</dt><dd>33 %</dd><dd>1 session</dd>",
        '<a href="/?version=1.2">1.2</a>',
        "Half of them are longer than about 9.9 min",
        "Half of them within about",
        'role="img" aria-label="Players a day from',
    ):
        assert said in page


def test_the_latest_fifty_are_shown_newest_first(client: httpx.Client) -> None:
    """The newest leads; older ones are on the next page, and the way back is a link."""
    for number in range(1, 53):
        client.post(PATH, json=end(f"r{number}", playerId=f"player-{number:02}"))
    page = client.get("/").text
    assert page.index(">player-52<") < page.index(">player-51<") < page.index(">player-03<")
    assert ">player-02<" not in page
    [older] = re.findall('href="([^"]*before=[^"]*)#sessions"', page)
    page = client.get(html.unescape(older)).text
    assert page.index(">player-02<") < page.index(">player-01<")
    assert ">player-03<" not in page
    assert "before=" not in "".join(re.findall('<nav class="pages.*?</nav>', page, re.DOTALL))


def test_what_clients_send_is_text_on_the_page(client: httpx.Client) -> None:
    """Markup in any field is shown, not obeyed; the page runs its own script and nothing else; half a pair is no
    crash."""
    evil = "<script>alert(1)</script>\" onmouseover='x"
    session = now(id=evil, reason=evil, appVersion=evil, platform=evil, app=evil)
    body = json.dumps(end(playerId=evil, scriptData={evil: "\ud83d", "session": session}))
    assert client.post(PATH, content=body, headers=JSON_BODY).status_code == 200
    page_with(client, "median of 1")
    for path in ("/", "/?" + urlencode({"game": evil, "version": evil}), "/player?" + urlencode({"id": evil})):
        answer = client.get(path)
        assert answer.status_code == 200
        assert answer.text.count("<script") == 1
        assert "&lt;script&gt;" in answer.text
        assert "' onmouseover" not in answer.text
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert "://" not in answer.text


def test_a_crash_says_what_and_where(client: httpx.Client) -> None:
    """As text, at the session that it ended, and not without end; what is no text is not shown."""
    where = "world/<b>.py:12 in enter"
    said = {"reason": "crash", "exception": "ValueError" + "r" * 5000, "frame": where}
    client.post(PATH, json=end("r1", scriptData={"session": now(**said)}))
    client.post(PATH, json=end("r2", scriptData={"session": now(reason="crash", exception=5, frame=[where])}))
    [shown] = re.findall('<div class="crash">(.*?)</div>', page_with(client, "median of 2"))
    assert shown == f"ValueError{'r' * 190}, {html.escape(where)}"


def test_long_script_data_is_cut_on_the_page(client: httpx.Client) -> None:
    """A page stays a page when games send much; the JSON list has it all."""
    client.post(PATH, json=end(scriptData={"filler": "x" * 100_000}))
    assert len(client.get("/").text) < 50_000
    assert len(client.get("/sessions").json()[0]["scriptData"]["filler"]) == 100_000


def test_what_is_unknown_is_a_dash(client: httpx.Client) -> None:
    """A foreign client's bare request is shown, with dashes where it said nothing."""
    client.post(PATH, json={"@class": ".EndSessionRequest", "requestId": "r"})
    page = page_with(client, "not known")
    [listed] = re.findall('<table class="rows">.*?</table>', page, re.DOTALL)
    assert listed.count("\N{EN DASH}</") == 9
    assert "None" not in page


def test_a_view_is_an_address(client: httpx.Client) -> None:
    """Game, version, platform and time say what is shown, in the sums and in the list."""
    for version, platform in (("1.0", "Linux"), ("1.1", "Windows")):
        session = now(app="Pond", appVersion=version, platform=platform)
        client.post(PATH, json=end(version, playerId=f"of-{version}", scriptData={"session": session}))
    page_with(client, "median of 2")
    paths = ("/?version=1.0", "/?platform=Windows", "/?game=Sea", "/?to=2001-01-01")
    seen = {path: client.get(path).text for path in paths}
    shown = {path: [name for name in ("of-1.0", "of-1.1") if f">{name}<" in page] for path, page in seen.items()}
    assert [*shown.values()] == [["of-1.0"], ["of-1.1"], [], []]
    assert all("median of 1" in seen[path] for path in ("/?version=1.0", "/?platform=Windows"))
    assert "<option selected>1.0</option>" in seen["/?version=1.0"]
    assert "No session was received in this time with these filters." in seen["/?game=Sea"]


@pytest.mark.parametrize("query", ["from=soon", "to=2026-02-30", "days=many", "before=yesterday", "days=9e9"])
def test_an_address_that_says_nothing_is_refused(client: httpx.Client, query: str) -> None:
    """In a sentence that says how they look."""
    answer = client.get(f"/?{query}")
    assert answer.status_code == 400
    assert "2026-01-31" in answer.json()["error"]


@pytest.mark.parametrize(
    "query",
    [
        "from=0001-01-01",
        "to=9999-12-31",
        "to=0001-01-01",
        "days=0",
        "days=99999999",
        "from=2030-01-01&to=2020-01-01",
        "before=0001-01-01T00:00:00Z",
        "game=%00&version=%ED%A0%BD",
    ],
)
def test_anything_else_is_a_page(client: httpx.Client, query: str) -> None:
    """However far it reaches."""
    client.post(PATH, json=end())
    assert client.get(f"/?{query}").status_code == client.get(f"/player?id=ada&{query}").status_code == 200


def test_who_plays_now(client: httpx.Client, store: Store) -> None:
    """Those who are connected, with the session that they are in."""
    with store.transaction() as connection:
        _players.new_client(connection, "", "ada", store.now())
        gone = _players.new_client(connection, "", "bob", store.now())
        _players.seen(connection, [gone.id], store.now() - 61_000_000)
    page = client.get("/").text
    assert "Playing now: 1" in page
    assert ">ada<" in page
    assert ">bob<" not in page


def test_the_page_is_silent_when_nothing_is_lost(client: httpx.Client) -> None:
    """Nor does a session that is still played or on its way make a gap for people."""
    client.post(PATH, json=numbered(2, counters=counters(4, 3, 0)))
    assert client.get("/gaps").json()
    assert "/gaps" not in page_with(client, "not known")


@pytest.mark.parametrize(
    ("bodies", "said", "unsaid"),
    [
        (ends([2]), ["1 player: 1 session missing<", "1 unaccounted for."], ["refused", "copied", "sessions missing"]),
        (
            ends([5], counters=counters(5, 5, 0, 1, full=3)),
            ["1 player: 4 sessions missing<", "4 refused or dropped"],
            ["unaccounted", "alarming"],
        ),
        (
            [*ends([1203], installationId="i-2"), *ends([4], counters=counters(4, 4, 1, full=2))],
            ["2 players: 1,205 sessions missing<", "2 refused or dropped", "1,203 unaccounted for."],
            ["copied"],
        ),
        (
            [numbered(1), numbered(1, "clone")],
            ["1 player: 1 number used more than once<", "copied"],
            ["missing", "unaccounted"],
        ),
        (
            [numbered(3), numbered(3, "clone")],
            ["1 player: 2 sessions missing, 1 number used more than once<", "2 unaccounted for.", "copied"],
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
    page = page_with(client, said[0])
    card = page[page.index('<div class="card note gaps') : page.index('<div class="grid">')]
    text = " ".join(card.split())
    assert '<a href="/gaps">' in text
    assert [words for words in said if words not in text] == []
    assert [words for words in unsaid if words in text] == []


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (None, "\N{EN DASH}"),
        (0, "0.0 s"),
        (449, "0.4 s"),
        (9_999, "9.9 s"),
        (10_000, "10 s"),
        (59_999, "59 s"),
        (187_000, "3 min 07 s"),
        (3_599_999, "59 min 59 s"),
        (7_500_000, "2 h 05 min"),
        (4_000 * 3_600_000, "4,000 h 00 min"),
    ],
)
def test_lengths_read_as_people_say_them(ms: int | None, text: str) -> None:
    """Never rounded up: a session is not shown longer than it was."""
    assert length_of_time(ms) == text


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (None, "\N{EN DASH}"),
        (0, "0.0 s"),
        (9_960, "10 s"),
        (59_000, "59 s"),
        (59_900, "1.0 min"),
        (185_000, "3.1 min"),
        (3_599_000, "1.0 h"),
        (5_000 * 3_600_000, "5,000 h"),
    ],
)
def test_what_is_known_roughly_reads_so(ms: int | None, text: str) -> None:
    """Two digits, and never sixty of anything."""
    assert roughly(ms) == text
