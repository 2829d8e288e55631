"""The WebSocket, by a client written from the wire's description alone: handshakes, resuming, requests, bad clients."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from server_kit import DEADLINE, PATH, end, eventually, listening
from sqlalchemy import select
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from gs_pygame.server import Store, _limits, _websocket, create_app
from gs_pygame.server._dispatch import Dispatcher
from gs_pygame.server._tables import clients

SECRET, KEY = "s3cret", "KEY"
JSON = dict[str, Any]


class Client:
    """A GameSparks SDK's side of a socket."""

    def __init__(self, address: str, path: str = f"/ws/device/{KEY}") -> None:
        self._connected = connect(address.replace("http", "ws", 1) + path, open_timeout=DEADLINE)
        self.requests = 0

    def __enter__(self) -> Client:
        self.socket: ClientConnection = self._connected.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._connected.__exit__(*error)

    def hear(self) -> JSON:
        return dict(json.loads(self.socket.recv(timeout=DEADLINE)))

    def say(self, **body: Any) -> None:
        self.socket.send(json.dumps(body))

    def shake(self, secret: str = SECRET, **fields: Any) -> JSON:
        """The whole handshake; the server's last word of it."""
        greeting = self.hear()
        assert greeting["@class"] == ".AuthenticatedConnectResponse"
        digest = hmac.new(secret.encode(), greeting["nonce"].encode(), hashlib.sha256).digest()
        known = {"hmac": base64.b64encode(digest).decode(), "os": "linux", "platform": "tests"}
        self.say(**{"@class": ".AuthenticatedConnectRequest", **known, **fields})
        return self.hear()

    def ask(self, name: str, **fields: Any) -> JSON:
        """A request and its answer, which must be that request's."""
        self.requests += 1
        request_id = fields.pop("requestId", f"{time.time_ns()}_{self.requests}")
        self.say(**{"@class": f".{name}", "requestId": request_id, **fields})
        answer = self.hear()
        assert answer["requestId"] == request_id
        return answer

    def log_in(self, device: str = "d-1") -> JSON:
        return self.ask("DeviceAuthenticationRequest", deviceId=device, deviceOS="LINUX")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, store: Store) -> list[int]:
    """The server's wall clock, in seconds; a test moves it."""
    now = [1_800_000_000]
    monkeypatch.setattr(type(store), "now", lambda _store: now[0] * 1_000_000)
    return now


@pytest.fixture
def address(store: Store, clock: list[int]) -> Iterator[str]:
    with listening(create_app(store, api_key=KEY, secret=SECRET)) as one:
        yield one


@pytest.fixture
def dial(address: str) -> Iterator[Callable[..., Client]]:
    """Clients of the server, closed at the end."""
    with ExitStack() as stack:

        def dialled(*path: str) -> Client:
            return stack.enter_context(Client(address, *path))

        yield dialled


@pytest.fixture
def player(dial: Callable[..., Client]) -> Client:
    """Somebody who has logged in."""
    client = dial()
    client.shake()
    client.log_in()
    return client


def test_a_session_from_connect_to_end(dial: Callable[..., Client], store: Store, clock: list[int]) -> None:
    """Nonce, proof, login, an end: its length is the server's own clock's, since the client says none."""
    client = dial()
    connected = client.shake()
    assert connected["@class"] == ".AuthenticatedConnectResponse"
    assert connected["sessionId"]
    assert connected["clientConfig"]["retryBase"] == 2000
    assert "authToken" not in connected
    assert "userId" not in connected
    login = client.log_in()
    assert login["@class"] == ".AuthenticationResponse"
    assert login["newPlayer"] is True
    assert login["authToken"]
    clock[0] += 90
    answer = client.ask("EndSessionRequest", scriptData={"level": 3})
    assert (answer["@class"], answer["sessionDuration"], answer["scriptData"]) == (".EndSessionResponse", 90_000, {})
    (received,) = store.latest(10)
    assert received.request.player_id == login["userId"]
    assert (received.request.session.active_ms, received.request.script_data) == (90_000, {"level": 3})
    assert received.request.session.started_at == "2027-01-15T08:00:00.000Z"
    assert received.request.session.ended_at == "2027-01-15T08:01:30.000Z"


