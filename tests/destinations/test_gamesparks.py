"""GameSparks over REST against a server that does everything wrong that can be done: section 7's table, row by row."""

from __future__ import annotations

import email.utils
import json
import time
from collections.abc import Iterator
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from network_kit import (
    BROKEN_OFF,
    NO_HTTP,
    NOT_THE_SERVER,
    PATH,
    QUOTED,
    SECRET,
    Log,
    anywhere,
    delivered,
    end,
    redirected,
    status,
)

from gs_pygame import EndSessionResponse
from gs_pygame.destinations import Delivered, GameSparks, Outcome, Pause, Rejected, Retry, _http
from gs_pygame.testing import FaultServer, Reply, Request, Wire
from gs_pygame.testing.replies import (
    answer,
    head,
    portal,
    redirect,
    reset_after,
    reset_amid,
    reset_before,
    said,
    truncated,
    verified,
)

LIMIT = _http.ANSWER_LIMIT


def not_let_in(code: int) -> Pause:
    return Pause(f"the server does not let us in (HTTP {code}): check secret, credential and api_key")


def refused_by_a_page(code: int) -> Retry:
    return Retry(f"a page that is not the server's (a portal's, a firewall's?) refuses us: HTTP {code}")


def not_now(word: str) -> Retry:
    return Retry(f"the server says not now ({word})", server_error=True)


LATER = {
    "timeout": "timeout",
    "REQUEST_TIMED_OUT": "timed_out",
    "Your request has been throttled": "throttl",
    "The game is in maintenance": "maintenance",
    "system busy": "busy",
    "TOO_MANY_REQUESTS": "too_many",
}
"""What GameSparks or a server like it may say of itself, not of an end; and the word that is found in it."""


def bad_header(request: Request, wire: Wire) -> None:
    """A header line that is none: urllib3 warns of it, with the whole URL."""
    wire.send(b"HTTP/1.1 200 OK\r\nno header\r\n\r\n")
    wire.hang_up()


def padded(size: int) -> Reply:
    """A verified answer of exactly `size` bytes."""

    def reply(request: Request, wire: Wire) -> None:
        body = json.dumps({"requestId": request.json["requestId"], "sessionDuration": 0}).ljust(size)
        answer(200, body.encode())(request, wire)

    return reply


def in_chunks(request: Request, wire: Wire) -> None:
    """A verified answer, as a proxy may pass it on: byte by byte, of a length that nobody announced."""
    body = json.dumps({"requestId": request.json["requestId"], "sessionDuration": 0}).encode()
    wire.send(head(200, {"Transfer-Encoding": "chunked"}))
    for byte in body:
        wire.send(b"1\r\n%c\r\n" % byte)
    wire.send(b"0\r\n\r\n")


def until_closed(request: Request, wire: Wire) -> None:
    """A verified answer of HTTP/1.0, which ends with its connection."""
    wire.send(b"HTTP/1.0 200 OK\r\n\r\n" + json.dumps({"requestId": request.json["requestId"]}).encode())
    wire.hang_up()


def without_the_last_chunk(request: Request, wire: Wire) -> None:
    """All that a verified answer needs; then the connection is closed in good order."""
    said = json.dumps({"@class": ".EndSessionResponse", "requestId": request.json["requestId"]}).encode()
    wire.send(head(200, {"Transfer-Encoding": "chunked"}) + b"%x\r\n%b\r\n" % (len(said), said))
    wire.hang_up()


