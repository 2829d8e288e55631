"""What every destination must do, as tests: whatever a server does, an end is delivered only on its word.

The faults are the fault server's, each met by a destination that has just been made and by one that has just delivered.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from .._base.messages import End, Erasure
from .._base.patience import LONGEST_REQUEST
from ..destinations import Delivered, Destination, Outcome, Pause, Rejected, Retry
from ..destinations._telling import known, made
from . import replies
from ._fault_server import FaultServer
from ._wire import Reply, Request, Wire

_OVERTAKEN = 0.05  # seconds: a reset that overtook the bytes before it would be another fault
_ENOUGH = 32 << 20  # bytes of an answer that a server gets rid of, most of them into the system's buffers
_TRIES = 5
_INSTALLATION = "11111111-1111-4111-8111-111111111111"
_STARTED_AT = 1_800_000_000.25
_HTML = b"<!doctype html><title>Sorry</title>"
_HEADERS = {"Content-Type": "text/html"}


def destination_contract(
    make: Callable[[str], Destination],
    accepts: Reply,
    *,
    refuses: Reply | None = None,
    lets_nobody_in: Reply | None = None,
    secrets: Sequence[str] = (),
) -> type:
    """A class of tests for pytest, for a destination that speaks HTTP::

        from gs_pygame.testing import destination_contract, replies

        TestSheet = destination_contract(
            lambda url: Sheet(url, key="s3cret"),
            accepts=replies.said({"saved": lambda asked: asked["id"]}),
            secrets=["s3cret"],
        )

    `make`: a destination that sends to the address that it is given, on this computer. `accepts`: what your server
    answers to a request whose ends it has kept; `refuses`: when it will never have them; `lets_nobody_in`: when a key
    is wrong. `secrets`: what must be in no repr, log or outcome.

    Each is asked for several times, with one end and with as many as the destination takes at once. It takes about
    a second for each fault that a destination waits for: let its timeout be short.
    """
    import pytest

    faults = [*_FAULTS, *_cut_off(accepts)]

    class Contract:
        """A destination's contract."""

        @pytest.mark.parametrize("count", ["one", "as many as it takes"])
        def test_it_takes_ends(self, count: str) -> None:
            """Each is delivered, in one answer for each end, over as many requests as it likes."""
            with FaultServer(accepts) as server, _made(make, server) as destination:
                ends = _ends(1 if count == "one" else destination.batch_size)
                assert _settled(destination, ends) == ["Delivered"] * len(ends)
                assert server.requests

        def test_it_is_plain_data_until_it_sends(self) -> None:
            """Made, compared and shown without a connection; its name and its size are what they must be. A frozen
            dataclass can be made again of what another process is told of it."""
            with FaultServer(accepts) as server:
                destination = make(server.url)
                assert isinstance(destination.name, str)
                assert destination.name
                assert isinstance(destination.batch_size, int)
                assert destination.batch_size >= 1
                if dataclasses.is_dataclass(destination):
                    told = known(destination).told
                    assert told is not None, "nothing but JSON and functions of a module can be told"
                    assert made(json.loads(json.dumps(told))) == destination
                destination.close()
                assert server.connections == 0

        @pytest.mark.parametrize("warm", [False, True], ids=["new", "in use"])
        @pytest.mark.parametrize("fault", [fault for _, fault in faults], ids=[name for name, _ in faults])
        def test_a_fault_is_no_delivery(self, fault: Reply, warm: bool) -> None:
            """It says of every end that it has to wait, raises nothing, reads no more than it needs and gives up in
            time; and delivers as soon as the server is itself again."""
            with FaultServer(accepts) as server, _made(make, server) as destination:
                if warm:
                    assert _settled(destination, _ends(1)) == ["Delivered"]
                server.default = fault
                ends = _ends(destination.batch_size)
                assert {*_kinds(_delivered(destination, ends))} <= {"Retry", "Pause"}
                server.default = accepts
                assert _settled(destination, ends) == ["Delivered"] * len(ends)
            assert server.sent < _ENOUGH, "it must not read on for ever: a player's memory is not ours"

        @pytest.mark.parametrize("warm", [False, True], ids=["new", "in use"])
        def test_without_a_server_it_waits(self, warm: bool) -> None:
            """Nobody listens; and then somebody does."""
            with FaultServer(accepts) as server, _made(make, server) as destination:
                if warm:
                    _settled(destination, _ends(1))
                server.down()
                ends = _ends(destination.batch_size)
                assert _kinds(_delivered(destination, ends)) == ["Retry"] * len(ends)
                server.up()
                assert _settled(destination, ends) == ["Delivered"] * len(ends)

        @pytest.mark.parametrize("status", [301, 302, 307, 308])
        def test_a_redirect_is_not_followed(self, status: int) -> None:
            """Nobody at the other address hears of the ends, or of what lets us in."""
            with FaultServer(accepts) as elsewhere, FaultServer(replies.redirect(elsewhere.url, status)) as server:
                with _made(make, server) as destination:
                    assert {*_kinds(_delivered(destination, _ends(destination.batch_size)))} <= {"Retry", "Pause"}
                assert elsewhere.connections == 0

        def test_an_answer_is_for_one_request(self) -> None:
            """A server that answers twice over one connection: the second answer delivers no other end."""
            with FaultServer(accepts) as server, _made(make, server) as destination:
                assert _settled(destination, _ends(1)) == ["Delivered"]
                server.default = _twice(accepts)
                assert _settled(destination, _ends(1)) == ["Delivered"]
                server.default = replies.answer(500, _HTML, _HEADERS)
                assert _kinds(_delivered(destination, _ends(1))) == ["Retry"]

        def test_what_is_sent_again_is_the_same(self) -> None:
            """After an answer that got lost, the server sees the same session's id: it can know a repeat."""
            with FaultServer(accepts) as server, _made(make, server) as destination:
                _settled(destination, _ends(1))
                ends = _ends(1)
                server.default = _lost(accepts)
                assert {*_kinds(_delivered(destination, ends))} <= {"Retry", "Delivered"}
                server.default = accepts
                assert _settled(destination, ends) == ["Delivered"]
                carried = [request for request in server.requests if _carries(request, ends[0])]
                assert len(carried) >= 2

        def test_it_can_be_closed_and_used_again(self) -> None:
            """Twice, and before it was used at all."""
            with FaultServer(accepts) as server, _made(make, server) as destination:
                destination.close()
                for _ in range(2):
                    assert _settled(destination, _ends(1)) == ["Delivered"]
                    destination.close()
                    destination.close()

        @pytest.mark.parametrize("at_last", ["accepted", "refused"])
        def test_no_secret_is_shown(self, at_last: str, caplog: pytest.LogCaptureFixture) -> None:
            """In no repr, no outcome and no log, at any level; not even if the server repeats them."""
            caplog.set_level(logging.DEBUG)
            words = json.dumps({"error": [*secrets]}).encode()
            fault = replies.answer(400, words, {"Content-Type": "application/json"})
            default = accepts if at_last == "accepted" else fault
            with FaultServer(default) as server, _made(make, server) as destination:
                shown = f"{destination!r}{_delivered(destination, _ends(1))!r}{caplog.text}"
            assert [secret for secret in secrets if secret in shown] == []

        @pytest.mark.parametrize("fault", [fault for _, fault in _NOBODYS], ids=[name for name, _ in _NOBODYS])
        def test_nobody_else_erases(self, fault: Reply) -> None:
            """Where it can be told to forget a player, a page of somebody's is no answer to that either."""
            with FaultServer(fault) as server, _made(make, server) as destination:
                erase = getattr(destination, "erase", None)
                if erase is not None:
                    outcome = erase(Erasure(f"e_{uuid.uuid4()}", _INSTALLATION, ("ada", "bob"), _STARTED_AT))
                    assert {*_kinds([outcome])} <= {"Retry", "Pause", "Rejected"}

        if refuses:

            def test_what_is_refused_for_good(self) -> None:
                """Each end by itself, in the server's own words."""
                with FaultServer(refuses) as server, _made(make, server) as destination:
                    ends = _ends(destination.batch_size)
                    assert _settled(destination, ends) == ["Rejected"] * len(ends)

        if lets_nobody_in:

            def test_a_wrong_key_costs_nothing(self) -> None:
                """Everything is kept until the key is right."""
                with FaultServer(lets_nobody_in) as server, _made(make, server) as destination:
                    ends = _ends(destination.batch_size)
                    assert _settled(destination, ends) == ["Pause"] * len(ends)

    return Contract


