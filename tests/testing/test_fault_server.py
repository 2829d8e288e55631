"""The testing kit's fault server, read with a bare socket: each reply is on the wire what it says it is."""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import threading
from contextlib import closing
from http.client import HTTPResponse

import pytest
import trustme
from network_kit import DEADLINE, context, eventually

from gs_pygame.testing import FaultServer, Reply, Request, Wire, replies

QUIET = 0.1
"""Seconds of listening for what should not come."""


def connect(server: FaultServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), DEADLINE)


def ask(wire: socket.socket) -> None:
    body = b'{"requestId": "d_1"}'
    wire.sendall(b"POST /a%%20b HTTP/1.1\r\nContent-Length: %d\r\nX-Name: value\r\n\r\n" % len(body) + body)


def hear(wire: socket.socket, count: int) -> bytes:
    """The next `count` bytes; fewer if the connection is closed before."""
    said = b""
    while len(said) < count and (more := wire.recv(count - len(said))):
        said += more
    return said


def asked(wire: socket.socket) -> HTTPResponse:
    """The whole answer to a request."""
    ask(wire)
    answer = HTTPResponse(wire, method="POST")
    answer.begin()
    return answer


def is_left(wire: socket.socket, how: str) -> bool:
    """Whether nothing more comes, and the connection is "open", "closed" in good order, or "broken"."""
    wire.settimeout(QUIET if how == "open" else DEADLINE)
    try:
        return wire.recv(1) == b"" and how == "closed"
    except TimeoutError:
        return how == "open"
    except ConnectionError:
        return how == "broken"


def whole(status: str, body: bytes, headers: str = "", missing: int = 0) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body) + missing}\r\n{headers}\r\n".encode() + body


JSON = "Content-Type: application/json\r\n"
VERIFIED = whole("200 OK", b'{"@class": ".EndSessionResponse", "requestId": "d_1", "sessionDuration": 0}', JSON)
BEGUN = whole("200 OK", b'{"@class": ".EndSessionResponse", "requestId": "d_1"}', missing=100)
HALF = b'{"@class": ".EndSessionResponse", '
PORTAL = b"<!doctype html><title>Welcome to HotelNet</title>"

REPLIES: dict[str, tuple[Reply, bytes, str]] = {
    "answer": (replies.answer(503, b"no", {"X": "y"}), whole("503 Service Unavailable", b"no", "X: y\r\n"), "open"),
    "204": (replies.answer(204), b"HTTP/1.1 204 No Content\r\n\r\n", "open"),
    "said": (replies.said({"a": lambda asked: asked["requestId"]}), whole("200 OK", b'{"a": "d_1"}', JSON), "open"),
    "verified": (replies.verified(), VERIFIED, "open"),
    "portal": (replies.portal, whole("200 OK", PORTAL, "Content-Type: text/html\r\n"), "open"),
    "redirect": (replies.redirect("/x", 307), whole("307 Temporary Redirect", b"moved", "Location: /x\r\n"), "open"),
    "reset_before": (replies.reset_before, b"", "broken"),
    "reset_amid": (replies.reset_amid, BEGUN, "broken"),
    "reset_after": (replies.reset_after, VERIFIED, "broken"),
    "truncated": (replies.truncated, BEGUN, "closed"),
    "hang_up": (replies.hang_up, VERIFIED, "closed"),
    "silence": (replies.silence, b"", "open"),
    "stall": (replies.stall, whole("200 OK", HALF, missing=500 - len(HALF)), "open"),
    "endless, to its end": (replies.endless(3 * 4096), whole("200 OK", b" " * 3 * 4096), "open"),
}


@pytest.mark.parametrize(("reply", "said", "left"), REPLIES.values(), ids=REPLIES)
def test_what_a_reply_says_and_how_it_ends(server: FaultServer, reply: Reply, said: bytes, left: str) -> None:
    """To the byte; afterwards the connection is left open, closed in good order, or broken."""
    server.script(reply)
    with closing(connect(server)) as wire:
        ask(wire)
        assert hear(wire, len(said)) == said
        assert is_left(wire, left)


def test_a_drip(server: FaultServer) -> None:
    """A beginning at once, then byte by byte, again and again, while the client reads it."""
    server.script(replies.drip(b"ab", 0.001, start=b"begin:"))
    with closing(connect(server)) as wire:
        ask(wire)
        assert hear(wire, 26) == b"begin:" + b"ab" * 10


