"""GameSparks over REST against a server that does everything wrong that can be done: section 7's table, row by row."""

from __future__ import annotations

import datetime
import email.utils
import json
import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
import requests
import trustme
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from network_kit import DEADLINE, PATH, QUOTED, SECRET, Log, context, end

from gs_pygame import EndSessionResponse
from gs_pygame.destinations import Delivered, GameSparks, Outcome, Pause, Rejected, Retry, _http
from gs_pygame.testing import FaultServer, Reply, Request, Wire
from gs_pygame.testing.replies import (
    answer,
    drip,
    endless,
    gzip_bomb,
    head,
    portal,
    redirect,
    reset_after,
    reset_amid,
    reset_before,
    said,
    silence,
    stall,
    truncated,
    verified,
)

LIMIT = _http.ANSWER_LIMIT

NOT_THE_SERVER = Retry("what answered is not the server, or broke off (a portal's page?)")
NO_CONNECTION = Retry("no connection to the server, or it broke off")
TOO_SLOW = Retry("the server did not answer in time")
BAD_CERTIFICATE = Retry("the server's certificate is not valid; nothing was sent", severe=True)


def delivered(duration: int | None = 0, **script_data: object) -> Delivered:
    return Delivered(EndSessionResponse(duration, script_data))


def status(code: int, after: float | None = None) -> Retry:
    return Retry(f"the server answered HTTP {code}", after, server_error=code >= 500)


def not_let_in(code: int) -> Pause:
    return Pause(f"the server does not let us in (HTTP {code}): check secret, credential and api_key")


def redirected(code: int) -> Retry:
    return Retry(f"the endpoint redirects (HTTP {code}), which is not followed: set its final address")


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


@pytest.fixture
def destination(server: FaultServer) -> Iterator[GameSparks]:
    made = GameSparks(server.url, SECRET)
    yield made
    made.close()


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
    # 401, 403: pause
    "401": (answer(401), not_let_in(401)),
    "403": (answer(403, b"Forbidden"), not_let_in(403)),
    "403 with an error": (verified(403, error={"a": 1}), not_let_in(403)),
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
    "reset before the answer": (reset_before, NO_CONNECTION),
    "reset amid the answer": (reset_amid, NO_CONNECTION),
    "truncated": (truncated, NOT_THE_SERVER),
    "no HTTP": (lambda request, wire: wire.send(b"SSH-2.0-OpenSSH_9.6\r\n"), NO_CONNECTION),
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
    came = destination.deliver(end())
    assert came == outcome
    assert len(server.requests) == 1
    shown = [log.text, repr(came), repr(destination), *capfd.readouterr()]
    assert not any(form in text for form in (SECRET, QUOTED, json.dumps(SECRET)[1:-1]) for text in shown)


def test_the_request_is_what_the_wire_says(server: FaultServer, destination: GameSparks) -> None:
    """Path, headers and body; no header carries anything of ours beyond what HTTP needs."""
    destination.deliver(end())
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
    GameSparks(server.url + address, SECRET, credential).deliver(end())
    assert server.requests[0].path == path


@pytest.mark.parametrize(("said_duration", "milliseconds"), [(83, 83_000), (83.4567, 83_457), (None, None)])
def test_a_server_may_count_in_seconds(
    server: FaultServer, said_duration: float | None, milliseconds: int | None
) -> None:
    """duration_unit="s": the answer's sessionDuration becomes milliseconds."""
    server.script(verified(sessionDuration=said_duration))
    outcome = GameSparks(server.url, SECRET, duration_unit="s").deliver(end())
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
    outcome = destination.deliver(end())
    assert isinstance(outcome, Retry)
    assert outcome.after == seconds


def test_retry_after_as_a_date(server: FaultServer, destination: GameSparks) -> None:
    """A date counts as the seconds from now until then."""
    date = email.utils.formatdate(time.time() + 120, usegmt=True)
    server.script(answer(503, b"", {"Retry-After": date}))
    outcome = destination.deliver(end())
    assert isinstance(outcome, Retry)
    assert outcome.after == pytest.approx(119, abs=3)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(
    server: FaultServer, destination: GameSparks, elsewhere: FaultServer, log: Log, code: int
) -> None:
    """Nobody at the other address hears anything, and the address is not repeated."""
    server.script(redirect(f"{elsewhere.url}{PATH}", code))
    outcome = destination.deliver(end())
    assert outcome == redirected(code)
    assert elsewhere.connections == 0
    assert QUOTED not in log.text


