"""Cloud Code on the way of a request: before it is done, after it, and what a repeat hears."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from server_kit import DEADLINE, PATH, end, listening

from gs_pygame.server import Store, create_app
from gs_pygame.server._cloud_code import CloudCode

JSON = dict[str, Any]
Write = Callable[[str, str], None]


@pytest.fixture
def database(tmp_path: Path) -> str:
    """One kind is enough: scripts know nothing of it."""
    return f"sqlite:///{tmp_path / 'sessions.sqlite3'}"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a script of this name."""
    folder = tmp_path / "cloud"
    folder.mkdir()
    return lambda name, source: (folder / f"{name}.js").write_text(source, "utf-8") and None


@pytest.fixture
def client(store: Store, write: Write, tmp_path: Path) -> Iterator[httpx.Client]:
    cloud_code = CloudCode(tmp_path / "cloud")
    with (
        listening(create_app(store, cloud_code=cloud_code)) as address,
        httpx.Client(base_url=address, timeout=DEADLINE, trust_env=False) as connected,
    ):
        yield connected
    cloud_code.close()


def ask(client: httpx.Client, name: str, **fields: Any) -> JSON:
    body = {"@class": f".{name}", "requestId": "r", **fields}
    return dict(client.post(PATH.replace("EndSessionRequest", name), json=body).json())


def test_the_response_carries_what_scripts_set(client: httpx.Client, write: Write) -> None:
    """Set on the request or on the response; the player's end is kept as it came."""
    write("EndSessionRequest", 'Spark.setScriptData("before", Spark.getData().scriptData.level);')
    write("EndSessionResponse", 'Spark.setScriptData("after", {ms: Spark.getData().sessionDuration});')
    answer = client.post(PATH, json=end()).json()
    assert answer["scriptData"] == {"before": 3, "after": {"ms": 187_000}}
    assert client.get("/sessions").json()[0]["scriptData"] == {"level": 3}


def test_a_repeat_hears_what_the_first_heard(client: httpx.Client, write: Write) -> None:
    """And no script runs again for it."""
    write("EndSessionResponse", 'Spark.setScriptData("chance", Math.random());')
    first = client.post(PATH, json=end()).json()
    assert client.post(PATH, json=end()).json() == first
    assert client.post(PATH, json=end("d_2")).json()["scriptData"] != first["scriptData"]


def test_an_error_of_the_request_script_rejects_it(client: httpx.Client, write: Write, store: Store) -> None:
    """Nothing is processed; the client has the script's own words."""
    write("EndSessionRequest", 'Spark.setScriptError("level", "TOO_LOW");')
    answer = client.post(PATH, json=end()).json()
    assert (answer["@class"], answer["requestId"]) == (".EndSessionResponse", "d_1")
    assert answer["error"] == {"level": "TOO_LOW"}
    assert store.totals().sessions == 0


def test_a_script_that_fails_is_said_with_its_line(
    client: httpx.Client, write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    """To the client, and in the server's log; without it the same request is done."""
    write("EndSessionRequest", "var a = 1;\nnothing.at.all;\n")
    with caplog.at_level(logging.ERROR, "gs_pygame.server.cloud_code"):
        answer = client.post(PATH, json=end()).json()
    assert "EndSessionRequest.js:2" in answer["error"]["script"]
    assert "EndSessionRequest.js:2" in caplog.text
    write("EndSessionRequest", "")
    assert "error" not in client.post(PATH, json=end()).json()


def test_a_script_sends_requests(client: httpx.Client, write: Write, store: Store) -> None:
    """The sample of GameSparks' documentation, in the script of another request: the session of whoever is logged in
    ends, with its length."""
    write(
        "LogEventRequest",
        "var request = new SparkRequests.EndSessionRequest();\n"
        "var response = request.Send();\n"
        "var scriptData = response.scriptData;\n"
        "var sessionDuration = response.sessionDuration;\n"
        "var who = Spark.getPlayer().getPlayerId();\n"
        'Spark.setScriptData("heard", {scriptData: scriptData, ms: sessionDuration, who: who});\n',
    )
    write("EndSessionResponse", 'Spark.setScriptData("not", "run by Send");')
    login = ask(client, "DeviceAuthenticationRequest", deviceId="d", deviceOS="LINUX")
    answer = ask(client, "LogEventRequest", eventKey="k", authToken=login["authToken"])
    heard = answer["scriptData"]["heard"]
    assert (heard["scriptData"], heard["who"]) == ({}, login["userId"])
    assert 0 <= heard["ms"] < DEADLINE * 1000
    (received,) = store.latest(10)
    assert received.request.player_id == login["userId"]


def test_a_script_acts_for_another_player(client: httpx.Client, write: Write, store: Store) -> None:
    """By ExecuteAs, with the scripts of what it sends; for one that does not exist it hears so."""
    one = ask(client, "DeviceAuthenticationRequest", deviceId="1", deviceOS="LINUX")
    two = ask(client, "DeviceAuthenticationRequest", deviceId="2", deviceOS="LINUX")
    write(
        "LogEventRequest",
        "var request = new SparkRequests.EndSessionRequest();\n"
        f'Spark.setScriptData("heard", request.ExecuteAs("{two["userId"]}").scriptData);\n'
        'Spark.setScriptData("nobody", new SparkRequests.EndSessionRequest().SendAs("x").error);\n',
    )
    write("EndSessionResponse", 'Spark.setScriptData("ran for", Spark.getPlayer().getPlayerId());')
    answer = ask(client, "LogEventRequest", eventKey="k", authToken=one["authToken"])
    assert answer["scriptData"]["heard"] == {"ran for": two["userId"]}
    assert answer["scriptData"]["nobody"] == {"playerId": "UNRECOGNISED"}
    assert [received.request.player_id for received in store.latest(10)] == [two["userId"]]


def test_others_are_served_while_a_script_loops(client: httpx.Client, write: Write) -> None:
    """It is ended, and the next request of its kind is answered as well."""
    write("LogEventRequest", "for (;;);")
    login = ask(client, "DeviceAuthenticationRequest", deviceId="d", deviceOS="LINUX")
    for _ in range(2):
        answer = ask(client, "LogEventRequest", eventKey="k", authToken=login["authToken"])
        assert "script" in answer["error"]
    assert "error" not in ask(client, "AnalyticsRequest", key="k", authToken=login["authToken"])