def test_the_next_request_starts_another_session(player: Client, store: Store, clock: list[int]) -> None:
    """The player stays logged in after an end; time between the two sessions counts in neither."""
    clock[0] += 10
    assert player.ask("EndSessionRequest")["sessionDuration"] == 10_000
    clock[0] += 1000
    player.ask("LogEventRequest", eventKey="BACK")
    clock[0] += 5
    assert player.ask("EndSessionRequest")["sessionDuration"] == 5_000
    ids = [received.request.session.id for received in store.latest(10)]
    assert len({*ids}) == 2


def test_a_repeat_is_answered_by_the_first_answer(player: Client, store: Store, clock: list[int]) -> None:
    """And changes nothing: neither the session that was, nor the one that has begun meanwhile."""
    clock[0] += 10
    first = player.ask("EndSessionRequest", requestId="d_1")
    player.ask("AccountDetailsRequest")
    clock[0] += 7
    assert player.ask("EndSessionRequest", requestId="d_1") == first
    assert store.totals().sessions == 1
    assert player.ask("EndSessionRequest", requestId="d_2")["sessionDuration"] == 7_000


def test_two_players_with_one_request_id_both_count(dial: Callable[..., Client], store: Store) -> None:
    """As SDKs make them that start in the same second."""
    for device in ("d-1", "d-2"):
        client = dial()
        client.shake()
        client.log_in(device)
        assert "error" not in client.ask("EndSessionRequest", requestId="1800000000_0")
    assert store.totals().sessions == 2


def test_what_a_client_measured_is_believed(player: Client, clock: list[int]) -> None:
    """An end that waited for a week is as long as it says."""
    measured = {"activeMs": 187_000, "wallMs": 310_250, "id": "s-1"}
    clock[0] += 5
    assert player.ask("EndSessionRequest", scriptData={"session": measured})["sessionDuration"] == 187_000


def test_a_connection_is_resumed(store: Store, clock: list[int]) -> None:
    """On another worker too: the same session goes on, and the player is told who they are."""
    first, second = create_app(store, secret=SECRET), create_app(store, secret=SECRET)
    with listening(first) as here, listening(second) as there:
        with Client(here) as client:
            session_id = client.shake()["sessionId"]
            login = client.log_in()
        clock[0] += 60
        known = {"sessionId": session_id, "authToken": login["authToken"]}
        with Client(there) as client:
            again = client.shake(**known)
            assert {**known, "userId": login["userId"]}.items() <= again.items()
            clock[0] += 4
            assert client.ask("EndSessionRequest")["sessionDuration"] == 64_000


@pytest.mark.parametrize("token", ["0", "", None, "guess", 5])
def test_a_wrong_token_is_nobody(dial: Callable[..., Client], player: Client, token: object) -> None:
    """ "0" is an SDK's none. Who says no token of the player's gets neither the player nor the player's session."""
    session_id = dial().shake()["sessionId"]
    client = dial()
    client.shake(sessionId=session_id)
    client.log_in()
    stranger = dial()
    connected = stranger.shake(sessionId=session_id, authToken=token)
    assert connected["sessionId"] != session_id
    assert "userId" not in connected
    assert stranger.ask("EndSessionRequest")["error"] == {"authentication": "NOTAUTHORIZED"}


def test_another_players_login_ends_the_session_before(
    dial: Callable[..., Client], store: Store, clock: list[int]
) -> None:
    """It is kept as the one's who played it."""
    client = dial()
    client.shake()
    one = client.log_in("d-1")["userId"]
    clock[0] += 30
    two = client.log_in("d-2")["userId"]
    clock[0] += 3
    client.ask("EndSessionRequest")
    lengths = {received.request.player_id: received.request.session.active_ms for received in store.latest(10)}
    assert lengths == {one: 30_000, two: 3_000}