@contextmanager
def _made(make: Callable[[str], Destination], server: FaultServer) -> Iterator[Destination]:
    destination = make(server.url)
    try:
        yield destination
    finally:
        destination.close()


def _delivered(destination: Destination, ends: list[End]) -> Sequence[Outcome]:
    """What came of each, within the time that the courier gives it."""
    came: list[Sequence[Outcome] | BaseException] = []

    def deliver() -> None:
        try:
            came.append(destination.deliver(ends))
        except BaseException as error:  # noqa: BLE001 - the test's thread is told
            came.append(error)

    thread = threading.Thread(target=deliver, daemon=True)
    thread.start()
    thread.join(LONGEST_REQUEST)
    assert came, f"deliver() did not return within {LONGEST_REQUEST:g} s"
    (outcomes,) = came
    if isinstance(outcomes, BaseException):
        raise AssertionError("deliver() raised") from outcomes
    assert len(outcomes) == len(ends), "deliver() must say what came of each end"
    return outcomes


def _settled(destination: Destination, ends: list[End]) -> list[str]:
    """What came of each in the end, of a server that is well. A busy machine may have made it late for a few."""
    for _ in range(_TRIES):
        kinds = _kinds(_delivered(destination, ends))
        if "Retry" not in kinds:
            break
    return kinds