@pytest.mark.parametrize(
    ("reply", "start"),
    [
        (replies.endless(5 * 10**9, 302, {"Location": "/x"}), b"HTTP/1.1 302 Found\r\nContent-Length: 5000000000\r\n"),
        (replies.endless_header, b"HTTP/1.1 200 OK\r\nX-Endless: yyyy"),
    ],
    ids=["body", "header"],
)
def test_too_much_comes_while_the_client_reads(server: FaultServer, reply: Reply, start: bytes) -> None:
    """When the client goes it stops: the server has sent about what was read."""
    server.script(reply)
    with closing(connect(server)) as wire:
        ask(wire)
        assert hear(wire, 200_000).startswith(start)
    server.down()
    # Beside what was read what the system's own buffers hold; what was cut off in the middle is not counted.
    assert 150_000 <= server.sent < 8_000_000


def test_a_gzip_bomb(server: FaultServer) -> None:
    """Small on the wire, and a verified answer of the size that was asked for once it is unpacked."""
    server.script(replies.gzip_bomb(1 << 20))
    with closing(connect(server)) as wire:
        answer = asked(wire)
        packed = answer.read()
    assert answer.getheader("Content-Encoding") == "gzip"
    assert len(packed) < 5000
    assert len(unpacked := gzip.decompress(packed)) == 1 << 20
    assert json.loads(unpacked) == {"@class": ".EndSessionResponse"}


# The server itself


def test_requests_are_kept(server: FaultServer) -> None:
    """With method, path, headers and body as they came, and the number of the connection."""
    with closing(connect(server)) as first, closing(connect(server)) as second:
        for wire in (first, second, second):
            asked(wire).read()
    one, two, three = server.requests
    assert (one.method, one.path, one.headers["x-name"], one.json) == ("POST", "/a%20b", "value", {"requestId": "d_1"})
    assert (one.connection, two.connection, three.connection) == (1, 2, 2)
    assert server.connections == 2
    assert server.wait_for(3, timeout=0.0)
    assert not server.wait_for(4, timeout=0.0)


def test_a_script_comes_before_the_default(server: FaultServer) -> None:
    """Each request takes one reply, whatever connection it came by; a test may bring its own."""

    def mine(request: Request, wire: Wire) -> None:
        wire.send(f"{request.method} who?".encode())
        wire.hang_up()

    server.default = replies.answer(404)
    server.script(replies.answer(500), mine)
    with closing(connect(server)) as one, closing(connect(server)) as two:
        assert asked(one).status == 500
        ask(two)
        assert hear(two, 100) == b"POST who?"
        assert asked(one).status == 404


def test_down_and_up(server: FaultServer) -> None:
    """Down: what is open breaks off, a reply that would go on for ever ends, and new connections are refused."""
    server.script(replies.silence)
    with closing(connect(server)) as wire:
        ask(wire)
        assert server.wait_for(1)
        server.down()
        assert is_left(wire, "closed")
        with pytest.raises(ConnectionRefusedError):
            connect(server)
    server.up()
    with closing(connect(server)) as wire:
        assert asked(wire).status == 200


def test_a_handshake_that_is_never_answered(authority: trustme.CA) -> None:
    """`shakes_hands` is False: the client is left alone in the middle of TLS; True again: it is answered."""
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with FaultServer(tls=context(authority.issue_cert("127.0.0.1"))) as server:
        server.shakes_hands = False
        with closing(connect(server)) as plain:
            plain.settimeout(QUIET)
            with pytest.raises(TimeoutError):
                trusting.wrap_socket(plain, server_hostname="127.0.0.1")
        server.shakes_hands = True
        with trusting.wrap_socket(connect(server), server_hostname="127.0.0.1") as wire:
            assert asked(wire).status == 200
        assert (server.connections, len(server.requests)) == (2, 1)


def test_close_leaves_nothing() -> None:
    """No thread is left, even of a reply that would never end; closing again does nothing."""
    before = set(threading.enumerate())
    server = FaultServer(replies.silence)
    with closing(connect(server)) as wire:
        ask(wire)
        assert server.wait_for(1)
        server.close()
        server.close()
        eventually(lambda: set(threading.enumerate()) <= before)