def test_names_and_passwords(dial: Callable[..., Client]) -> None:
    """A name is registered once; it logs in with its password and no other, and who is unknown hears the same."""
    client = dial()
    client.shake()
    made = client.ask("RegistrationRequest", userName="ada", password="pa55", displayName="Ada")
    assert (made["displayName"], made["newPlayer"]) == ("Ada", True)
    assert client.ask("RegistrationRequest", userName="ada", password="x")["error"] == {"USERNAME": "TAKEN"}
    other = dial()
    other.shake()
    wrong = other.ask("AuthenticationRequest", userName="ada", password="pa56")
    unknown = other.ask("AuthenticationRequest", userName="bob", password="pa55")
    assert wrong["@class"] == unknown["@class"] == ".AuthenticationResponse"
    assert wrong["error"] == unknown["error"] == {"DETAILS": "UNRECOGNISED"}
    assert other.ask("AccountDetailsRequest")["error"] == {"authentication": "NOTAUTHORIZED"}
    login = other.ask("AuthenticationRequest", userName="ada", password="pa55")
    assert (login["userId"], login["newPlayer"]) == (made["userId"], False)
    details = other.ask("AccountDetailsRequest")
    assert (details["@class"], details["userId"], details["displayName"]) == (
        ".AccountDetailsResponse",
        made["userId"],
        "Ada",
    )


def test_a_device_is_the_same_player_again(dial: Callable[..., Client]) -> None:
    """And another system's device with that id is another."""
    client = dial()
    client.shake()
    first, second = client.log_in(), client.log_in()
    other = client.ask("DeviceAuthenticationRequest", deviceId="d-1", deviceOS="IOS")
    assert (first["newPlayer"], second["newPlayer"], other["newPlayer"]) == (True, False, True)
    assert first["userId"] == second["userId"] != other["userId"]


@pytest.mark.parametrize(
    ("name", "answered", "fields"),
    [
        ("EndSessionRequest", ".EndSessionResponse", {}),
        ("AnalyticsRequest", ".AnalyticsResponse", {"key": "k"}),
        ("LogEventRequest", ".LogEventResponse", {"eventKey": "k"}),
        ("AccountDetailsRequest", ".AccountDetailsResponse", {}),
    ],
)
def test_nobody_is_told_so(dial: Callable[..., Client], store: Store, name: str, answered: str, fields: JSON) -> None:
    """An SDK sends these although its login failed. Nothing is recorded; the answer is of the class it waits for."""
    client = dial()
    client.shake()
    answer = client.ask(name, **fields)
    assert (answer["@class"], answer["error"]) == (answered, {"authentication": "NOTAUTHORIZED"})
    assert store.totals().sessions == 0
    client.log_in()
    assert "error" not in client.ask(name, **fields)


def test_an_unknown_request_is_answered_by_its_own_class(player: Client) -> None:
    """`.Error` would leave an SDK waiting for its time-out."""
    answer = player.ask("BuyVirtualGoodsRequest")
    assert answer["@class"] == ".BuyVirtualGoodsResponse"
    assert "EndSessionRequest" in answer["error"]["@class"]


@pytest.mark.parametrize(
    ("name", "fields", "wrong"),
    [
        ("DeviceAuthenticationRequest", {"deviceOS": "X"}, {"deviceId": "REQUIRED"}),
        ("RegistrationRequest", {"userName": "a" * 256}, {"password": "REQUIRED", "userName": "TOO LONG"}),
        ("AuthenticationRequest", {"userName": 1, "password": None}, {"userName": "REQUIRED", "password": "REQUIRED"}),
        ("LogEventRequest", {}, {"eventKey": "REQUIRED"}),
        ("EndSessionRequest", {"scriptData": []}, {"scriptData": "must be an object"}),
        ("EndSessionRequest", {"requestId": ""}, {"requestId": "must be a string of 1 to 128 characters"}),
    ],
)
def test_what_is_wrong_is_named(player: Client, name: str, fields: JSON, wrong: JSON) -> None:
    """Every field at once."""
    assert player.ask(name, **fields)["error"] == wrong


def test_answers_come_in_order(player: Client) -> None:
    """However many requests are sent before the first is answered."""
    sent = [f"r{number}" for number in range(200)]
    for request_id in sent:
        player.say(**{"@class": ".LogEventRequest", "requestId": request_id, "eventKey": "k"})
    assert [player.hear()["requestId"] for _ in sent] == sent


def test_spaces_and_pings_keep_a_connection(player: Client) -> None:
    """And are not answered; nor do they mind before the handshake."""
    player.socket.send(" ")
    assert player.socket.ping().wait(DEADLINE)
    assert "error" not in player.ask("AccountDetailsRequest")