ANSWERS: dict[str, tuple[Reply, Outcome]] = {
    # 2xx, a JSON object, no `error`, and it is verified: delivered
    "echoes the requestId and carries @class": (verified(sessionDuration=1500), delivered(1500)),
    "echoes the requestId only": (said({"requestId": lambda asked: asked["requestId"]}), delivered(None)),
    "carries @class only": (said({"@class": ".EndSessionResponse"}), delivered(None)),
    "any 2xx": (verified(201), delivered()),
    "scriptData": (verified(scriptData={"gems": [1, "ü"]}), delivered(0, gems=[1, "ü"])),
    "scriptData is none": (verified(scriptData=[1]), delivered()),
    "duration is a fraction": (verified(sessionDuration=1499.6), delivered(1500)),
    "duration is none": (verified(sessionDuration="long"), delivered(None)),
    "duration is NaN": (verified(sessionDuration=float("nan")), delivered(None)),
    "duration is endless": (verified(sessionDuration=float("inf")), delivered(None)),
    "duration is negative": (verified(sessionDuration=-1), delivered(None)),
    "duration is over a long": (verified(sessionDuration=10**4000), delivered(None)),
    "no error": (verified(error=None), delivered()),
    "reset after the answer": (reset_after, delivered()),
    "64 KB": (padded(LIMIT), delivered()),
    "in chunks": (in_chunks, delivered()),
    "until closed": (until_closed, delivered(None)),
    # a verified answer with an `error`: rejected; "not authorised": pause
    "error": (verified(error={"DETAILS": "UNRECOGNISED"}), Rejected('{"DETAILS": "UNRECOGNISED"}')),
    "error, HTTP 400": (verified(400, error={"a": 1}), Rejected('{"a": 1}')),
    "error by @class": (said({"@class": ".EndSessionResponse", "error": {"a": 1}}), Rejected('{"a": 1}')),
    "long error": (verified(error={"a": "x" * 2000}), Rejected('{"a": "' + "x" * 993)),
    "error repeats the secret": (
        verified(error={"of": [SECRET, PATH]}),
        Rejected('{"of": ["***", "/rs/device/***/EndSessionRequest"]}'),
    ),
    "not authorised": (
        verified(error={"authorisation": "NOT AUTHORISED"}),
        Pause('the server does not let us in: {"authorisation": "NOT AUTHORISED"}'),
    ),
    "not authorized": (
        verified(error={"authentication": "Not authorized"}),
        Pause('the server does not let us in: {"authentication": "Not authorized"}'),
    ),
    "NOTAUTHORIZED": (
        verified(error={"authentication": "NOTAUTHORIZED"}),
        Pause('the server does not let us in: {"authentication": "NOTAUTHORIZED"}'),
    ),
    # a verified answer with an `error` that says "later": retry
    **{f"error: {words}": (verified(error={"error": words}), not_now(matched)) for words, matched in LATER.items()},
    "error, HTTP 400: timeout": (verified(400, error={"error": "timeout"}), not_now("timeout")),
    "error of another: timeout": (verified(requestId="d_other", error={"error": "timeout"}), NOT_THE_SERVER),
    # 401, 403 in the server's own JSON: pause; by anybody else's page: retry
    "401": (answer(401, b"{}"), not_let_in(401)),
    "403": (answer(403, b'{"error": "The API key or the secret is wrong."}'), not_let_in(403)),
    "403 with an error": (verified(403, error={"a": 1}), not_let_in(403)),
    "401, empty": (answer(401), refused_by_a_page(401)),
    "403 of an application firewall": (answer(403, b"<html>Request blocked.</html>"), refused_by_a_page(403)),
    "403, a JSON text": (answer(403, b'"Forbidden"'), refused_by_a_page(403)),
    # 2xx that is not verified: retry
    "portal": (portal, NOT_THE_SERVER),
    "empty": (answer(200), NOT_THE_SERVER),
    "204": (answer(204), NOT_THE_SERVER),
    "another requestId": (verified(requestId="d_other"), NOT_THE_SERVER),
    "another requestId, with an error": (verified(requestId="d_other", error={"a": 1}), NOT_THE_SERVER),
    "another @class": (said({"@class": ".LogEventResponse"}), NOT_THE_SERVER),
    "a JSON object": (answer(200, b"{}"), NOT_THE_SERVER),
    "a JSON list": (answer(200, b'[{"@class": ".EndSessionResponse"}]'), NOT_THE_SERVER),
    "no UTF-8": (answer(200, b'{"@class": "\xff"}'), NOT_THE_SERVER),
    "nested deeply": (answer(200, b"[" * LIMIT), NOT_THE_SERVER),
    "a number too long for Python": (answer(200, b"1" * 5000), NOT_THE_SERVER),
    "64 KB and one byte": (padded(LIMIT + 1), NOT_THE_SERVER),
    "bad header": (bad_header, NOT_THE_SERVER),
    # any other status: retry
    **{str(code): (answer(code, b"x"), status(code)) for code in (400, 404, 408, 410, 429, 500, 502, 503, 504)},
    "413 of a proxy": (answer(413, b"<html>too large</html>", {"Content-Type": "text/html"}), status(413)),
    "verified 200 text in a 500": (verified(500), status(500)),
    "verified error in a 503": (verified(503, error={"a": 1}), status(503)),
    "verified error in a 429": (verified(429, error={"a": 1}), status(429)),
    "verified, without an error, in a 400": (verified(400), status(400)),
    # the connection: retry
    "reset before the answer": (reset_before, BROKEN_OFF),
    "reset amid the answer": (reset_amid, BROKEN_OFF),
    "truncated": (truncated, BROKEN_OFF),
    "truncated, in chunks": (without_the_last_chunk, BROKEN_OFF),
    "no HTTP": (lambda request, wire: wire.send(b"SSH-2.0-OpenSSH_9.6\r\n"), NO_HTTP),
}


