"""Time-outs and limits: who holds a connection, sends too much, or comes when there is too much to do."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import pytest
from server_kit import DEADLINE, JSON_BODY, PATH, end, eventually, listening
from starlette.applications import Starlette
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from gs_pygame.server import Store, create_app, open_store
from gs_pygame.server import _http as http_
from gs_pygame.server import _limits as limits
from gs_pygame.server._limits import Pace, Rate

Asked = Callable[[str], httpx.Response]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """One kind is enough: what is refused gets no further."""
    with closing(open_store(f"sqlite:///{tmp_path / 'sessions.sqlite3'}")) as opened:
        yield opened


@pytest.fixture
def app(store: Store) -> Starlette:
    return create_app(store)


def dial(address: str) -> socket.socket:
    host, _, port = address.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=DEADLINE)


def is_gone(client: socket.socket) -> bool:
    """Whether the server has closed it, after whatever it said."""
    try:
        while client.recv(65536):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    return True


def said_until(client: socket.socket, mark: bytes) -> bytes:
    """What the server says, to the first `mark`."""
    said = b""
    while mark not in said:
        more = client.recv(65536)
        assert more, said
        said += more
    return said


HALVES = {
    "nothing": b"",
    "headers": b"POST /rs/device/s/EndSessionRequest HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Half: ",
    "body": b"POST /rs/device/s/EndSessionRequest HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b"Content-Length: 100000\r\n\r\n{",
    "unwanted body": b"POST /nobody HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n{",
}


@pytest.mark.parametrize("half", HALVES)
def test_half_a_request_is_gone(app: Starlette, monkeypatch: pytest.MonkeyPatch, half: str) -> None:
    """A hundred that stop half way, and one that goes on by a byte now and then: all closed when the time is over,
    while whole requests are answered."""
    monkeypatch.setattr(http_, "ARRIVAL", 1.0)
    with listening(app) as address, ExitStack() as stack:
        clients = [stack.enter_context(dial(address)) for _ in range(100)]
        for client in clients:
            client.sendall(HALVES[half])
        assert httpx.post(address + PATH, json=end(), trust_env=False, timeout=DEADLINE).status_code == 200
        dripping = clients.pop()
        stop = threading.Event()

        def drip() -> None:
            while half != "nothing" and not stop.wait(0.05):
                try:
                    dripping.sendall(b"x")
                except OSError:
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            assert is_gone(dripping)
        finally:
            stop.set()
            thread.join(DEADLINE)
        assert all(is_gone(client) for client in clients)


def test_a_request_in_pieces_arrives(app: Starlette) -> None:
    """In time it may be as slow as it likes, and its connection is good for the next."""
    body = b'{"@class":".EndSessionRequest"}'
    request = b"POST %b HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
    raw = request % (PATH.encode(), len(body), body)
    with listening(app) as address, dial(address) as client:
        for _ in range(2):
            for place in range(0, len(raw), 7):
                client.sendall(raw[place : place + 7])
            assert said_until(client, b"}}").startswith(b"HTTP/1.1 200 ")


def test_a_websocket_outlives_the_time_of_a_request(app: Starlette, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is for HTTP."""
    monkeypatch.setattr(http_, "ARRIVAL", 0.3)
    with listening(app) as address, connect(f"ws{address[4:]}/ws/device/K") as player, dial(address) as silent:
        player.recv(timeout=DEADLINE)
        assert is_gone(silent)  # who came last: the player's time would be over as well
        player.ping().wait(DEADLINE)