def test_handshakes_as_sdks_write_them(dial: Callable[..., Client]) -> None:
    """A space before the nonce, unknown fields, JSON over several lines, `\\/` for `/`, no platform."""
    client = dial()
    client.socket.send(" ")
    nonce = client.hear()["nonce"]
    proof = base64.b64encode(hmac.new(SECRET.encode(), nonce.encode(), hashlib.sha256).digest()).decode()
    escaped = proof.replace("/", "\\/")
    client.socket.send(
        f'{{\n "@class": ".AuthenticatedConnectRequest",\n "hmac": "{escaped}",\n "deviceStats": {{"cores": 2}}\n}}'
    )
    assert client.hear()["sessionId"]


@pytest.mark.parametrize("path", [f"/ws/secure/name/{KEY}", f"/ws/device/{KEY}?deviceOS=WEB&deviceID=x&SDK=JS"])
def test_other_addresses_that_sdks_ask_for(dial: Callable[..., Client], path: str) -> None:
    """A secret that is given as NAME:SECRET makes a path of its own; some add a query."""
    assert dial(path).shake()["sessionId"]


def test_a_load_balancer_sends_clients_on(store: Store) -> None:
    """A `connectUrl` without a nonce, and nothing more on that socket; the handshake is at the other address."""
    with listening(create_app(store, secret=SECRET, public_url="http://play.example.com")) as address:
        path = f"/at/ws/device/{KEY}"
        with Client(address) as old, Client(address, f"{path}?deviceOS=added") as new:
            url = f"ws://play.example.com{path}"
            assert old.hear() == {"@class": ".AuthenticatedConnectResponse", "connectUrl": url}
            assert new.shake()["sessionId"]
            assert old.socket.ping().wait(DEADLINE)


def held(client: Client) -> bool:
    """Whether the connection is open, and nothing is said on it any more."""
    client.say(**{"@class": ".AccountDetailsRequest", "requestId": "r"})
    return bool(client.socket.ping().wait(DEADLINE))


def proof(secret: str, nonce: str) -> str:
    return base64.b64encode(hmac.new(secret.encode(), nonce.encode(), hashlib.sha256).digest()).decode()


@pytest.mark.parametrize(
    "said",
    [
        {"hmac": proof("wrong", "nonce")},
        {"hmac": proof(SECRET, "another nonce")},
        {"hmac": ""},
        {"hmac": "no base64!"},
        {"hmac": 7},
        {},
        {"@class": ".EndSessionRequest"},
    ],
)
def test_a_failed_handshake_is_held_open(dial: Callable[..., Client], said: JSON) -> None:
    """An error, and then nothing: an SDK that is closed at once comes again a thousand times."""
    client = dial()
    client.hear()
    client.say(**{"@class": ".AuthenticatedConnectRequest", **said})
    answer = client.hear()
    assert answer["@class"] == ".AuthenticatedConnectResponse"
    assert answer["error"]
    assert held(client)


def test_a_wrong_key_fails_the_handshake(dial: Callable[..., Client]) -> None:
    """Whoever knows the secret."""
    assert dial("/ws/device/OTHER").shake()["error"] == {"hmac": "UNRECOGNISED"}


def test_frames_are_not_compressed(player: Client) -> None:
    """A client may offer to; it would take more memory than the rest of its connection."""
    assert player.socket.protocol.extensions == []