@pytest.mark.parametrize(("reply", "outcome"), ANSWERS.values(), ids=ANSWERS)
def test_what_comes_back_decides(
    server: FaultServer,
    destination: GameSparks,
    log: Log,
    capfd: pytest.CaptureFixture[str],
    reply: Reply,
    outcome: Outcome,
) -> None:
    """Section 7's table. Whatever comes back, the secret is in no log at DEBUG, no outcome, no repr and no output."""
    server.script(reply)
    came = anywhere(destination.deliver([end()])[0])
    assert came == outcome
    assert len(server.requests) == 1
    shown = [log.text, repr(came), repr(destination), *capfd.readouterr()]
    assert not any(form in text for form in (SECRET, QUOTED, json.dumps(SECRET)[1:-1]) for text in shown)


def test_the_request_is_what_the_wire_says(server: FaultServer, destination: GameSparks) -> None:
    """Path, headers and body; no header carries anything of ours beyond what HTTP needs."""
    destination.deliver([end()])[0]
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", PATH)
    assert request.json == {
        "@class": ".EndSessionRequest",
        "requestId": "d_00000000-0000-4000-8000-000000000001",
        "playerId": "ada",
        "scriptData": {
            "level": 3,
            "session": {
                "id": "00000000-0000-4000-8000-000000000001",
                "previousId": "00000000-0000-4000-8000-000000000000",
                "number": 7,
                "installationId": "11111111-1111-4111-8111-111111111111",
                "startedAt": "2027-01-15T08:00:00.250Z",
                "endedAt": "2027-01-15T08:01:30.750Z",
                "activeMs": 83457,
                "wallMs": 90500,
                "reason": "background",
                "appVersion": "1.2",
                "sdk": "gs_pygame 0.1.0",
                "platform": "linux",
                "python": "3.11.7",
                "pygame": "2.6.1",
            },
        },
    }
    assert request.headers["content-type"] == "application/json"
    assert request.headers["accept-encoding"] == "identity"
    assert set(request.headers) == {
        *("host", "user-agent", "accept", "accept-encoding", "connection", "content-type", "content-length")
    }


@pytest.mark.parametrize(
    ("address", "credential", "path"),
    [
        ("", "device", PATH),
        ("/", "device", PATH),
        ("/KEY", "device", f"/KEY{PATH}"),
        ("/KEY/", "a b/c", f"/KEY/rs/a%20b%2Fc/{QUOTED}/EndSessionRequest"),
    ],
)
def test_the_address_is_put_together(server: FaultServer, address: str, credential: str, path: str) -> None:
    """A path in the endpoint stays, a slash at its end does not double, and nothing in the parts breaks the path."""
    GameSparks(server.url + address, SECRET, credential).deliver([end()])[0]
    assert server.requests[0].path == path