def test_so_many_connections_are_open(app: Starlette, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more is told to come later; when one goes there is room."""
    monkeypatch.setattr(http_, "OPEN", 3)
    with listening(app) as address, ExitStack() as stack:
        first, *_ = [stack.enter_context(dial(address)) for _ in range(3)]
        with dial(address) as fourth:
            said = fourth.recv(65536)
        assert said.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: " in said
        first.close()

        def is_let_in() -> bool:
            try:
                return httpx.post(address + PATH, json=end(), trust_env=False, timeout=DEADLINE).status_code == 200
            except httpx.TransportError:
                return False

        eventually(is_let_in)


@pytest.fixture
def asked(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Asked]:
    """Behind a proxy: what is answered to a request of an address. Each may ask five times at once."""
    monkeypatch.setattr(limits, "OF_ADDRESS", Rate(0.001, 5))
    with (
        listening(create_app(store), proxies=["127.0.0.1"]) as address,
        httpx.Client(base_url=address, timeout=DEADLINE, trust_env=False) as client,
    ):
        yield lambda forwarded: client.post(
            PATH, content=b"{}", headers={**JSON_BODY, **({"X-Forwarded-For": forwarded} if forwarded else {})}
        )


def test_an_address_may_ask_so_often(asked: Asked) -> None:
    """Then it is told when to come again, and its connection is good; others are not concerned."""
    answers = [asked("192.0.2.1") for _ in range(7)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert answers[-1].json() == {"error": "Too many requests. Try again later."}
    assert asked("192.0.2.2").status_code == 200


def test_the_last_hop_counts(asked: Asked) -> None:
    """What a client writes there itself does not make it another one."""
    answers = [asked(f"10.0.0.{number}, 192.0.2.1") for number in range(6)]
    assert answers[-1].status_code == 429


def test_a_household_is_one_address(asked: Asked) -> None:
    """It has 2^64 of IPv6."""
    assert [asked(f"2001:db8::{number}").status_code for number in range(6)][-1] == 429
    assert asked("2001:db8:0:1::1").status_code == 200


def test_this_computer_may_ask_as_often_as_it_likes(asked: Asked) -> None:
    """A developer, a test of load, a proxy that does not say for whom it asks."""
    assert {asked("").status_code for _ in range(20)} == {200}


def test_without_a_proxy_nobody_speaks_for_another(app: Starlette, monkeypatch: pytest.MonkeyPatch) -> None:
    """The header is anybody's."""
    monkeypatch.setattr(limits, "OF_ADDRESS", Rate(0.001, 1))
    headers = {**JSON_BODY, "X-Forwarded-For": "192.0.2.1"}
    with listening(app) as address:
        answers = [
            httpx.post(address + PATH, content=b"{}", headers=headers, trust_env=False, timeout=DEADLINE)
            for _ in range(3)
        ]
    assert [answer.status_code for answer in answers] == [200] * 3


def test_sockets_count_too(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that connects too often gets no handshake."""
    monkeypatch.setattr(limits, "OF_ADDRESS", Rate(0.001, 1))
    with listening(create_app(store), proxies=["127.0.0.1"]) as address:
        url, headers = f"ws{address[4:]}/ws/device/K", {"X-Forwarded-For": "192.0.2.1"}
        with connect(url, additional_headers=headers) as socket_:
            socket_.recv(timeout=DEADLINE)
        with pytest.raises(InvalidStatus) as refused:
            connect(url, additional_headers=headers).__enter__()
    assert refused.value.response.status_code == 429


def test_a_key_may_ask_so_often(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the addresses; another key is not concerned, and the two ways in count together."""
    monkeypatch.setattr(limits, "OF_KEY", Rate(0.001, 3))
    with listening(create_app(store), proxies=["127.0.0.1"]) as address:

        def ask(number: int, key: str) -> int:
            headers = {**JSON_BODY, "X-Forwarded-For": f"192.0.2.{number}"}
            return httpx.post(
                f"{address}/{key}{PATH}", content=b"{}", headers=headers, trust_env=False, timeout=DEADLINE
            ).status_code

        with connect(f"ws{address[4:]}/ws/device/K", additional_headers={"X-Forwarded-For": "192.0.2.9"}):
            assert [ask(number, "K") for number in range(3)] == [200, 200, 429]
        assert ask(4, "L") == 200


def test_rates_in_time() -> None:
    """All at once after a rest, then one as each is paid off; memory has a bound whatever names come."""
    clock = [100.0]
    buckets = limits._Buckets(Rate(a_second=2, at_once=3), lambda: clock[0])
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    clock[0] += 0.5
    assert [buckets.take("a"), buckets.take("a")] == [0, 0.5]
    clock[0] += 1000
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    for number in range(limits.REMEMBERED + 10):
        buckets.take(f"name {number}")
    assert len(buckets._paid) == limits.REMEMBERED


class TestPace:
    """How many requests may be under way."""

    def room(self, pace: Pace) -> int:
        """How many begin until it is full."""
        count = 0
        while not pace.is_full():
            pace.begin()
            count += 1
        return count

    def answer(self, pace: Pace, clock: list[float], each: float, count: int) -> None:
        for _ in range(count):
            pace.begin()
            clock[0] += each
            pace.finish()

    def test_it_is_two_seconds_work(self) -> None:
        """At 400 a second 800; at a slow disk's pace or a script's, few; time without any request changes nothing."""
        for each, expected in ((1 / 400, 800), (1 / 40, 80), (0.5, limits.LEAST)):
            clock = [0.0]
            pace = Pace(lambda clock=clock: clock[0])
            self.answer(pace, clock, each, max(int(20 / each), 1))
            clock[0] += 1000
            assert self.room(pace) == pytest.approx(expected, rel=0.02)

    def test_a_standstill_is_seen(self) -> None:
        """When nothing is answered any more, what may come shrinks at once."""
        clock = [0.0]
        pace = Pace(lambda: clock[0])
        self.answer(pace, clock, 1 / 400, 8000)
        for _ in range(300):
            pace.begin()
        assert not pace.is_full()
        clock[0] += 3
        assert pace.is_full()


def test_too_much_to_do_is_said_before_the_body(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the store is busy, requests beyond the limit are refused at their headers, with seconds that differ; other
    pages are answered; afterwards the same connections work, and what was let in has been kept."""
    monkeypatch.setattr(http_, "ARRIVAL", DEADLINE)  # the half request waits for fifty others
    monkeypatch.setattr(limits, "LEAST", 1)
    monkeypatch.setattr(limits, "EXPECTED", 0.001)
    busy, go_on = threading.Event(), threading.Event()
    record_all = Store.record_all

    def slow(self: Store, pairs: list[object]) -> list[object]:
        busy.set()
        assert go_on.wait(DEADLINE)
        return record_all(self, pairs)  # type: ignore[arg-type, return-value]

    monkeypatch.setattr(Store, "record_all", slow)
    head = b"POST %b HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n"
    with listening(create_app(store)) as address, ExitStack() as stack:
        client = stack.enter_context(httpx.Client(base_url=address, timeout=DEADLINE, trust_env=False))
        codes: list[int] = []

        def send() -> None:
            codes.append(httpx.post(address + PATH, json=end(), timeout=DEADLINE, trust_env=False).status_code)

        first = threading.Thread(target=send)
        first.start()
        assert busy.wait(DEADLINE)
        raw = stack.enter_context(dial(address))
        raw.sendall(head % PATH.encode())
        assert said_until(raw, b"}").startswith(b"HTTP/1.1 503 ")
        waits = {int(client.post(PATH, json=end("d_2")).headers["Retry-After"]) for _ in range(50)}
        assert len(waits) > 5
        assert client.get("/gaps").status_code == 200
        go_on.set()
        first.join(DEADLINE)
        assert codes == [200]
        raw.sendall(b"0123456789" + head % PATH.encode() + b"0123456789")
        assert said_until(raw, b"}").startswith(b"HTTP/1.1 400 ")
        assert client.post(PATH, json=end("d_2")).status_code == 200
    assert store.totals().sessions == 2


def test_slow_bodies_keep_nobody_out(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has not come whole is not under way."""
    monkeypatch.setattr(limits, "LEAST", 2)
    monkeypatch.setattr(limits, "EXPECTED", 0.001)
    with listening(create_app(store)) as address, ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(dial(address)).sendall(HALVES["body"])
        for number in range(5):
            assert (
                httpx.post(address + PATH, json=end(f"d_{number}"), trust_env=False, timeout=DEADLINE).status_code
                == 200
            )


def test_seconds_are_whole_and_differ() -> None:
    """So that those refused together come back apart."""
    waits = {limits.retry_after() for _ in range(1000)}
    assert len(waits) > 20
    assert min(waits) >= 1
