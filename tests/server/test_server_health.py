"""What machines see of the server: whether it can answer, its metrics, its access log."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from server_kit import DEADLINE, PATH, end, eventually, listening
from websockets.sync.client import connect

from gs_pygame.server import Store, create_app
from gs_pygame.server import _health as health
from gs_pygame.server._admission import Rules, digest_of
from gs_pygame.server._cloud_code import CloudCode

Count = Callable[..., float]


@pytest.fixture
def database(tmp_path: Path) -> str:
    """One kind is enough, but where a test asks for the other."""
    return f"sqlite:///{tmp_path / 'sessions.sqlite3'}"


def counts(client: httpx.Client) -> dict[tuple[str, tuple[str, ...]], float]:
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


@pytest.fixture
def count(client: httpx.Client) -> Count:
    """By how much a metric has risen since the test began; the labels in the order of their names."""
    before = counts(client)
    return lambda name, *labels: counts(client).get((name, labels), 0) - before.get((name, labels), 0)


def test_it_lives_and_is_ready(client: httpx.Client) -> None:
    """Each in a word, whoever asks and by whatever name; no token is needed."""
    assert (client.get("/healthz").text, client.get("/readyz").text) == ("alive\n", "ready\n")


def test_probes_need_no_token_and_no_name(store: Store) -> None:
    """A balancer asks by an address; the metrics are for who has the token."""
    rules = Rules(hosts=frozenset({"sessions.example.com"}), admin=digest_of("token"))
    with listening(create_app(store, rules=rules)) as address:
        assert httpx.get(address + "/healthz", trust_env=False, timeout=DEADLINE).status_code == 200
        assert httpx.get(address + "/readyz", trust_env=False, timeout=DEADLINE).status_code == 200
        assert httpx.get(address + "/metrics", trust_env=False, timeout=DEADLINE).status_code == 421
        headers = {"Host": "sessions.example.com"}
        assert httpx.get(address + "/metrics", headers=headers, trust_env=False, timeout=DEADLINE).status_code == 401
        headers["Authorization"] = "Bearer token"
        assert (
            "gs_pygame_shed_total"
            in httpx.get(address + "/metrics", headers=headers, trust_env=False, timeout=DEADLINE).text
        )


def test_a_database_that_is_gone(client: httpx.Client, store: Store) -> None:
    """It lives, but games should go elsewhere."""
    store.transaction = store.reading = gone  # type: ignore[method-assign, assignment]
    answer = client.get("/readyz")
    assert (answer.status_code, answer.text) == (503, "The database does not answer.\n")
    assert client.get("/healthz").status_code == 200


@contextmanager
def gone() -> Iterator[None]:
    from sqlalchemy.exc import OperationalError

    raise OperationalError("SELECT", {}, Exception("gone"))
    yield


def test_a_database_that_hangs(client: httpx.Client, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks is not kept waiting, however often; what else the server does goes on."""
    go_on = threading.Event()
    monkeypatch.setattr(health, "PATIENCE", 0.05)
    monkeypatch.setattr(health.Health, "_read", lambda self: go_on.wait(DEADLINE) and None)
    assert {client.get("/readyz").status_code for _ in range(60)} == {503}
    assert client.post(PATH, json=end()).status_code == 200
    go_on.set()
    eventually(lambda: client.get("/readyz").status_code == 200)


def test_who_is_being_stopped_says_so(store: Store) -> None:
    """A balancer sends nobody there any more."""
    app = create_app(store)
    with listening(app) as address:
        app.state.health.drain()
        answer = httpx.get(address + "/readyz", trust_env=False, timeout=DEADLINE)
    assert (answer.status_code, answer.text) == (503, "The server is being stopped.\n")


def test_ends_are_counted(client: httpx.Client, count: Count) -> None:
    """Those that were kept, and those that were known; by request and by route, whatever the way in."""
    for name in ("d_1", "d_1", "d_2"):
        client.post(PATH, json=end(name))
    assert (count("gs_pygame_ends_total", "recorded"), count("gs_pygame_ends_total", "repeated")) == (2, 1)
    assert count("gs_pygame_batch_ends_sum") == 3
    assert count("gs_pygame_requests_total", "ok", "EndSessionRequest") == 3
    route = "/rs/{credential}/{secret:path}/{request_type}"
    assert count("gs_pygame_http_seconds_count", "POST", route, "200") == 3