@pytest.mark.parametrize(("said_duration", "milliseconds"), [(83, 83_000), (83.4567, 83_457), (None, None)])
def test_a_server_may_count_in_seconds(
    server: FaultServer, said_duration: float | None, milliseconds: int | None
) -> None:
    """duration_unit="s": the answer's sessionDuration becomes milliseconds."""
    server.script(verified(sessionDuration=said_duration))
    outcome = GameSparks(server.url, SECRET, duration_unit="s").deliver([end()])[0]
    assert outcome == delivered(milliseconds)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("2", 2.0),
        ("0.5", 0.5),
        ("31536000", 31_536_000.0),
        ("0", None),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("inf", None),
        ("9" * 500, None),
        ("Fri, 99 Nonsense 2026", None),
        ("Fri, 30 Oct 2020 14:00:00 GMT", None),
    ],
)
@pytest.mark.parametrize("code", [200, 429, 503])
def test_retry_after_in_seconds(
    server: FaultServer, destination: GameSparks, code: int, header: str, seconds: float | None
) -> None:
    """A number of seconds counts, whoever says it; what is past, or makes no sense, does not."""
    server.script(answer(code, b"", {"Retry-After": header}))
    outcome = destination.deliver([end()])[0]
    assert isinstance(outcome, Retry)
    assert outcome.after == seconds


def test_retry_after_as_a_date(server: FaultServer, destination: GameSparks) -> None:
    """A date counts as the seconds from now until then."""
    date = email.utils.formatdate(time.time() + 120, usegmt=True)
    server.script(answer(503, b"", {"Retry-After": date}))
    outcome = destination.deliver([end()])[0]
    assert isinstance(outcome, Retry)
    assert outcome.after == pytest.approx(119, abs=3)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(
    server: FaultServer, destination: GameSparks, elsewhere: FaultServer, log: Log, code: int
) -> None:
    """Nobody at the other address hears anything, and the address is not repeated."""
    server.script(redirect(f"{elsewhere.url}{PATH}", code))
    outcome = destination.deliver([end()])[0]
    assert outcome == redirected(code)
    assert elsewhere.connections == 0
    assert QUOTED not in log.text


# Anything at all

any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
answers = st.fixed_dictionaries(
    {},
    optional={
        "@class": st.just(".EndSessionResponse") | any_json,
        "requestId": st.just(end().request_id) | any_json,
        "sessionDuration": any_json,
        "scriptData": any_json,
        "error": any_json,
    },
)


@pytest.fixture(scope="module")
def sturdy() -> Iterator[tuple[FaultServer, GameSparks]]:
    """One server, and one destination, for all examples of a test."""
    with FaultServer() as running:
        made = GameSparks(running.url, SECRET)
        yield running, made
        made.close()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(fields=answers, code=st.sampled_from([200, 204, 302, 400, 403, 429, 500]), unit=st.sampled_from(["ms", "s"]))
def test_any_json_has_an_outcome(
    sturdy: tuple[FaultServer, GameSparks], fields: dict[str, object], code: int, unit: Literal["ms", "s"]
) -> None:
    """Nothing a server says makes deliver() raise, and what is delivered can be kept."""
    server, _ = sturdy
    server.script(answer(code, json.dumps(fields).encode()))
    outcome = GameSparks(server.url, SECRET, duration_unit=unit).deliver([end()])[0]
    if isinstance(outcome, Delivered):
        assert EndSessionResponse.from_json(outcome.response.to_json()) == outcome.response


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(noise=st.binary(max_size=300), start=st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n", head(200, {})]))
def test_any_bytes_have_an_outcome(sturdy: tuple[FaultServer, GameSparks], noise: bytes, start: bytes) -> None:
    """Nothing that comes over the line makes deliver() raise, or counts as an answer without saying that it is one."""
    server, destination = sturdy

    def reply(request: Request, wire: Wire) -> None:
        wire.send(start + noise)
        wire.hang_up()

    server.script(reply)
    assert isinstance(destination.deliver([end()])[0], (Retry, Pause)) or b".EndSessionResponse" in noise
