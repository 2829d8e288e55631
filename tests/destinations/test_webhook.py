"""The webhook: what it sends, how that is signed, and by what it knows that it was taken."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from network_kit import NOT_THE_SERVER, end, redirected, status
from sinks_kit import PostgREST, Receiver, row
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from gs_pygame import ConfigurationError, EndSessionResponse
from gs_pygame._base.messages import End, Erasure
from gs_pygame.destinations import Delivered, Outcome, Pause, Rejected, Retry, Webhook
from gs_pygame.testing import FaultServer, Reply, Request, Wire
from gs_pygame.testing.replies import answer, said

WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
DELIVERED = Delivered(EndSessionResponse(None))
ERASURE = Erasure("e_1", "11111111-1111-4111-8111-111111111111", ("ada", "bob"), 1_800_000_000.0)
echo = said({"id": lambda asked: asked["id"]})


def ends(count: int) -> list[End]:
    return [end(f"00000000-0000-4000-8000-{number:012d}") for number in range(count)]


def test_the_body_is_what_its_page_says(server: FaultServer) -> None:
    """Version 1, field by field: who reads it counts on that."""
    server.default = echo
    assert Webhook(f"{server.url}/hook").deliver([end()]) == [DELIVERED]
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/hook")
    assert request.json == {
        "type": "session.end",
        "version": 1,
        "id": "d_00000000-0000-4000-8000-000000000001",
        "timestamp": "2027-01-15T08:01:30.750Z",
        "data": {"playerId": "ada", "session": end().measured(), "scriptData": {"level": 3}},
    }


def test_what_happened_goes_along(server: FaultServer) -> None:
    """Of a crash: its exception and its frame, as the end has them."""
    server.default = echo
    crash = replace(end(), reason="crash", about='{"app":"Starfall","exception":"ValueError","frame":"a.py:1 in f"}')
    Webhook(server.url).deliver([crash])
    session = server.requests[0].json["data"]["session"]
    assert [session[name] for name in ("reason", "app", "exception", "frame")] == [
        *("crash", "Starfall", "ValueError", "a.py:1 in f")
    ]


@pytest.mark.parametrize("batch", [1, 10])
def test_the_signature_is_standard_webhooks(server: FaultServer, batch: int) -> None:
    """Their own package verifies it, and nothing else than what was sent; a repeat has the same id."""
    server.default = Receiver()
    destination = Webhook(server.url, {"X-Tenant": "a"}, WHSEC, batch=batch)
    for _ in range(2):
        assert destination.deliver(ends(batch)) == [DELIVERED] * batch
    destination.close()
    one, other = server.requests
    for request in (one, other):
        assert Verifier(WHSEC).verify(request.body, request.headers) == request.json
        assert request.headers["idempotency-key"] == request.headers["webhook-id"]
        assert request.headers["x-tenant"] == "a"
    assert one.headers["webhook-id"] == other.headers["webhook-id"]
    with pytest.raises(WebhookVerificationError):
        Verifier(WHSEC).verify(one.body + b" ", one.headers)
    with pytest.raises(WebhookVerificationError):
        Verifier("whsec_" + "A" * 32).verify(one.body, one.headers)


def test_a_batch_is_a_list_and_its_id_is_its_own(server: FaultServer) -> None:
    """Even of one; other ends are another message."""
    server.default = Receiver()
    destination = Webhook(server.url, batch=10)
    for count in (1, 3):
        assert destination.deliver(ends(count)) == [DELIVERED] * count
    assert [len(request.json) for request in server.requests] == [1, 3]
    assert len({request.headers["webhook-id"] for request in server.requests}) == 2


def test_without_a_secret_nothing_is_signed(server: FaultServer) -> None:
    """The id and the time are there all the same."""
    server.default = echo
    Webhook(server.url).deliver([end()])
    headers = server.requests[0].headers
    assert headers["webhook-id"] == end().request_id
    assert int(headers["webhook-timestamp"]) > 1_700_000_000
    assert "webhook-signature" not in headers


def test_a_message_has_its_own_headers(server: FaultServer) -> None:
    """And nothing of the one before it: no signature, and no id, over the same connection."""
    server.default = said({"id": lambda asked: asked["id"]})
    signed, plain = Webhook(server.url, secret=WHSEC), Webhook(server.url)
    poster = signed._poster
    poster.post(b'{"id": "a"}', signed._headers(["a"], b""))
    poster.post(b'{"id": "b"}', plain._headers(["b"], b""))
    poster.post(b'{"id": "c"}')
    signed.close()
    assert ["webhook-signature" in request.headers for request in server.requests] == [True, False, False]
    assert [request.headers.get("webhook-id") for request in server.requests] == ["a", "b", None]
    assert server.connections == 1


def test_a_repeat_is_counted_once(server: FaultServer) -> None:
    """The receiver has it, its answer was lost, and it comes again."""
    receiver = Receiver()

    def lost(request: Request, wire: Wire) -> None:
        receiver.kept[request.json["id"]] = request.json
        wire.reset()

    server.script(lost)
    server.default = receiver
    destination = Webhook(server.url)
    assert isinstance(destination.deliver([end()])[0], Retry)
    assert destination.deliver([end()]) == [DELIVERED]
    assert len(receiver.kept) == 1


ID = end().request_id
REFUSED = '{"id": "' + ID + '", "error": "no such game"}'
ANSWERS: dict[str, tuple[Reply, Outcome]] = {
    "echoes the id": (echo, DELIVERED),
    "echoes it in a list": (said({"ids": lambda asked: [asked["id"]]}), DELIVERED),
    "any 2xx": (said({"id": lambda asked: asked["id"]}, 202), DELIVERED),
    "another id": (answer(200, b'{"id": "d_2"}'), NOT_THE_SERVER),
    "no id": (answer(200, b'{"ok": true}'), NOT_THE_SERVER),
    "an id that is none": (answer(200, b'{"id": 1, "ids": {}, "errors": []}'), NOT_THE_SERVER),
    "the id, but not in an object": (answer(200, json.dumps([ID]).encode()), NOT_THE_SERVER),
    "an error, HTTP 200": (answer(200, REFUSED.encode()), Rejected("no such game")),
    "an error, HTTP 422": (answer(422, REFUSED.encode()), Rejected("no such game")),
    "an error of some kind": (answer(200, f'{{"id": "{ID}", "error": {{"a": 1}}}}'.encode()), Rejected('{"a": 1}')),
    "errors": (answer(200, f'{{"errors": {{"{ID}": "no"}}}}'.encode()), Rejected("no")),
    "an error that repeats": (
        answer(200, f'{{"id": "{ID}", "error": "{WHSEC} /t0ken k3y-value"}}'.encode()),
        Rejected("*** *** ***"),
    ),
    "an error in a 500": (answer(500, REFUSED.encode()), status(500)),
    "an error in a 429": (answer(429, REFUSED.encode(), {"Retry-After": "3"}), status(429, 3.0)),
    "the id in a 500": (answer(500, f'{{"id": "{ID}"}}'.encode()), status(500)),
    "401": (answer(401, b"{}"), Pause("the server does not let us in (HTTP 401): check secret and headers")),
    "gone": (answer(410), status(410)),
    "moved": (answer(308, b"", {"Location": "/x"}), redirected(308)),
}


@pytest.mark.parametrize(("reply", "outcome"), ANSWERS.values(), ids=ANSWERS)
def test_what_an_answer_means(server: FaultServer, reply: Reply, outcome: Outcome) -> None:
    """By the id that it names."""
    server.script(reply)
    assert Webhook(f"{server.url}/t0ken", {"X-Key": "k3y-value"}, WHSEC).deliver([end()]) == [outcome]


def test_each_of_a_batch_has_its_own_outcome(server: FaultServer) -> None:
    """Kept, refused, and not spoken of."""
    one, two, three = ends(3)
    told = {"ids": [one.request_id], "errors": {two.request_id: "too old"}}
    server.script(answer(200, json.dumps(told).encode()))
    assert Webhook(server.url, batch=5).deliver([one, two, three]) == [DELIVERED, Rejected("too old"), NOT_THE_SERVER]


# What is known by a mark


MARK = {"201": "preference-applied: return=minimal", "409": '"23505"'}
APPLIED = {"Preference-Applied": "return=minimal"}
MARKED: dict[str, tuple[Reply, Outcome]] = {
    "in a header": (answer(201, b"", APPLIED), DELIVERED),
    "in a header, in other letters": (answer(201, b"", {"PREFERENCE-APPLIED": "RETURN=minimal"}), DELIVERED),
    "in the body": (answer(409, b'{"code":"23505"}'), DELIVERED),
    "of another status": (answer(200, b"", APPLIED), NOT_THE_SERVER),
    "not there": (answer(201), NOT_THE_SERVER),
    "another conflict": (answer(409, b'{"code":"23503"}'), status(409)),
}


@pytest.mark.parametrize(("reply", "outcome"), MARKED.values(), ids=MARKED)
def test_a_mark_is_looked_for(server: FaultServer, reply: Reply, outcome: Outcome) -> None:
    """With its status, in what a portal's page would not have."""
    server.script(reply)
    assert Webhook(server.url, delivered=MARK).deliver([end()]) == [outcome]


