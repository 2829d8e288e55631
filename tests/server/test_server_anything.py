"""Any request at all, to every route: an answer that is no 500, in which what was sent is no markup."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from server_kit import DEADLINE, end, listening, numbered, record
from torture.counts import FUZZ, SEED

from gs_pygame.server import create_app, open_store

NAMES = ["after", "before", "days", "format", "from", "game", "id", "limit", "order", "platform", "player", "reason"]
NAMES += ["to", "version"]
VALUES = [
    "",
    "0",
    "-1",
    "30",
    "9" * 30,
    "2026-02-31",
    "2026-11-01",
    "0001-01-01",
    "9999-12-31T23:59:59Z",
    "newest",
    "csv",
]
MARK = "<script>alert(1)</script>"

texts = st.text(max_size=20) | st.sampled_from([*VALUES, MARK, "'; DROP TABLE sessions; --", "\0", "%", "ada", "i-1"])
queries = st.lists(st.tuples(st.sampled_from(NAMES) | texts, texts), max_size=4)
ids = texts.filter(lambda text: text not in ("", ".", ".."))
requests = st.sampled_from(
    ["DeviceAuthenticationRequest", "EndSessionRequest", "LogEventRequest", "AnalyticsRequest", "X"]
)
paths = st.one_of(
    st.sampled_from(["/", "/player", "/live.js", "/sessions", "/gaps", "/healthz", "/readyz", "/metrics", "/login"]),
    st.sampled_from(["/faults", "/ws/device/KEY", "/at/ws/device/KEY", "/nothing", "//", "/rs"]),
    ids.map(lambda id: f"/players/{httpx.QueryParams({'': id})!s}".replace("/=", "/")),
    requests.map(lambda name: f"/rs/device/s/{name}"),
    requests.map(lambda name: f"/KEY/rs/device/s/{name}"),
)
headers = st.dictionaries(
    st.sampled_from(
        ["Content-Type", "Origin", "Accept", "Authorization", "Cookie", "If-None-Match", "Range", "Upgrade"]
    ),
    st.sampled_from(
        ["application/json", "text/html", "null", "http://evil.example", "Bearer x", "bytes=0-1", "websocket"]
    )
    | st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30),
    max_size=3,
)
bodies = st.one_of(
    st.binary(max_size=100),
    st.just(b""),
    st.fixed_dictionaries(
        {"@class": requests.map(lambda name: f".{name}"), "requestId": texts},
        optional={
            name: texts | st.integers()
            for name in ("playerId", "deviceId", "deviceOS", "userName", "eventKey", "authToken")
        },
    ).map(lambda body: httpx.Request("POST", "http://x", json=body).content),
)


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with (
        closing(open_store("sqlite://")) as store,
        listening(create_app(store)) as address,
        httpx.Client(base_url=address, timeout=DEADLINE, trust_env=False) as connected,
    ):
        record(store, end(), numbered(3, player=MARK), numbered(2, player="i-1"))
        yield connected


@seed(SEED)
@settings(max_examples=FUZZ, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    method=st.sampled_from(["GET", "GET", "POST", "DELETE", "HEAD", "PUT", "OPTIONS", "BREW"]),
    path=paths,
    query=queries,
    headers=headers,
    body=bodies,
)
def test_anything_has_an_answer(
    client: httpx.Client, method: str, path: str, query: list[tuple[str, str]], headers: dict[str, str], body: bytes
) -> None:
    answer = client.request(method, path, params=query, headers=headers, content=body)
    assert answer.status_code < 500
    assert MARK not in answer.text or "html" not in answer.headers["content-type"]