def test_sockets_and_their_requests_are_counted(client: httpx.Client, count: Count) -> None:
    """Open ones that have shaken hands, and those that have not; a name that is nobody's is one of the others."""
    url = f"ws{str(client.base_url)[4:]}/ws/device/K"
    with connect(url) as held, connect(url) as player:
        held.recv(timeout=DEADLINE)
        for body in (
            {"@class": ".AuthenticatedConnectRequest", "hmac": ""},
            {"@class": ".DeviceAuthenticationRequest", "requestId": "1", "deviceId": "d", "deviceOS": "o"},
            {"@class": ".EndSessionRequest", "requestId": "2"},
            {"@class": ".EndSessionRequest", "requestId": "2"},
            {"@class": ".Made up\n", "requestId": "3"},
        ):
            player.recv(timeout=DEADLINE)
            player.send(json.dumps(body))
        player.recv(timeout=DEADLINE)
        assert (count("gs_pygame_sockets"), count("gs_pygame_held_handshakes")) == (1, 1)
        assert count("gs_pygame_requests_total", "ok", "EndSessionRequest") == 2
        assert count("gs_pygame_requests_total", "error", "other") == 1
        assert (count("gs_pygame_ends_total", "recorded"), count("gs_pygame_ends_total", "repeated")) == (1, 1)
    eventually(lambda: count("gs_pygame_sockets") == 0)
    eventually(lambda: count("gs_pygame_held_handshakes") == 0)


def test_scripts_are_counted(store: Store, tmp_path: Path) -> None:
    """Those that fail apart."""
    (tmp_path / "EndSessionRequest.js").write_text("if (Spark.getData().requestId === 'd_2') throw 'no'")
    cloud_code = CloudCode(tmp_path)
    with (
        listening(create_app(store, cloud_code=cloud_code)) as address,
        httpx.Client(base_url=address, timeout=DEADLINE, trust_env=False) as client,
    ):
        before = counts(client)
        for name in ("d_1", "d_2"):
            client.post(PATH, json=end(name))
        after = counts(client)
    cloud_code.close()
    for outcome in ("ok", "error"):
        key = ("gs_pygame_cloud_code_total", (outcome, "EndSessionRequest"))
        assert after[key] - before.get(key, 0) == 1


def test_what_a_client_invents_makes_no_metric(client: httpx.Client) -> None:
    """Neither methods nor paths nor names of requests: memory is bounded, and secrets are in none."""
    client.get("/metrics")
    before = len(counts(client))
    for number in range(50):
        client.request(f"METHOD{number}", f"/hush{number}")
        client.post(f"/rs/device/hush/Hush{number}", json={})
    found = counts(client)
    assert len(found) < before + 60, "a histogram or two"
    assert "hush" not in str(found).lower()
    assert "METHOD" not in str(found)


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[dict[str, Any]]]:
    caplog.set_level(logging.INFO, "gs_pygame.server.access")
    return lambda: [json.loads(record.getMessage()) for record in caplog.records if "access" in record.name]


def test_the_access_log(client: httpx.Client, lines: Callable[[], list[dict[str, Any]]]) -> None:
    """A line of JSON for each request, with what it is like instead of what it was: no path, no secret."""
    client.post(PATH.replace("topsecret", "hush"), json=end())
    client.get("/hush?hush=hush")
    with connect(f"ws{str(client.base_url)[4:]}/ws/device/hush") as socket:
        socket.recv(timeout=DEADLINE)
    eventually(lambda: len(lines()) == 3)
    call, other, socket_line = lines()
    assert set(call) == {"time", "method", "route", "status", "ms", "bytes", "address"}
    assert (call["method"], call["status"], call["address"]) == ("POST", 200, "127.0.0.1")
    assert call["route"] == "/rs/{credential}/{secret:path}/{request_type}"
    assert call["bytes"] > 50
    assert call["ms"] > 0
    assert (other["route"], other["status"]) == ("none", 404)
    assert (socket_line["method"], socket_line["status"]) == ("WEBSOCKET", 101)
    assert "hush" not in str(lines())