def known(item: End | Erasure, code: int, headers: Mapping[str, str], body: bytes) -> bool:
    return code == 204 and headers["X-Saved"] == getattr(item, "session_id", "")


def test_a_function_may_know(server: FaultServer) -> None:
    """It is asked for each; and where it raises, the end waits like one of a server error."""
    server.script(answer(204, b"", {"X-Saved": end().session_id}), answer(204))
    destination = Webhook(server.url, delivered=known)
    assert destination.deliver([end()]) == [DELIVERED]
    assert destination.deliver([end()]) == [Retry("the webhook's delivered raised KeyError", server_error=True)]


def test_a_conflict_of_a_batch_says_nothing_of_the_others(server: FaultServer) -> None:
    """One row of a hundred is already there, and so none of them was inserted: each by itself."""
    table = PostgREST()
    server.default = table
    headers = {"apikey": "s3cret-key", "Prefer": "return=minimal"}
    destination = Webhook(server.url, headers, batch=100, body=row, delivered=MARK)
    everyone = ends(100)
    assert destination.deliver([everyone[40]]) == [DELIVERED]
    assert destination.deliver(everyone) == [DELIVERED] * 100
    assert len(table.rows) == 100
    assert len(server.requests) < 20


def broken(end: End) -> dict[str, Any]:
    return {"id": end.session_id} if end.number != 8 else {}["number"]


