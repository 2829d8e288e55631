"""PostHog, against a stub that is written from its documentation."""

from __future__ import annotations

import time
import uuid
from dataclasses import replace
from typing import Any

import pytest
from network_kit import NOT_THE_SERVER, end, status
from sinks_kit import PostHogStub

from gs_pygame import ConfigurationError, EndSessionResponse
from gs_pygame._base.messages import End
from gs_pygame.destinations import Delivered, Outcome, Pause, PostHog, Rejected
from gs_pygame.destinations.posthog import session_id_of
from gs_pygame.testing import FaultServer, Reply
from gs_pygame.testing.replies import answer

DELIVERED = Delivered(EndSessionResponse(None))
JSON = {"Content-Type": "application/json"}
TEXT = {"Content-Type": "text/plain; charset=utf-8"}


@pytest.fixture
def stub(server: FaultServer) -> PostHogStub:
    made = PostHogStub()
    server.default = made
    return made


def ended(count: int, ago: float = 60.0) -> list[End]:
    return [replace(end(str(uuid.uuid4())), started_at=time.time() - 90.5 - ago + number) for number in range(count)]


def test_the_event_is_what_posthog_asks_for(server: FaultServer, stub: PostHogStub) -> None:
    """The time is the end's own, the person stays nobody, and where they are is not looked up."""
    assert PostHog("phc_key", server.url).deliver([end()]) == [DELIVERED]
    (request,) = server.requests
    assert request.path == "/batch/"
    assert request.json == {
        "api_key": "phc_key",
        "batch": [
            {
                "uuid": end().session_id,
                "event": "session_end",
                "distinct_id": "ada",
                "timestamp": "2027-01-15T08:01:30.750Z",
                "properties": {
                    **end().measured(),
                    "scriptData": {"level": 3},
                    "$session_id": session_id_of(end()),
                    "$process_person_profile": False,
                    "$geoip_disable": True,
                    "$lib": "gs_pygame",
                },
            }
        ],
    }


def test_a_person_is_made_if_that_is_asked_for(server: FaultServer, stub: PostHogStub) -> None:
    """person_profiles=True."""
    PostHog("phc_key", server.url, person_profiles=True).deliver([end()])
    assert server.requests[0].json["batch"][0]["properties"]["$process_person_profile"] is True


def test_the_session_id_is_one_of_posthogs() -> None:
    """A UUID of version 7, of the moment at which the session started; the same each time, and no other session's."""
    made = uuid.UUID(session_id_of(end()))
    assert (made.version, made.variant, made.int >> 80) == (7, uuid.RFC_4122, 1_800_000_000_250)
    assert session_id_of(end()) == str(made)
    assert len({session_id_of(each) for each in ended(500)}) == 500


def test_a_repeat_is_counted_once(server: FaultServer, stub: PostHogStub) -> None:
    """After a lost answer: id, event, time and player are the same, and PostHog makes one of them."""
    destination = PostHog("phc_key", server.url)
    many = ended(10)
    destination.deliver(many)
    destination.deliver(many)
    assert len(stub.events) == 10


def test_what_is_old_is_a_historical_migration(server: FaultServer, stub: PostHogStub) -> None:
    """Over 48 hours, and in a request of its own; each end has its outcome."""
    many = [*ended(2, 49 * 3600.0), *ended(3, 47 * 3600.0), *ended(1, 1000 * 3600.0)]
    assert PostHog("phc_key", server.url).deliver(many) == [DELIVERED] * 6
    assert stub.historical == [True, False, True]
    assert [len(request.json["batch"]) for request in server.requests] == [2, 3, 1]


def test_the_one_that_is_refused_is_found(server: FaultServer, stub: PostHogStub) -> None:
    """PostHog takes all of a request, or nothing."""
    many = ended(50)
    many[7] = replace(many[7], script_data='{"too big": true}')
    outcomes = PostHog("phc_key", server.url).deliver(many)
    assert [number for number, outcome in enumerate(outcomes) if outcome != DELIVERED] == [7]
    assert outcomes[7] == Rejected("maximum event size exceeded")
    assert len(stub.events) == 49


NOBODY = Pause("the server does not let us in (HTTP 401): check api_key and host")
ANSWERS: dict[str, tuple[Reply, Outcome]] = {
    "as it is documented": (answer(200, b'{"status": 1}', JSON), DELIVERED),
    "as newer servers say it": (answer(200, b'{"status":"Ok"}', JSON), DELIVERED),
    "over the quota": (
        answer(200, b'{"status":"Ok","quota_limited":["events"]}', JSON),
        Pause("PostHog's quota is used up, and it keeps no more"),
    ),
    "another status": (answer(200, b'{"status": 0}', JSON), NOT_THE_SERVER),
    "no status": (answer(200, b"{}", JSON), NOT_THE_SERVER),
    "a wrong key, in a line": (answer(401, b"API key is not valid: project_not_found", TEXT), NOBODY),
    "a wrong key, in JSON": (answer(401, b'{"type":"authentication_error","detail":"Project API key"}', JSON), NOBODY),
    "bad, in JSON": (answer(400, b'{"type":"validation_error","detail":"no phc_key"}', JSON), Rejected("no ***")),
    "bad, of somebody": (answer(400, b"Bad gateway configuration", TEXT), status(400)),
    "bad, in HTML": (answer(400, b"<html>your request was blocked", TEXT), status(400)),
    "billing limit": (answer(429, b"billing limit reached", TEXT), status(429)),
    "later": (answer(503, b"transient error, please retry", {**TEXT, "Retry-After": "5"}), status(503, 5.0)),
}


@pytest.mark.parametrize(("reply", "outcome"), ANSWERS.values(), ids=ANSWERS)
def test_what_an_answer_means(server: FaultServer, reply: Reply, outcome: Outcome) -> None:
    """As far as it is PostHog that speaks."""
    server.script(reply)
    assert PostHog("phc_key", server.url).deliver([end()]) == [outcome]


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"api_key": ""}, "api_key"), ({"api_key": None}, "api_key"), ({"host": "us.i.posthog.com"}, "host")],
)
def test_wrong_settings(settings: dict[str, Any], named: str) -> None:
    """Are said when it is made."""
    with pytest.raises(ConfigurationError, match=rf"^{named} .*allowed"):
        PostHog(**{"api_key": "phc_key", **settings})
