"""GameAnalytics, against a stub that is written from its documentation."""

from __future__ import annotations

import gzip
import json
import time
from dataclasses import replace
from typing import Any

import pytest
from network_kit import NOT_THE_SERVER, end, status
from sinks_kit import Collector, tell

from gs_pygame import ConfigurationError, EndSessionResponse
from gs_pygame.destinations import Delivered, GameAnalytics, Outcome, Pause, Rejected
from gs_pygame.destinations.gameanalytics import events_of
from gs_pygame.testing import FaultServer, Reply, Request, Wire
from gs_pygame.testing.replies import answer

DELIVERED = Delivered(EndSessionResponse(None))
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def collector(server: FaultServer) -> Collector:
    made = Collector()
    server.default = made
    return made


def made(server: FaultServer) -> GameAnalytics:
    return GameAnalytics("a-game-key", "a-secret-key", server.url)


def test_the_events_are_what_the_collector_asks_for(server: FaultServer, collector: Collector) -> None:
    """A `user` for the session's start and a `session_end` with whole seconds, with all annotations that are required;
    packed, and signed as they were sent, which the stub verifies."""
    assert made(server).deliver([end()]) == [DELIVERED]
    assert [request.path for request in server.requests] == ["/v2/a-game-key/init", "/v2/a-game-key/events"]
    assert all(request.headers["content-encoding"] == "gzip" for request in server.requests)
    asked = json.loads(gzip.decompress(server.requests[0].body))
    assert asked == {"platform": "linux", "os_version": "linux 0", "sdk_version": "rest api v2"}
    shared = {
        "v": 2,
        "user_id": "ada",
        "sdk_version": "rest api v2",
        "platform": "linux",
        "os_version": "linux 0",
        "manufacturer": "unknown",
        "device": "unknown",
        "session_id": end().session_id,
        "session_num": 7,
        "build": "1.2",
    }
    assert collector.events == [
        {**shared, "category": "user", "client_ts": 1_800_000_000},
        {
            **shared,
            "category": "session_end",
            "client_ts": 1_800_000_090,
            "length": 83,
            "custom_fields": {"reason": "background"},
        },
    ]


def test_a_crash_is_an_error_too(server: FaultServer, collector: Collector) -> None:
    """With its exception and its frame."""
    about = '{"app":"Starfall","platform":"win32","exception":"ValueError","frame":"game.py:12 in play"}'
    assert made(server).deliver([replace(end(), reason="crash", about=about)]) == [DELIVERED]
    _, error, ended = collector.events
    assert (error["category"], error["severity"]) == ("error", "critical")
    assert error["message"] == "ValueError game.py:12 in play"
    assert (ended["platform"], ended["os_version"]) == ("windows", "windows 0")
    assert ended["custom_fields"] == {"reason": "crash", "app": "Starfall"}


@pytest.mark.parametrize("ahead", [0, 9, -3600, 86_400 * 365])
def test_times_are_by_the_servers_clock(server: FaultServer, collector: Collector, ahead: int) -> None:
    """Asked once; a few seconds are none."""
    collector.ahead = ahead
    destination = made(server)
    for _ in range(3):
        assert destination.deliver([end()]) == [DELIVERED]
    moved = ahead if abs(ahead) > 9 else 0
    assert [event["client_ts"] for event in collector.events[:2]] == pytest.approx(
        [1_800_000_000 + moved, 1_800_000_090 + moved], abs=2
    )
    assert collector.inits == 1
    destination.close()
    destination.deliver([end()])
    assert collector.inits == 2


def test_without_a_number_it_is_a_first_session() -> None:
    """One is asked for; where there is no disk there is none."""
    assert {event["session_num"] for event in events_of(replace(end(), number=None))} == {1}


def test_a_refusal_is_for_good_and_of_one_end(server: FaultServer, collector: Collector) -> None:
    """What does not pass is said in the collector's words; the ends beside it are delivered."""
    outcomes = made(server).deliver([end(), replace(end(), player_id=""), end()])
    assert outcomes[0] == outcomes[2] == DELIVERED
    assert isinstance(outcomes[1], Rejected)
    assert "/user_id" in outcomes[1].error
    assert len(collector.events) == 4


def test_a_game_that_is_disabled_waits(server: FaultServer, collector: Collector) -> None:
    """The collector says so at init; nothing is sent, and all is kept."""
    collector.enabled = False
    assert made(server).deliver([end()]) == [Pause("GameAnalytics has this game disabled")]
    assert collector.events == []


NOBODY = Pause("the server does not let us in (HTTP 401): check game_key and secret_key")
ANSWERS: dict[str, tuple[Reply, Outcome]] = {
    "an empty object": (answer(200, b"{}", JSON), DELIVERED),
    "an empty list": (answer(200, b"[]", JSON), DELIVERED),
    "nothing": (answer(200, b"", JSON), NOT_THE_SERVER),
    "errors": (answer(200, b'{"errors": ["no"]}', JSON), NOT_THE_SERVER),
    "a list": (answer(200, b'[{"errors": []}]', JSON), NOT_THE_SERVER),
    "not signed well": (answer(401, b"{}", JSON), NOBODY),
    "bad": (answer(400, b'[{"errors": [{"path": "/v"}]}]', JSON), Rejected('[{"errors": [{"path": "/v"}]}]')),
    "bad, with a key": (answer(400, b'{"of": "a-secret-key"}', JSON), Rejected('{"of": "***"}')),
    "bad, of somebody": (answer(400, b"<html>", JSON), status(400)),
    "too large": (answer(413), replace(status(413), server_error=True)),
    "later": (answer(503, b"", {"Retry-After": "5"}), status(503, 5.0)),
}


@pytest.mark.parametrize(("reply", "outcome"), ANSWERS.values(), ids=ANSWERS)
def test_what_an_answer_to_events_means(server: FaultServer, reply: Reply, outcome: Outcome) -> None:
    """After an init that went well."""

    def events(request: Request, wire: Wire) -> None:
        if request.path.endswith("/init"):
            tell(request, wire, 200, {"enabled": True, "server_ts": int(time.time())})
        else:
            reply(request, wire)

    server.default = events
    assert made(server).deliver([end()]) == [outcome]


INITS: dict[str, tuple[Reply, Outcome]] = {
    "without a time": (answer(200, b'{"enabled": true}', JSON), NOT_THE_SERVER),
    "a time that is none": (answer(200, b'{"enabled": true, "server_ts": "now"}', JSON), NOT_THE_SERVER),
    "a portal": (answer(200, b"<html>"), NOT_THE_SERVER),
    "a wrong key": (answer(401, b"{}", JSON), NOBODY),
    "a bad request": (answer(400, b"[]", JSON), status(400)),
}


@pytest.mark.parametrize(("reply", "outcome"), INITS.values(), ids=INITS)
def test_what_an_answer_to_init_means(server: FaultServer, reply: Reply, outcome: Outcome) -> None:
    """No end is rejected for it, and none is sent."""
    server.default = reply
    assert made(server).deliver([end()]) == [outcome]
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"game_key": ""}, "game_key"), ({"secret_key": 5}, "secret_key"), ({"endpoint": "api"}, "endpoint")],
)
def test_wrong_settings(settings: dict[str, Any], named: str) -> None:
    """Are said when it is made."""
    with pytest.raises(ConfigurationError, match=rf"^{named} .*allowed"):
        GameAnalytics(**{"game_key": "a", "secret_key": "b", **settings})