MOVED = {"Location": "/x"}
TOO_MUCH: dict[str, tuple[Reply, Outcome]] = {
    "5 GB": (endless(5 * 10**9), NOT_THE_SERVER),
    "5 GB in a redirect": (endless(5 * 10**9, 302, MOVED), redirected(302)),
    "5 GB in a 500": (endless(5 * 10**9, 500), status(500)),
    "a gzip bomb": (gzip_bomb(16 << 20), NOT_THE_SERVER),
    "a gzip bomb in a redirect": (gzip_bomb(16 << 20, 302, MOVED), redirected(302)),
}


@pytest.mark.parametrize(("reply", "outcome"), TOO_MUCH.values(), ids=TOO_MUCH)
def test_an_answer_costs_little(server: FaultServer, destination: GameSparks, reply: Reply, outcome: Outcome) -> None:
    """However long an answer is, 64 KB of it are read; however well it is packed, it stays packed."""
    destination.deliver(end())  # imports what has to be imported
    server.script(reply)
    tracemalloc.start()
    try:
        assert destination.deliver(end()) == outcome
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
    server.down()
    assert server.sent < 4_000_000, "beside the 64 KB what the system's own buffers hold"


SLOW: dict[str, Reply] = {
    "silence": silence,
    "stops amid the body": stall,
    "drips a status line": drip(b"H", 0.02, start=b""),
    "drips headers": drip(b"X: y\r\n", 0.02),
    "drips a body": drip(b" ", 0.02, start=head(200, {"Content-Length": "9999"})),
    "drips the length of a chunk": drip(b"0", 0.02, start=head(200, {"Transfer-Encoding": "chunked"})),
    "says 100 Continue for ever": drip(head(100, {}), 0.002, start=b""),
}


@pytest.mark.parametrize("reply", SLOW.values(), ids=SLOW)
def test_a_whole_answer_has_a_deadline(
    server: FaultServer, destination: GameSparks, monkeypatch: pytest.MonkeyPatch, reply: Reply
) -> None:
    """Silence ends it, and so does an answer that comes byte by byte, in whichever part of it."""
    monkeypatch.setattr(_http, "READ_TIMEOUT", 0.4)
    monkeypatch.setattr(_http, "ANSWER_TIMEOUT", 0.6)
    destination.deliver(end())
    server.script(reply)
    begun = time.monotonic()
    assert destination.deliver(end()) == TOO_SLOW
    assert time.monotonic() - begun < 5.0


def test_nobody_listens(server: FaultServer, destination: GameSparks) -> None:
    """A refused connection is a reason to retry; the same destination delivers once the server is back."""
    server.down()
    assert destination.deliver(end()) == NO_CONNECTION
    server.up()
    assert destination.deliver(end()) == delivered()


def test_a_name_that_is_not_known(log: Log) -> None:
    """The reserved top-level domain `invalid` (RFC 6761) leads nowhere; neither name nor secret is logged."""
    outcome = GameSparks("https://API-KEY.invalid", SECRET).deliver(end())
    assert outcome == NO_CONNECTION
    assert "api-key" not in log.text.lower()
    assert QUOTED not in log.text


def test_the_games_own_requests_are_still_logged(server: FaultServer, destination: GameSparks, log: Log) -> None:
    """What urllib3 says of other requests is the game's; only ours go unheard."""
    destination.deliver(end())
    assert "urllib3" not in log.text
    server.script(answer(200))
    requests.get(f"{server.url}/scores", timeout=DEADLINE)
    assert "GET /scores" in log.text


# The connection


def test_one_connection_serves_a_whole_queue(server: FaultServer, destination: GameSparks) -> None:
    """Deliveries that follow each other share a connection, whatever complete answers they get."""
    server.script(portal, answer(500, b"x" * 1000), answer(204), redirect("/x"), answer(403), verified(error={"a": 1}))
    for _ in range(20):
        destination.deliver(end())
    assert len(server.requests) == 20
    assert server.connections == 1


def test_a_connection_that_the_server_dropped_costs_nothing(server: FaultServer, destination: GameSparks) -> None:
    """A kept connection that was closed meanwhile is replaced, not stumbled over."""
    destination.deliver(end())
    server.down()
    server.up()
    assert destination.deliver(end()) == delivered()
    assert server.connections == 2


