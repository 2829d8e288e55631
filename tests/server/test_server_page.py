"""The page for people."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from server_kit import JSON_BODY, PATH, counters, end, ends, numbered

from gs_pygame.server._pages import length_of_time


def test_the_empty_page_explains_itself(client: httpx.Client) -> None:
    """Before the first session it says what to do, and it refreshes itself."""
    answer = client.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "Play the game and leave it" in answer.text
    assert '<meta http-equiv="refresh"' in answer.text
    assert "<table" not in answer.text


def test_the_page_shows_a_session(client: httpx.Client) -> None:
    """Number, player, start, end, active time as people say it, reason, script data, totals."""
    client.post(PATH, json=end())
    page = client.get("/").text
    for shown in (">7<", "ada", "14:00:00", "14:05:10", "3 min 07 s", "background", "{&#34;level&#34;: 3}"):
        assert shown in page
    assert "Play the game and leave it" not in page
    assert "installationId" not in page, "the session part is not the player's own data"


def test_the_latest_fifty_are_shown_newest_first(client: httpx.Client) -> None:
    """The newest leads, older ones are counted but not shown."""
    for number in range(1, 53):
        client.post(PATH, json=end(f"r{number}", playerId=f"player-{number:02}"))
    page = client.get("/").text
    assert page.index(">player-52<") < page.index(">player-51<") < page.index(">player-03<")
    assert ">player-02<" not in page
    assert "The latest 50 of 52" in page


def test_what_clients_send_is_text_on_the_page(client: httpx.Client) -> None:
    """Markup in any field is shown, not obeyed; the page loads nothing and runs nothing; half a pair is no crash."""
    evil = "<script>alert(1)</script>\" onmouseover='x"
    session = {"id": evil, "reason": evil, "activeMs": 5}
    body = json.dumps(end(playerId=evil, scriptData={evil: "\ud83d", "session": session}))
    assert client.post(PATH, content=body, headers=JSON_BODY).status_code == 200
    answer = client.get("/")
    assert answer.status_code == 200
    assert "<script" not in answer.text
    assert "&lt;script&gt;" in answer.text
    assert "' onmouseover" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "://" not in answer.text


def test_long_script_data_is_cut_on_the_page(client: httpx.Client) -> None:
    """A page stays a page when games send much; the JSON list has it all."""
    client.post(PATH, json=end(scriptData={"filler": "x" * 10_000}))
    assert len(client.get("/").text) < 10_000
    assert len(client.get("/sessions").json()[0]["scriptData"]["filler"]) == 10_000


def test_what_is_unknown_is_a_dash(client: httpx.Client) -> None:
    """A foreign client's bare request is shown, with dashes where it said nothing."""
    client.post(PATH, json={"@class": ".EndSessionRequest", "requestId": "r"})
    page = client.get("/").text
    assert page.count("\N{EN DASH}</") == 7
    assert "None" not in page


def test_the_page_is_silent_when_nothing_is_lost(client: httpx.Client) -> None:
    """Nor does a session that is still played or on its way make a gap for people."""
    client.post(PATH, json=numbered(2, counters=counters(4, 3, 0)))
    assert client.get("/gaps").json()
    assert "/gaps" not in client.get("/").text


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
    page = client.get("/").text
    card = page[page.index('<div class="card gaps') : page.index('<div class="card">')]
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
