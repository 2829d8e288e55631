"""The server over real sockets: who is let in, what is answered, what is listed, and that nothing makes it stumble."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from server_kit import DEADLINE, JSON_BODY, PATH, counters, end, listening

from gs_pygame.server import Store, create_app, open_store
from gs_pygame.server._http import Protocol


def requests_listed(client: httpx.Client, **query: object) -> list[str]:
    answer = client.get("/sessions", params={name: str(value) for name, value in query.items()})
    assert answer.status_code == 200
    return [item["requestId"] for item in answer.json()]


def test_no_answer_waits_for_nagle(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second piece of an answer goes out at once, also where an accepted socket does not name its protocol, and
    asyncio leaves it as it is (Windows)."""
    accepted: list[int] = []
    made = Protocol.connection_made

    def connection_made(self: Protocol, transport: asyncio.Transport) -> None:
        made(self, transport)
        accepted.append(transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    monkeypatch.setattr(Protocol, "connection_made", connection_made)
    client.get("/healthz")
    assert accepted == [1]


def test_an_end_is_answered_and_listed(client: httpx.Client) -> None:
    """The answer is GameSparks' envelope with the active time; GET /sessions shows the session."""
    answer = client.post(PATH, json=end())
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "@class": ".EndSessionResponse",
        "requestId": "d_1",
        "sessionDuration": 187_000,
        "scriptData": {},
    }
    (item,) = client.get("/sessions").json()
    received = item.pop("receivedAt")
    assert item == {
        "id": "s-d_1",
        "previousId": "s-0",
        "number": 7,
        "installationId": "i-1",
        "playerId": "ada",
        "startedAt": "2026-10-30T14:00:00.000Z",
        "endedAt": "2026-10-30T14:05:10.250Z",
        "activeMs": 187_000,
        "wallMs": 310_250,
        "reason": "background",
        "requestId": "d_1",
        "scriptData": {"level": 3},
        "game": "Starfall",
        "app": "Starfall",
        "appVersion": "1.2",
        "platform": "Linux",
        "python": "3.11.7",
        "pygame": "2.6.1",
        "sdk": "gs_pygame 0.1.0",
        "counters": None,
        "exception": None,
        "frame": None,
    }
    assert datetime.strptime(received, "%Y-%m-%dT%H:%M:%S.%fZ")
    assert len(received) == len("2026-10-30T14:05:10.250000Z")


def test_duplicates_at_once_get_one_answer(client: httpx.Client) -> None:
    """Twelve clients send the same requestId with different contents at once: one is stored, all hear its answer."""
    barrier = threading.Barrier(12)

    def send(number: int) -> httpx.Response:
        barrier.wait(timeout=DEADLINE)
        return client.post(PATH, json=end(scriptData={"session": {"activeMs": number}}))

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(send, range(12)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    (item,) = client.get("/sessions").json()
    assert item["activeMs"] == answers[0].json()["sessionDuration"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/rs/device/s3cret%2F%C3%BC/EndSessionRequest", 200),
        ("/KEY/rs/device/s3cret%2F%C3%BC/EndSessionRequest", 200),
        ("/KEY/rs/server/s3cret%2F%C3%BC/EndSessionRequest", 200),
        ("/OTHER/rs/device/s3cret%2F%C3%BC/EndSessionRequest", 403),
        ("/KEY/rs/device/guess/EndSessionRequest", 403),
        ("/rs/device/guess/EndSessionRequest", 403),
        ("/rs/device//EndSessionRequest", 403),
        ("/rs/device/guess/LogEventRequest", 403),
        ("/rs/device/s3cret%2F%C3%BC/BuyVirtualGoodsRequest", 404),
        ("/rs/device/s3cret%2F%C3%BC/EndSessionRequest/", 404),
        ("/EndSessionRequest", 404),
    ],
)
def test_the_path_decides_who_is_let_in(store: Store, path: str, status: int) -> None:
    """Secret and key are checked before anything else is told; a refusal is a sentence that repeats neither."""
    app = create_app(store, api_key="KEY", secret="s3cret/ü")
    with listening(app) as address, httpx.Client(base_url=address, trust_env=False) as client:
        answer = client.post(path, json=end())
    assert answer.status_code == status
    assert "@class" not in answer.json() or status == 200
    assert "location" not in answer.headers, "a redirect would repeat the secret"
    assert store.totals().sessions == (status == 200)
    assert not any(word in answer.text for word in ("guess", "s3cret", "OTHER", "KEY"))


def test_without_a_secret_every_secret_is_accepted(client: httpx.Client) -> None:
    """A server that was told no secret and no key is open, with a key in the path or without."""
    for number, path in enumerate([PATH, "/ANY" + PATH]):
        assert client.post(path, json=end(f"r{number}")).status_code == 200


def test_a_body_over_the_limit_is_refused_while_it_comes(client: httpx.Client) -> None:
    """256 KB pass. One byte more is 413, with a Content-Length or without one."""
    filler = {"scriptData": {"filler": ""}}
    room = 256 * 1024 - len(json.dumps(end("r", **filler)))
    largest = json.dumps(end("r", scriptData={"filler": "x" * room})).encode()
    assert len(largest) == 256 * 1024
    assert client.post(PATH, content=largest, headers=JSON_BODY).status_code == 200
    assert client.post(PATH, content=largest + b" ", headers=JSON_BODY).status_code == 413

    def chunks() -> Iterator[bytes]:
        for start in range(0, len(largest), 16_384):
            yield largest[start : start + 16_384]
        yield b" "

    answer = client.post(PATH, content=chunks(), headers=JSON_BODY)
    assert answer.status_code == 413
    assert "256 KB" in answer.json()["error"]


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[]", b'{"requestId": NaN}', b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_object_is_a_bad_request(client: httpx.Client, body: bytes) -> None:
    """400 with a sentence, and nothing that looks like an answer of the game server."""
    answer = client.post(PATH, content=body, headers=JSON_BODY)
    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]
    assert isinstance(answer.json()["error"], str)