def test_a_held_connection_is_closed_in_the_end(dial: Callable[..., Client], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody keeps it for ever."""
    monkeypatch.setattr(_websocket, "HELD", 0.01)
    client = dial()
    assert client.shake("wrong")["error"]
    with pytest.raises(ConnectionClosed):
        client.socket.recv(timeout=DEADLINE)


def test_a_client_that_says_nothing_fails_the_handshake(
    dial: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spaces are nothing."""
    monkeypatch.setattr(_websocket, "HANDSHAKE_TIMEOUT", 0.01)
    client = dial()
    client.hear()
    assert client.hear()["error"] == {"hmac": "TIMEOUT"}


def test_an_address_has_room_for_so_many(dial: Callable[..., Client], monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections that have not shaken hands; those that have do not count."""
    monkeypatch.setattr(_websocket, "HELD_FOR_ONE", 2)
    for _ in range(3):
        dial().shake()
    waiting = [dial() for _ in range(2)]
    with pytest.raises(InvalidStatus):
        dial()
    waiting[0].shake()
    assert dial().hear()["nonce"]


def test_a_nonce_is_used_once(dial: Callable[..., Client]) -> None:
    """What proved one connection proves no other."""
    first, second = dial(), dial()
    nonce = first.hear()["nonce"]
    assert second.hear()["nonce"] != nonce
    second.say(**{"@class": ".AuthenticatedConnectRequest", "hmac": proof(SECRET, nonce)})
    assert second.hear()["error"] == {"hmac": "UNRECOGNISED"}


@pytest.mark.parametrize("frame", ["nonsense", "[]", '{"a": NaN}', '{"a":' * 5000 + "1" + "}" * 5000])
def test_a_frame_that_is_no_request_is_an_error(player: Client, frame: str) -> None:
    """And the next one is answered as ever."""
    player.socket.send(frame)
    answer = player.hear()
    assert answer["@class"] == ".Error"
    assert isinstance(answer["error"]["frame"], str)
    assert "error" not in player.ask("AccountDetailsRequest")


@pytest.mark.parametrize(("frame", "code"), [(b"binary", 1003), ("x" * (256 * 1024 + 1), 1009)])
def test_frames_that_no_sdk_sends_end_the_connection(player: Client, frame: str | bytes, code: int) -> None:
    """Binary ones, and those over 256 KB."""
    player.socket.send(frame)
    with contextlib.suppress(ConnectionClosed):
        while True:
            player.socket.recv(timeout=DEADLINE)
    assert player.socket.close_code == code


def test_many_at_once(dial: Callable[..., Client], store: Store) -> None:
    """Twenty clients, each with its own player, ten sessions each: all are there, once."""

    def play(number: int) -> None:
        client = dial()
        client.shake()
        client.log_in(f"d-{number}")
        for _ in range(10):
            assert "error" not in client.ask("EndSessionRequest")

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(play, range(20)))
    assert (store.totals().sessions, store.totals().players) == (200, 20)


def seen_at(store: Store) -> float:
    """When the one client was there last, in seconds."""
    with store.reading() as connection:
        return float(connection.execute(select(clients.c.seen_at)).scalar_one()) / 1e6


def test_a_session_ends_by_itself(address: str, store: Store, clock: list[int]) -> None:
    """Some time after its connection was lost, and at that moment; once, whoever looks. Not while it is connected, nor
    when it has come back."""
    dispatcher = Dispatcher(store)
    with Client(address) as client:
        session_id = client.shake()["sessionId"]
        login = client.log_in()
        clock[0] += 40
    eventually(lambda: seen_at(store) == clock[0])
    clock[0] += 299
    assert dispatcher.end_left(300, []) == 0
    with Client(address) as client:
        client.shake(sessionId=session_id, authToken=login["authToken"])
        clock[0] += 1
        assert dispatcher.end_left(300, []) == 0
        clock[0] += 20
    eventually(lambda: seen_at(store) == clock[0])
    clock[0] += 301
    assert (dispatcher.end_left(300, []), dispatcher.end_left(300, [])) == (1, 0)
    (received,) = store.latest(10)
    session = received.request.session
    assert (received.request.player_id, session.reason, session.active_ms) == (login["userId"], "disconnect", 360_000)
    with Client(address) as client:
        client.shake(sessionId=session_id, authToken=login["authToken"])
        clock[0] += 5
        assert client.ask("EndSessionRequest")["sessionDuration"] == 5_000


def test_those_who_go_at_the_same_time_are_noted_together(
    dial: Callable[..., Client], address: str, store: Store, clock: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many they are, the database is asked for a commit, and no more are under way than one."""
    commits, all_have_gone = [], threading.Event()
    seen = Dispatcher.seen

    def slow(self: Dispatcher, ids: list[str]) -> None:
        commits.append(len(ids))
        assert all_have_gone.wait(DEADLINE)
        seen(self, ids)

    def connected() -> float:
        text = httpx.get(f"{address}/metrics", trust_env=False, timeout=DEADLINE).text
        return float(text.partition("\ngs_pygame_sockets ")[2].partition("\n")[0])

    everybody = [dial() for _ in range(20)]
    for client in everybody:
        client.shake()
    clock[0] += 60
    monkeypatch.setattr(Dispatcher, "seen", slow)
    for client in everybody:
        client.socket.close()
    eventually(lambda: connected() == 0)
    all_have_gone.set()

    def moments() -> set[int]:
        with store.reading() as connection:
            return {row.seen_at // 1_000_000 for row in connection.execute(select(clients))}

    eventually(lambda: moments() == {clock[0]})
    assert len(commits) <= 2
    assert sum(commits) == len(everybody)


def test_the_server_looks_for_them(store: Store, clock: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """By itself; who is connected is there, however long."""
    monkeypatch.setattr(_websocket, "LOOK", 0.01)
    with listening(create_app(store, secret=SECRET, end_after=300.0)) as address:
        with Client(address) as client:
            client.shake()
            client.log_in()
            for seconds in (1, 1000):  # first until it has seen the connection at all
                clock[0] += seconds
                eventually(lambda: seen_at(store) == clock[0])
            assert store.totals().sessions == 0

        def has_ended() -> bool:
            clock[0] += 1000  # the server may just be hearing that it has gone
            return store.totals().sessions == 1

        eventually(has_ended)


def test_rest_knows_the_same_requests(address: str, store: Store, clock: list[int]) -> None:
    """Login, an event and an end by the token; and an end by a player's id alone, as a plugin sends it."""
    with httpx.Client(base_url=address, timeout=DEADLINE, trust_env=False) as client:

        def ask(name: str, **fields: Any) -> JSON:
            body = {"@class": f".{name}", "requestId": "r1", **fields}
            return dict(client.post(f"/rs/device/{SECRET}/{name}", json=body).json())

        login = ask("DeviceAuthenticationRequest", deviceId="d-1", deviceOS="LINUX")
        token = login["authToken"]
        clock[0] += 20
        assert ask("LogEventRequest", eventKey="k", authToken=token)["@class"] == ".LogEventResponse"
        clock[0] += 20
        assert ask("EndSessionRequest", authToken=token)["sessionDuration"] == 40_000
        assert ask("EndSessionRequest", authToken="guess")["error"] == {"authentication": "NOTAUTHORIZED"}
        assert ask("AccountDetailsRequest")["error"] == {"authentication": "NOTAUTHORIZED"}
        assert ask("AccountDetailsRequest", playerId=login["userId"])["userId"] == login["userId"]
        assert client.post(PATH.replace("topsecret", SECRET), json=end("d_2")).json()["sessionDuration"] == 187_000
    assert {received.request.player_id for received in store.latest(10)} == {login["userId"], "ada"}


def test_who_has_too_much_asked_of_it_stops_reading(
    store: Store, monkeypatch: pytest.MonkeyPatch, clock: list[int]
) -> None:
    """An SDK drops what is answered by an error, so a frame waits where a request over HTTP is refused; then it is
    answered, and so are all that came behind it, in order."""
    monkeypatch.setattr(_limits, "LEAST", 1)
    monkeypatch.setattr(_limits, "SOON", 0.001)
    busy, go_on = threading.Event(), threading.Event()
    record_all = Store.record_all

    def slow(self: Store, pairs: Any) -> Any:
        busy.set()
        assert go_on.wait(DEADLINE)
        return record_all(self, pairs)

    monkeypatch.setattr(Store, "record_all", slow)
    app = create_app(store)
    with listening(app) as address, Client(address) as client, ThreadPoolExecutor(1) as other:
        client.shake()
        client.log_in()
        first = other.submit(httpx.post, address + PATH, json=end(), timeout=DEADLINE, trust_env=False)
        assert busy.wait(DEADLINE)
        for number in range(3):
            client.say(**{"@class": ".AccountDetailsRequest", "requestId": f"r{number}"})
        eventually(lambda: len(app.state.health._socket.pace._waiting) == 1)
        assert httpx.post(address + PATH, json=end("d_2"), timeout=DEADLINE, trust_env=False).status_code == 503
        go_on.set()
        assert first.result(DEADLINE).status_code == 200
        answers = [client.hear() for _ in range(3)]
    assert [answer["requestId"] for answer in answers] == ["r0", "r1", "r2"]
    assert not any("error" in answer for answer in answers)
