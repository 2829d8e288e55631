"""What the network does to a delivery over HTTP, and what it may not do: answers that are too long or too slow, lines
that break, proxies, certificates."""

from __future__ import annotations

import datetime
import socket
import threading
import time
import tracemalloc
from pathlib import Path

import pytest
import requests
import trustme
from network_kit import (
    DEADLINE,
    HERE,
    NO_HTTP,
    NOT_THE_SERVER,
    PATH,
    PROXY,
    QUOTED,
    REFUSED,
    SECRET,
    TOO_SLOW,
    Log,
    anywhere,
    context,
    delivered,
    end,
    redirected,
    status,
)

from gs_pygame.destinations import GameSparks, Outcome, Retry, _http
from gs_pygame.testing import FaultServer, Reply
from gs_pygame.testing.replies import (
    answer,
    drip,
    endless,
    endless_header,
    gzip_bomb,
    head,
    portal,
    redirect,
    silence,
    stall,
    verified,
)


def bad_certificate(why: str) -> Retry:
    return Retry(f"the certificate of {HERE} is not valid ({why}); nothing was sent", severe=True)


MOVED = {"Location": "/x"}
TOO_MUCH: dict[str, tuple[Reply, Outcome]] = {
    "5 GB": (endless(5 * 10**9), NOT_THE_SERVER),
    "5 GB in a redirect": (endless(5 * 10**9, 302, MOVED), redirected(302)),
    "5 GB in a 500": (endless(5 * 10**9, 500), status(500)),
    "an endless header": (endless_header, NO_HTTP),
    "endless headers": (drip(b"X: y\r\n", 0.0), NO_HTTP),
    "a gzip bomb": (gzip_bomb(16 << 20), NOT_THE_SERVER),
    "a gzip bomb in a redirect": (gzip_bomb(16 << 20, 302, MOVED), redirected(302)),
}


@pytest.mark.parametrize(("reply", "outcome"), TOO_MUCH.values(), ids=TOO_MUCH)
def test_an_answer_costs_little(server: FaultServer, destination: GameSparks, reply: Reply, outcome: Outcome) -> None:
    """However long an answer is, 64 KB of it are read; however well it is packed, it stays packed."""
    destination.deliver([end()])[0]  # imports what has to be imported
    server.script(reply)
    tracemalloc.start()
    try:
        assert anywhere(destination.deliver([end()])[0]) == outcome
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
    destination.deliver([end()])[0]
    server.script(reply)
    begun = time.monotonic()
    assert anywhere(destination.deliver([end()])[0]) == TOO_SLOW
    assert time.monotonic() - begun < 5.0


def test_nobody_listens(server: FaultServer, destination: GameSparks) -> None:
    """A refused connection is a reason to retry; the same destination delivers once the server is back."""
    server.down()
    assert anywhere(destination.deliver([end()])[0]) == REFUSED
    server.up()
    assert destination.deliver([end()])[0] == delivered()


@pytest.mark.parametrize("fault", ["handshake", "answer"])
def test_tls_that_stalls(
    tls_server: FaultServer, bundle: str, monkeypatch: pytest.MonkeyPatch, log: Log, fault: str
) -> None:
    """A handshake that is never answered, or silence behind it: both have a time-out, and then it is delivered."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", bundle)
    destination = GameSparks(tls_server.url, SECRET)
    with monkeypatch.context() as hurried:
        hurried.setattr(_http, "CONNECT_TIMEOUT", 0.4)
        hurried.setattr(_http, "READ_TIMEOUT", 0.4)
        tls_server.shakes_hands = fault != "handshake"
        tls_server.script(*[silence] * (fault != "handshake"))
        assert anywhere(destination.deliver([end()])[0]) == TOO_SLOW
    tls_server.shakes_hands = True
    assert destination.deliver([end()])[0] == delivered()
    assert QUOTED not in log.text


def test_a_name_that_is_not_known(log: Log) -> None:
    """The reserved top-level domain `invalid` (RFC 6761) leads nowhere; the outcome has the name, but not the key in
    it, and nothing is logged."""
    outcome = GameSparks("https://{api_key}.sessions.invalid", SECRET, api_key="API-KEY").deliver([end()])[0]
    assert outcome == Retry("the name ***.sessions.invalid is not known")
    assert "api-key" not in log.text.lower()
    assert QUOTED not in log.text


def test_the_games_own_requests_are_still_logged(server: FaultServer, destination: GameSparks, log: Log) -> None:
    """What urllib3 says of other requests is the game's; only ours go unheard."""
    destination.deliver([end()])[0]
    assert "urllib3" not in log.text
    server.script(answer(200))
    requests.get(f"{server.url}/scores", timeout=DEADLINE)
    assert "GET /scores" in log.text


