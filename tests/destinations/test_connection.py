"""A connection as servers and what lies before them use it: what comes before an answer, after it, and for nobody.

An answer must never be taken for another request's: the wrong end would leave the outbox.
"""

from __future__ import annotations

import datetime
import gzip
import json
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from network_kit import HERE, NOT_THE_SERVER, SECRET, anywhere, delivered, end, status

from gs_pygame.destinations import Delivered, GameSparks, Rejected, Retry
from gs_pygame.destinations._answers import seconds
from gs_pygame.testing import FaultServer, Reply, Request, Wire
from gs_pygame.testing.replies import answer, head, said, verified

HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
UNKNOWN = b"HTTP/1.1 199 Whatever\r\nConnection: close\r\nContent-Length: 5\r\n\r\n"

of_nobody = said({"@class": ".EndSessionResponse"})
"""Verified by its @class, on a connection that carried nothing else."""


def after(interim: bytes, reply: Reply, late: float = 0.0) -> Reply:
    """`interim` at once, and `reply` when `late` seconds have passed."""

    def replies(request: Request, wire: Wire) -> None:
        wire.send(interim)
        wire.pause(late)
        reply(request, wire)

    return replies


@pytest.mark.parametrize(
    "interim",
    [HINTS, PROCESSING, UNKNOWN, HINTS * 2, CONTINUE + PROCESSING + HINTS + CONTINUE],
    ids=["103", "102", "199", "two", "mixed"],
)
@pytest.mark.parametrize("reply", [verified(), of_nobody], ids=["echoed", "not echoed"])
def test_what_comes_before_an_answer_is_read_over(
    server: FaultServer, destination: GameSparks, interim: bytes, reply: Reply
) -> None:
    """Several, on a new connection and on one that was kept; http.client skips 100 alone."""
    server.default = after(interim, reply)
    for _ in range(3):
        assert isinstance(destination.deliver([end()])[0], Delivered)
    assert len(server.requests) == 3


def test_hints_at_once_and_the_answers_late(server: FaultServer, destination: GameSparks) -> None:
    """The server refuses the second of three, and echoes nothing: each is told its own."""
    refused = said({"@class": ".EndSessionResponse", "error": {"DETAILS": "UNRECOGNISED"}})
    server.script(*[after(HINTS, reply, late=0.2) for reply in (of_nobody, refused, of_nobody)])
    came = [destination.deliver([end()])[0] for _ in range(3)]
    assert came == [delivered(None), Rejected('{"DETAILS": "UNRECOGNISED"}'), delivered(None)]