def test_an_old_connection_is_not_trusted(
    server: FaultServer, destination: GameSparks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection unused for longer than KEEP_ALIVE may be dead without our knowing: a new one is made."""
    destination.deliver(end())
    destination.deliver(end())
    assert server.connections == 1
    monkeypatch.setattr(_http, "KEEP_ALIVE", -1.0)
    destination.deliver(end())
    assert server.connections == 2


# What the environment may not do


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_no_proxy_hears_of_an_unencrypted_request(
    server: FaultServer, elsewhere: FaultServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A proxy would see the secret in the path, so over http there is none."""
    monkeypatch.setenv(name, elsewhere.url)
    assert GameSparks(server.url, SECRET).deliver(end()) == delivered()
    assert elsewhere.connections == 0


def test_an_encrypted_request_may_use_a_proxy(
    tls_server: FaultServer, elsewhere: FaultServer, monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    """Over https a proxy is asked for a tunnel, and learns no more than the host."""
    monkeypatch.setenv("https_proxy", elsewhere.url)
    elsewhere.script(answer(502))
    assert GameSparks(tls_server.url, SECRET).deliver(end()) == NO_CONNECTION
    (request,) = elsewhere.requests
    assert (request.method, request.path) == ("CONNECT", f"127.0.0.1:{tls_server.port}")
    assert QUOTED not in f"{request}{log.text}"


@pytest.mark.parametrize("encrypted", [False, True])
def test_no_password_of_the_player_is_sent(
    server: FaultServer,
    tls_server: FaultServer,
    bundle: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    encrypted: bool,
) -> None:
    """requests would send what a .netrc file holds for the host."""
    (tmp_path / ".netrc").write_text("default login player password hunter2\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", bundle)
    used = tls_server if encrypted else server
    assert GameSparks(used.url, SECRET).deliver(end()) == delivered()
    assert "authorization" not in used.requests[0].headers


# Certificates


def test_a_certificate_by_an_authority_the_environment_names(
    tls_server: FaultServer, bundle: str, monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    """REQUESTS_CA_BUNDLE names one: the end is delivered, over one connection."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", bundle)
    destination = GameSparks(tls_server.url, SECRET)
    assert [destination.deliver(end()), destination.deliver(end())] == [delivered()] * 2
    assert tls_server.requests[0].path == PATH
    assert tls_server.connections == 1
    assert QUOTED not in log.text


def test_a_certificate_by_an_unknown_authority(tls_server: FaultServer, log: Log) -> None:
    """Nothing is sent, and somebody has to look."""
    assert GameSparks(tls_server.url, SECRET).deliver(end()) == BAD_CERTIFICATE
    tls_server.down()
    assert tls_server.connections == 1
    assert tls_server.requests == []
    assert QUOTED not in log.text


@pytest.mark.parametrize("fault", ["for another host", "expired"])
def test_a_certificate_that_does_not_hold(
    authority: trustme.CA, bundle: str, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """A known authority does not help a certificate for somebody else, or one that has run out."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", bundle)
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
    certificate = (
        authority.issue_cert("sessions.example.com")
        if fault == "for another host"
        else authority.issue_cert("127.0.0.1", not_before=past, not_after=past + datetime.timedelta(days=1))
    )
    with FaultServer(tls=context(certificate)) as server:
        assert GameSparks(server.url, SECRET).deliver(end()) == BAD_CERTIFICATE
        server.down()
        assert server.requests == []


def test_a_server_that_speaks_no_tls(log: Log) -> None:
    """TLS that fails for another reason than the certificate is one more reason to retry."""

    def speak_plainly(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(head(400, {}))
            connection.recv(65536)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=speak_plainly, args=(listener,))
        thread.start()
        outcome = GameSparks(f"https://127.0.0.1:{listener.getsockname()[1]}", SECRET).deliver(end())
        thread.join(DEADLINE)
    assert outcome == Retry("no encrypted connection to the server (TLS failed)")
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
    outcome = GameSparks(server.url, SECRET, duration_unit=unit).deliver(end())
    if isinstance(outcome, Delivered):
        assert EndSessionResponse.from_json(outcome.response.to_json()) == outcome.response


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(noise=st.binary(max_size=300), start=st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n", head(200, {})]))
def test_any_bytes_have_an_outcome(sturdy: tuple[FaultServer, GameSparks], noise: bytes, start: bytes) -> None:
    """Nothing that comes over the line makes deliver() raise, or count as delivered."""
    server, destination = sturdy

    def reply(request: Request, wire: Wire) -> None:
        wire.send(start + noise)
        wire.hang_up()

    server.script(reply)
    assert isinstance(destination.deliver(end()), (Retry, Pause))