# The connection


def test_one_connection_serves_a_whole_queue(server: FaultServer, destination: GameSparks) -> None:
    """Deliveries that follow each other share a connection, while each answer says whose it is."""
    server.script(verified(error={"a": 1}), verified(500), verified(400, error={"a": 1}))
    for _ in range(20):
        destination.deliver([end()])[0]
    assert len(server.requests) == 20
    assert server.connections == 1


def test_an_answer_to_nobody_ends_its_connection(server: FaultServer, destination: GameSparks) -> None:
    """Where an answer does not say whose it is, another may follow it: nothing more is asked over that connection."""
    server.script(portal, answer(500, b"x" * 1000), answer(204), redirect("/x"), answer(403, b"{}"))
    for count in range(1, 6):
        destination.deliver([end()])[0]
        assert server.connections == count


def test_a_connection_that_the_server_dropped_costs_nothing(server: FaultServer, destination: GameSparks) -> None:
    """A kept connection that was closed meanwhile is replaced, not stumbled over."""
    destination.deliver([end()])[0]
    server.down()
    server.up()
    assert destination.deliver([end()])[0] == delivered()
    assert server.connections == 2


def test_an_old_connection_is_not_trusted(
    server: FaultServer, destination: GameSparks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection unused for longer than KEEP_ALIVE may be dead without our knowing: a new one is made."""
    destination.deliver([end()])[0]
    destination.deliver([end()])[0]
    assert server.connections == 1
    monkeypatch.setattr(_http, "KEEP_ALIVE", -1.0)
    destination.deliver([end()])[0]
    assert server.connections == 2


# What the environment may not do


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_no_proxy_hears_of_an_unencrypted_request(
    server: FaultServer, elsewhere: FaultServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A proxy would see the secret in the path, so over http there is none."""
    monkeypatch.setenv(name, elsewhere.url)
    assert GameSparks(server.url, SECRET).deliver([end()])[0] == delivered()
    assert elsewhere.connections == 0


def test_an_encrypted_request_may_use_a_proxy(
    tls_server: FaultServer, elsewhere: FaultServer, monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    """Over https a proxy is asked for a tunnel, and learns no more than the host."""
    monkeypatch.setenv("https_proxy", elsewhere.url)
    elsewhere.script(answer(502))
    why = f"the proxy 127.0.0.1:{elsewhere.port} {PROXY} does not let us through (HTTP 502)"
    assert GameSparks(tls_server.url, SECRET).deliver([end()])[0] == Retry(why)
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
    assert GameSparks(used.url, SECRET).deliver([end()])[0] == delivered()
    assert "authorization" not in used.requests[0].headers


# Certificates


def test_a_certificate_by_an_authority_the_environment_names(
    tls_server: FaultServer, bundle: str, monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    """REQUESTS_CA_BUNDLE names one: the end is delivered, over one connection."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", bundle)
    destination = GameSparks(tls_server.url, SECRET)
    assert [destination.deliver([end()])[0], destination.deliver([end()])[0]] == [delivered()] * 2
    assert tls_server.requests[0].path == PATH
    assert tls_server.connections == 1
    assert QUOTED not in log.text


def test_a_certificate_by_an_unknown_authority(tls_server: FaultServer, log: Log) -> None:
    """Nothing is sent, and somebody has to look."""
    came = anywhere(GameSparks(tls_server.url, SECRET).deliver([end()])[0])
    assert came == bad_certificate("unable to get local issuer certificate")
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
        why = "IP address mismatch"
        if fault == "expired":
            why = "certificate has expired, or this computer's clock is wrong"
        assert anywhere(GameSparks(server.url, SECRET).deliver([end()])[0]) == bad_certificate(why)
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
        outcome = GameSparks(f"https://127.0.0.1:{listener.getsockname()[1]}", SECRET).deliver([end()])[0]
        thread.join(DEADLINE)
    assert anywhere(outcome) == Retry(f"no encrypted connection to {HERE} (TLS failed: wrong version number)")
    assert QUOTED not in log.text