def test_switching_protocols_is_no_answer(server: FaultServer, destination: GameSparks) -> None:
    """What follows a 101 is no HTTP; the next request has a connection of its own."""
    server.script(lambda request, wire: wire.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n\x81\x02hi"))
    assert destination.deliver([end()])[0] == status(101)
    assert destination.deliver([end()])[0] == delivered()
    assert server.connections == 2


@pytest.mark.parametrize("late", [0.0, 0.1], ids=["at once", "late"])
@pytest.mark.parametrize("echoed", [True, False])
def test_a_second_answer_is_nobodys(server: FaultServer, destination: GameSparks, late: float, echoed: bool) -> None:
    """A server that answers one request twice, the second time when the next is asked: nothing is credited to that."""
    ids = [f"00000000-0000-4000-8000-00000000000{n}" for n in range(4)]
    one = verified() if echoed else of_nobody

    def twice(request: Request, wire: Wire) -> None:
        one(request, wire)
        wire.pause(late)
        one(request, wire)

    wrong = said({"@class": ".EndSessionResponse", "error": {"a": 1}})
    server.script(twice, wrong, wrong, wrong)
    assert isinstance(destination.deliver([end(ids[0])])[0], Delivered)
    for n in (1, 2, 3):
        assert not isinstance(destination.deliver([end(ids[n])])[0], Delivered)


def test_on_a_kept_connection_only_an_echo_counts(server: FaultServer, destination: GameSparks) -> None:
    """Without it the answer may be another's; over a new connection it is not, and counts."""
    server.script(verified(), of_nobody, of_nobody)
    assert destination.deliver([end()])[0] == delivered()
    why = "the answer does not say which end it is for: asked again over another connection"
    assert destination.deliver([end()])[0] == Retry(why)
    assert destination.deliver([end()])[0] == delivered(None)
    assert server.connections == 2


def test_an_answer_before_the_request_is_read(server: FaultServer, destination: GameSparks) -> None:
    """As of a server that closes idle connections by a 408 (HAProxy). Where it is not seen in time, it costs the next
    request a try, and nothing else: the one after has a connection of its own."""

    def and_408(request: Request, wire: Wire) -> None:
        verified()(request, wire)
        wire.send(head(408, {"Content-Length": "0", "Connection": "close"}))
        wire.hang_up()

    server.script(and_408)
    assert destination.deliver([end()])[0] == delivered()
    broken_off = Retry(f"no connection to {HERE}: it broke off")
    assert anywhere(destination.deliver([end()])[0]) in (delivered(), status(408), broken_off)
    assert destination.deliver([end()])[0] == delivered()


def test_a_server_that_hangs_up_unannounced(server: FaultServer, destination: GameSparks) -> None:
    """Between two requests, or in the very moment of the second (a proxy that loads its settings anew): the end is
    kept, and the next try is a new connection's."""

    def hang_up(request: Request, wire: Wire) -> None:
        wire.hang_up()

    server.script(verified(), hang_up)
    assert destination.deliver([end()])[0] == delivered()
    assert anywhere(destination.deliver([end()])[0]) == Retry(f"no connection to {HERE}: it broke off")
    assert destination.deliver([end()])[0] == delivered()


def test_a_name_with_an_address_where_nobody_listens(server: FaultServer) -> None:
    """`localhost` is ::1 first on many computers, and the server listens at 127.0.0.1 alone."""
    with_name = GameSparks(server.url.replace("127.0.0.1", "localhost"), SECRET)
    assert with_name.deliver([end()])[0] == delivered()
    with_name.close()


# Packed


def packed(pack: Callable[[bytes], bytes], encoding: str) -> Reply:
    def reply(request: Request, wire: Wire) -> None:
        body = json.dumps({"requestId": request.json["requestId"], "sessionDuration": 5}).encode()
        answer(200, pack(body), {"Content-Encoding": encoding})(request, wire)

    return reply


@pytest.mark.parametrize(
    "reply",
    [packed(gzip.compress, "gzip"), packed(gzip.compress, "X-GZIP"), packed(zlib.compress, "deflate")],
    ids=["gzip", "x-gzip", "deflate"],
)
def test_a_packed_answer_is_read(server: FaultServer, destination: GameSparks, reply: Reply) -> None:
    """Nobody asked for one, and some gateways pack all the same."""
    server.script(reply)
    assert destination.deliver([end()])[0] == delivered(5)


@pytest.mark.parametrize(
    "reply",
    [packed(lambda body: gzip.compress(body)[:-9], "gzip"), packed(bytes, "gzip"), packed(gzip.compress, "br")],
    ids=["cut off", "not packed", "packed otherwise"],
)
def test_a_packed_answer_that_cannot_be_read(server: FaultServer, destination: GameSparks, reply: Reply) -> None:
    """It proves nothing."""
    server.script(reply)
    assert destination.deliver([end()])[0] == NOT_THE_SERVER


# Retry-After


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        ("Fri, 30 Oct 2020 14:00:00 GMT", 120.0),
        ("Friday, 30-Oct-20 14:00:00 GMT", 120.0),
        ("Fri, 30 Oct 2020 16:00:00 +0200", 120.0),
        ("Fri Oct 30 14:00:00 2020", 120.0),
        ("Fri, 30 Oct 2020 15:00:00 GMT", None),
        ("Wed, 01 Jan 1000 00:00:00 GMT", 32_214_290_520.0),
    ],
)
def test_a_date_is_measured_by_the_servers_clock(
    server: FaultServer, destination: GameSparks, date: str, seconds: float | None
) -> None:
    """The player's may be years off, and so it is here."""
    server.script(answer(503, b"", {"Retry-After": "Fri, 30 Oct 2020 14:02:00 GMT", "Date": date}))
    came = destination.deliver([end()])[0]
    assert isinstance(came, Retry)
    assert came.after == seconds


numbers = st.integers(-1, 99999).map(str)
dates = st.builds("Fri, {} {} {} {}:{}:{} {}".format, numbers, st.sampled_from(["Jan", "Feb", "Foo"]), *[numbers] * 4,
                  st.sampled_from(["GMT", "+9999", "-9999", "-0000", "", "+1400"]))  # fmt: skip
moments = st.datetimes(datetime.datetime(1, 1, 1)).map(lambda at: at.strftime("%a, %d %b %Y %H:%M:%S GMT"))


@given(retry_after=dates | moments | st.text(), date=st.none() | dates | moments | st.text())
def test_no_date_is_too_odd(retry_after: str, date: str | None) -> None:
    """Whatever it says: seconds that can be waited, or nothing; no exception."""
    wait = seconds(retry_after, date)
    assert wait is None or wait > 0
