"""Each of our destinations keeps the contract; and the contract notices one that does not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import pytest
import requests
from sinks_kit import Collector, PostHogStub, Receiver, tell

from gs_pygame import EndSessionResponse
from gs_pygame._base.messages import End
from gs_pygame.destinations import (
    Delivered,
    GameAnalytics,
    GameSparks,
    OpenTelemetry,
    Outcome,
    PostHog,
    Rejected,
    Retry,
    Webhook,
    _http,
)
from gs_pygame.testing import FaultServer, Request, Wire, destination_contract, replies

WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not answer is given up soon."""
    monkeypatch.setattr(_http, "READ_TIMEOUT", 0.2)


def refused_one_by_one(request: Request, wire: Wire) -> None:
    sent = request.json
    if isinstance(sent, list):
        tell(request, wire, 422, {"ids": [], "errors": {message["id"]: "no such game" for message in sent}})
    else:
        tell(request, wire, 422, {"id": sent["id"], "error": "no such game"})


def init_alone(refusal: str) -> object:
    """A collector whose init is well, and which will have no events."""

    def reply(request: Request, wire: Wire) -> None:
        if request.path.endswith("/init"):
            tell(request, wire, 200, {"enabled": True, "server_ts": 1_800_000_000})
        else:
            tell(request, wire, 400, json.loads(refusal))

    return reply


unauthorised = replies.answer(401, b'{"message": "Invalid API key"}', JSON)

TestGameSparks = destination_contract(
    lambda url: GameSparks(url, "s3cret", api_key="a-k3y"),
    replies.verified(),
    refuses=replies.verified(error={"DETAILS": "UNRECOGNISED"}),
    lets_nobody_in=unauthorised,
    secrets=["s3cret", "a-k3y"],
)
TestWebhook = destination_contract(
    lambda url: Webhook(f"{url}/hook/t0ken", {"X-Key": "s3cret-key"}, WHSEC),
    Receiver(),
    refuses=refused_one_by_one,
    lets_nobody_in=unauthorised,
    secrets=["t0ken", "s3cret-key", WHSEC, WHSEC[6:]],
)
TestWebhookInBatches = destination_contract(
    lambda url: Webhook(url, secret=WHSEC, batch=20),
    Receiver(),
    refuses=refused_one_by_one,
    lets_nobody_in=unauthorised,
    secrets=[WHSEC, WHSEC[6:]],
)
TestWebhookKnownByAMark = destination_contract(
    lambda url: Webhook(url, batch=20, delivered={"201": "preference-applied: return=minimal", "409": '"23505"'}),
    replies.answer(201, b"", {"Preference-Applied": "return=minimal"}),
    lets_nobody_in=unauthorised,
)
TestOpenTelemetry = destination_contract(
    lambda url: OpenTelemetry(url, {"Authorization": "Bearer s3cret-key"}),
    replies.answer(200, b'{"partialSuccess":{}}', JSON),
    refuses=replies.answer(400, b'{"code":3,"message":"no such field"}', JSON),
    lets_nobody_in=unauthorised,
    secrets=["s3cret-key"],
)
TestPostHog = destination_contract(
    lambda url: PostHog("phc_key", url),
    PostHogStub(),
    refuses=replies.answer(400, b"maximum event size exceeded", {"Content-Type": "text/plain"}),
    lets_nobody_in=PostHogStub("another"),
    secrets=["phc_key"],
)
TestGameAnalytics = destination_contract(
    lambda url: GameAnalytics("a-game-key", "a-secret-key", url),
    Collector(),
    refuses=init_alone('[{"errors": [{"path": "/length"}]}]'),
    lets_nobody_in=Collector("another"),
    secrets=["a-game-key", "a-secret-key"],
)


# The contract itself


class Trusting:
    """Takes any 200 for a delivery, follows redirects, and raises what requests raises."""

    name, batch_size = "trusting", 2

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()

    def deliver(self, ends: Sequence[End]) -> list[Outcome]:
        answer = self._session.post(self._url, json=[end.session_id for end in ends], timeout=0.2)
        if answer.ok:
            return [Delivered(EndSessionResponse(None))] * len(ends)
        return [Rejected("no")] if answer.status_code == 400 else [Retry("later")] * len(ends)

    def close(self) -> None:
        self._session.close()


def contract() -> Iterator[object]:
    yield destination_contract(Trusting, replies.answer(200, b"{}", JSON))()


@pytest.mark.parametrize(
    "fault",
    [replies.portal, replies.answer(200), replies.answer(400, b"<html>"), replies.reset_before, replies.silence],
    ids=["a portal", "nothing", "one outcome for two", "raises", "raises in time"],
)
def test_a_trusting_destination_fails(fault: object) -> None:
    """For each reason that there is."""
    with pytest.raises(AssertionError):
        next(contract()).test_a_fault_is_no_delivery(fault, False)  # type: ignore[attr-defined]


def test_a_destination_that_follows_redirects_fails() -> None:
    """It would tell another host what lets it in."""
    with pytest.raises(AssertionError):
        next(contract()).test_a_redirect_is_not_followed(307)  # type: ignore[attr-defined]


def test_a_destination_that_shows_its_key_fails(caplog: pytest.LogCaptureFixture) -> None:
    """In its repr, for one."""

    class Shown(Trusting):
        def __repr__(self) -> str:
            return "Shown(s3cret)"

    made = destination_contract(Shown, replies.answer(200, b"{}"), secrets=["s3cret"])()
    with pytest.raises(AssertionError):
        made.test_no_secret_is_shown("accepted", caplog)  # type: ignore[attr-defined]


def test_a_trusting_destination_is_right_where_the_server_is(server: FaultServer) -> None:
    """Nothing is wrong with it but what it trusts."""
    next(contract()).test_it_takes_ends("as many as it takes")  # type: ignore[attr-defined]