@pytest.mark.parametrize("changes", [{"requestId": None}, {"@class": ".X"}, {"scriptData": [1]}])
def test_application_errors_are_answers(client: httpx.Client, changes: dict[str, object]) -> None:
    """HTTP 200 with an `error` object in the envelope, echoing the requestId; nothing is stored."""
    answer = client.post(PATH, json={**end(), **changes})
    assert answer.status_code == 200
    said = answer.json()
    assert said["@class"] == ".EndSessionResponse"
    assert list(said["error"]) == list(changes)
    assert said.get("requestId") == {**end(), **changes}["requestId"]
    assert requests_listed(client) == []


@pytest.mark.parametrize("name", ["EndSessionRequest", "LogEventRequest", "AccountDetailsRequest"])
def test_ids_are_keys_of_the_database_and_not_endless(client: httpx.Client, name: str) -> None:
    """A player's longest id is taken; a longer one is an error, and no fault of the database's."""
    for length, is_taken in ((255, True), (256, False), (20_000, False)):
        body = end(f"r{length}", playerId="\U0001f600" * length, eventKey="e") | {"@class": f".{name}"}
        answer = client.post(PATH.replace("EndSessionRequest", name), json=body)
        assert answer.status_code == 200
        assert ("error" not in answer.json()) == is_taken
        assert is_taken or list(answer.json()["error"]) == ["playerId"]


def test_a_session_whose_ids_are_too_long_to_be_keys_is_kept_without_them(client: httpx.Client) -> None:
    long = "\U0001f600" * 256
    client.post(
        PATH, json=end(scriptData={"session": {"id": long, "installationId": long, "number": 1, "reason": "quit"}})
    )
    (item,) = client.get("/sessions").json()
    assert (item["id"], item["installationId"], item["number"], item["reason"]) == (None, None, 1, "quit")


def test_a_game_that_dies_while_sending_stores_nothing(client: httpx.Client, store: Store) -> None:
    """Half a body is no request; the server goes on."""
    host, port = client.base_url.host, client.base_url.port
    assert port is not None
    with socket.create_connection((host, port)) as game:
        game.sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{{".encode())
    assert client.post(PATH, json=end("next")).status_code == 200
    assert requests_listed(client) == ["next"]


def test_sessions_are_paged_oldest_first(client: httpx.Client) -> None:
    """`after` is exclusive and takes a receivedAt as it was given; the default limit is 100."""
    names = [f"r{number:03}" for number in range(105)]
    for name in names:
        client.post(PATH, json=end(name))
    assert requests_listed(client) == names[:100]
    assert requests_listed(client, limit=1000) == names
    seen: list[str] = []
    after: dict[str, str] = {}
    while page := client.get("/sessions", params={"limit": "10", **after}).json():
        seen += [item["requestId"] for item in page]
        after = {"after": page[-1]["receivedAt"]}
    assert seen == names


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=1001", "limit=-1", "limit=ten", "limit=", "limit=1.5", "limit=%D9%A3", "after=", "after=5"],
)
def test_bad_queries_get_a_sentence(client: httpx.Client, query: str) -> None:
    """400, naming the parameter and what it may be."""
    answer = client.get(f"/sessions?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(query.split("=")[0])


@pytest.fixture(scope="module")
def sturdy() -> Iterator[httpx.Client]:
    """One server for all examples of the test below."""
    store = open_store("sqlite://")
    with (
        listening(create_app(store)) as address,
        httpx.Client(base_url=address, timeout=DEADLINE, trust_env=False) as client,
    ):
        yield client
    store.close()


any_text = st.text(st.characters(exclude_categories=()))  # half surrogate pairs and NUL too
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=12,
)
names_measured = sorted(end()["scriptData"]["session"])
nearly_counters = st.dictionaries(
    st.sampled_from(sorted(counters(1, 1, 1))), st.integers(-1, 2**53 + 1) | any_json, min_size=3
)
nearly_valid = st.fixed_dictionaries(
    {"@class": st.just(".EndSessionRequest"), "requestId": any_text.filter(bool) | any_json},
    optional={
        "playerId": any_json,
        "scriptData": any_json
        | st.fixed_dictionaries(
            {
                "session": st.dictionaries(st.sampled_from(names_measured), any_json)
                | st.fixed_dictionaries(
                    {"installationId": any_text, "number": st.integers(0, 9), "counters": nearly_counters}
                )
            },
            optional={"more": any_json},
        ),
    },
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(body=(any_json | nearly_valid).map(lambda value: json.dumps(value).encode()) | st.binary(max_size=200))
def test_no_body_makes_the_server_stumble(sturdy: httpx.Client, body: bytes) -> None:
    """Any bytes, any JSON: 200 or 400, never 500; and what was stored of it can be listed and shown."""
    answer = sturdy.post(PATH, content=body, headers=JSON_BODY)
    assert answer.status_code in (200, 400)
    assert isinstance(answer.json(), dict)
    assert sturdy.get("/sessions?limit=1000").status_code == 200
    assert sturdy.get("/gaps").status_code == 200
    assert sturdy.get("/").status_code == 200