def test_a_body_that_cannot_be_made_holds_up_nobody(server: FaultServer) -> None:
    """One end's body raises: the others go, and it waits like one of a server error, for an update of the game."""
    server.default = answer(201, b"", APPLIED)
    one, two, three = ends(3)
    outcomes = Webhook(server.url, batch=3, body=broken, delivered=MARK).deliver([one, two, replace(three, number=8)])
    assert outcomes == [DELIVERED, DELIVERED, Retry("the webhook's body raised KeyError", server_error=True)]


def test_too_large_a_batch_is_sent_in_halves(server: FaultServer) -> None:
    """A server that takes so many bytes, and no more."""
    receiver = Receiver()

    def small(request: Any, wire: Any) -> None:
        receiver(request, wire) if len(request.json) <= 10 else answer(413)(request, wire)

    server.default = small
    assert Webhook(server.url, batch=64).deliver(ends(64)) == [DELIVERED] * 64
    assert len(receiver.kept) == 64


# Erasure


@pytest.mark.parametrize("batch", [1, 10])
def test_an_erasure_is_told_and_signed(server: FaultServer, batch: int) -> None:
    """Once, to whoever echoes its id."""
    server.default = Receiver()
    assert Webhook(server.url, secret=WHSEC, batch=batch).erase(ERASURE) == DELIVERED
    (request,) = server.requests
    Verifier(WHSEC).verify(request.body, request.headers)
    told = request.json[0] if batch > 1 else request.json
    assert told == {
        "type": "session.erase",
        "version": 1,
        "id": "e_1",
        "timestamp": "2027-01-15T08:00:00.000Z",
        "data": {"installationId": ERASURE.installation_id, "playerIds": ["ada", "bob"]},
    }


def test_an_erasure_that_nobody_heard_waits(server: FaultServer) -> None:
    """A portal's page erases nothing."""
    server.default = answer(200, b"<html>welcome")
    assert Webhook(server.url).erase(ERASURE) == NOT_THE_SERVER


def test_an_erasure_is_no_row(server: FaultServer) -> None:
    """Who has a body of their own would take it for an end: they are not told, and it is said."""
    outcome = Webhook(server.url, body=row).erase(ERASURE)
    assert isinstance(outcome, Rejected)
    assert "see to it yourself" in outcome.error
    assert server.requests == []


# Settings


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"url": "sessions.example.com"}, "url"),
        ({"url": "http://sessions.example.com"}, "url"),
        ({"url": "https://sessions.example.com/?key=s3cret"}, "url"),
        ({"headers": {"X-Key": "s3cret\r\nX-Other: 1"}}, "headers"),
        ({"headers": {"X-Key": 1}}, "headers"),
        ({"headers": ["s3cret"]}, "headers"),
        ({"secret": "s3cret"}, "secret"),
        ({"secret": "whsec_s3cret"}, "secret"),
        ({"secret": "whsec_c2hvcnQ="}, "secret"),
        ({"secret": b"s3cret"}, "secret"),
        ({"batch": 0}, "batch"),
        ({"batch": True}, "batch"),
        ({"batch": 1001}, "batch"),
        ({"body": {"a": 1}}, "body"),
        ({"delivered": 200}, "delivered"),
        ({"delivered": {"200": ""}}, "delivered"),
        ({"delivered": {"ok": "x"}}, "delivered"),
        ({"delivered": {"200": None}}, "delivered"),
        ({"name": ""}, "name"),
    ],
)
def test_wrong_settings(settings: dict[str, Any], named: str) -> None:
    """Each is named when it is made, with what is allowed, and without what may be secret."""
    with pytest.raises(ConfigurationError, match=rf"^{named} .*(allowed|use https)") as refused:
        Webhook(**{"url": "https://sessions.example.com", **settings})
    assert "s3cret" not in str(refused.value)