def _kinds(outcomes: Sequence[Outcome]) -> list[str]:
    assert all(isinstance(outcome, (Delivered, Rejected, Pause, Retry)) for outcome in outcomes)
    return [type(outcome).__name__ for outcome in outcomes]


def _ends(count: int) -> list[End]:
    """Of one evening of one player: nothing left out, and some of what may be."""
    ids = [str(uuid.uuid4()) for _ in range(count)]
    return [
        End(
            session_id=session_id,
            number=number or None,
            previous_id=ids[number - 1] if number else None,
            installation_id=_INSTALLATION,
            player_id="ada",
            started_at=_STARTED_AT + 100 * number,
            active=83.4567,
            wall=90.5,
            reason=("quit", "crash", "background")[number % 3],
            script_data='{"level":3,"name":"\\u00fc"}' if number % 2 else "{}",
            about=json.dumps(
                {
                    "app": "Starfall",
                    "appVersion": "1.2" if number % 2 else None,
                    "sdk": "gs_pygame 0.1.0",
                    "platform": ("linux", "win32", "darwin")[number % 3],
                    "python": "3.11.7",
                    "pygame": "pygame 2.6.1",
                    **({"exception": "ValueError", "frame": "game.py:12 in play"} if number % 3 == 1 else {}),
                }
            ),
        )
        for number, session_id in enumerate(ids)
    ]


def _carries(request: Request, end: End) -> bool:
    import gzip

    body = request.body
    if request.headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    return end.session_id.encode() in body


# Faults


class _Ear(Wire):
    """Takes down what a reply sends."""

    def __init__(self) -> None:
        self.open = True
        self.sent = 0
        self.said = b""

    def send(self, data: bytes) -> None:
        self.said += data

    def pause(self, seconds: float) -> bool:
        return True

    def reset(self) -> None:
        self.open = False


def _whole(accepts: Reply, request: Request) -> bytes:
    ear = _Ear()
    accepts(request, ear)
    return ear.said


def _cut_off(accepts: Reply) -> list[tuple[str, Reply]]:
    """The right answer, but not to its end."""

    def hung_up(request: Request, wire: Wire) -> None:
        said = _whole(accepts, request)
        wire.send(said[: len(said) // 2])
        wire.hang_up()

    def broken(request: Request, wire: Wire) -> None:
        hung_up(request, wire)
        wire.pause(_OVERTAKEN)
        wire.reset()

    def stalled(request: Request, wire: Wire) -> None:
        hung_up(request, wire)
        replies.silence(request, wire)

    return [("half an answer", hung_up), ("broken off amid", broken), ("stalled amid", stalled)]


def _lost(accepts: Reply) -> Reply:
    """The server has what was sent, and its answer never arrives."""

    def lost(request: Request, wire: Wire) -> None:
        _whole(accepts, request)
        wire.reset()

    return lost


def _twice(accepts: Reply) -> Reply:
    def twice(request: Request, wire: Wire) -> None:
        said = _whole(accepts, request)
        wire.send(said)
        with suppress(OSError):  # a client that has hung up meanwhile is right to
            wire.send(said)

    return twice


def _page(status: int) -> Reply:
    return replies.answer(status, b"" if status == 204 else _HTML, _HEADERS)


_JSON = {"Content-Type": "application/json"}
_NOBODYS: list[tuple[str, Reply]] = [
    ("a portal's page", replies.portal),
    ("a portal's JSON", replies.answer(200, b'{"error": "log in first"}', _JSON)),
    ("nothing at all", replies.answer(200)),
    ("no content", replies.answer(204)),
]
_FAULTS: list[tuple[str, Reply]] = [
    *_NOBODYS,
    ("a word", replies.answer(200, b"OK", {"Content-Type": "text/plain"})),
    ("null", replies.answer(200, b"null", _JSON)),
    ("a number too long", replies.answer(200, b"1" * 5000, _JSON)),
    ("nested deeply", replies.answer(200, b"[" * 60_000, _JSON)),
    *[(f"HTTP {status}", _page(status)) for status in (201, 400, 401, 403, 404, 405, 408, 409, 410, 413, 415, 422)],
    *[(f"HTTP {status}", _page(status)) for status in (429, 500, 501, 502, 503, 504, 511)],
    ("other protocols", lambda request, wire: wire.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n\x81")),
    ("no HTTP", lambda request, wire: wire.send(b"SSH-2.0-OpenSSH_9.6\r\n")),
    ("hung up on", lambda request, wire: wire.hang_up()),
    ("reset", replies.reset_before),
    ("silence", replies.silence),
    ("an endless header", replies.endless_header),
    ("256 MB", replies.endless(256 << 20)),
    ("256 MB in a redirect", replies.endless(256 << 20, 302, {"Location": "/x"})),
    ("256 MB in an error", replies.endless(256 << 20, 500)),
    ("a gzip bomb", replies.gzip_bomb(16 << 20)),
]
