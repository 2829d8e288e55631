"""Faults that an author switches on: a real plugin meets each, keeps its end, and delivers it once when it is off."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import pytest
from server_kit import DEADLINE, PATH, ServerProcess, end, eventually, listening
from sqlite_server_fixtures import address as address
from sqlite_server_fixtures import store as store
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import connect

from gs_pygame import SessionPlugin, Settings
from gs_pygame.server import Store, _faults, _store, create_app, open_store
from gs_pygame.server._admission import Rules, digest_of
from gs_pygame.server._faults import FAULTS, Faults

WORDS = {
    "offline": "broke off",
    "500": "HTTP 500",
    "429": "HTTP 429",
    "portal": "portal's page",
    "reset": "broke off",
}
"""What the plugin says of each."""


def switch(address: str, name: str, **headers: str) -> httpx.Response:
    return httpx.post(f"{address}/faults?switch={name}", headers=headers, timeout=DEADLINE, trust_env=False)


def get(address: str, path: str) -> httpx.Response:
    return httpx.get(address + path, timeout=DEADLINE, trust_env=False)


@pytest.mark.parametrize("name", WORDS)
def test_an_end_is_kept_and_delivered_once(
    address: str, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(_faults, "LATER", 1)
    settings = Settings(data_dir=tmp_path / "data", endpoint=address, exit_delivery="next-start")
    assert switch(address, name).status_code == 303
    with closing(SessionPlugin(settings, focused=lambda: True)) as plugin:
        plugin.start_session()
        plugin.end_session()
        eventually(lambda: plugin.status().last_error is not None)
        assert (plugin.status().ready, plugin.status().rejected) == (1, 0)
        assert WORDS[name] in str(plugin.status().last_error)
        assert store.totals().sessions == (1 if name == "reset" else 0)
        switch(address, "off")
        assert plugin.flush(DEADLINE)
        assert plugin.status().delivered == 1
    assert store.totals().sessions == 1


def test_slow_is_slow(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And right."""
    waited: list[float] = []

    async def pause(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(_faults, "pause", pause)
    switch(address, "slow")
    assert httpx.post(address + PATH, json=end(), timeout=DEADLINE, trust_env=False).status_code == 200
    with connect(f"ws{address[4:]}/ws/device/K") as socket:
        assert "nonce" in str(socket.recv(DEADLINE))
        socket.send("{}")
        assert "error" in str(socket.recv(DEADLINE))
    assert waited == [_faults.SLOW] * 3


@pytest.mark.parametrize("name", WORDS)
def test_sockets_meet_it_too(address: str, name: str) -> None:
    """One that is open breaks at its next frame, no other opens; afterwards all is well."""
    url = f"ws{address[4:]}/ws/device/K"
    with connect(url) as before:
        before.recv(DEADLINE)
        switch(address, name)
        before.send("{}")
        with pytest.raises(ConnectionClosed):
            before.recv(DEADLINE)
    with pytest.raises((InvalidHandshake, OSError, EOFError)):
        connect(url, open_timeout=DEADLINE).__enter__()
    switch(address, "off")
    with connect(url) as after:
        assert "nonce" in str(after.recv(DEADLINE))


@pytest.mark.parametrize("name", FAULTS)
def test_people_and_machines_are_spared(address: str, name: str) -> None:
    """And each page says what is on."""
    assert switch(address, name).status_code == 303
    for path in ("/healthz", "/readyz", "/metrics", "/sessions", "/gaps", "/live.js"):
        assert get(address, path).status_code == 200
    for path in ("/", "/player?id=ada", "/faults"):
        assert f"Fault: {name}." in get(address, path).text
    switch(address, "off")
    assert "Fault: " not in get(address, "/").text


def test_a_fault_is_off_by_itself(address: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    switch(address, "500")
    assert httpx.post(address + PATH, json=end(), timeout=DEADLINE, trust_env=False).status_code == 500
    now = store.now()
    monkeypatch.setattr(_store, "_now", lambda: now + round(_faults.LASTS * 1e6))
    assert httpx.post(address + PATH, json=end(), timeout=DEADLINE, trust_env=False).status_code == 200
    assert "Fault: " not in get(address, "/").text


def test_who_may_switch(store: Store) -> None:
    """The admin, and no page of another site's."""
    rules = Rules(admin=digest_of("token"))
    with listening(create_app(store, rules=rules)) as address:
        admin = {"Authorization": "Bearer token"}
        assert switch(address, "500").status_code == 401
        assert switch(address, "500", **admin, Origin="http://evil.example").status_code == 403
        assert switch(address, "500", **admin, Origin="null").status_code == 403
        assert "Fault: " not in httpx.get(address, headers=admin, timeout=DEADLINE, trust_env=False).text
        assert switch(address, "500", **admin, Origin=address).status_code == 303
        assert "Fault: 500." in httpx.get(address, headers=admin, timeout=DEADLINE, trust_env=False).text


def test_there_is_no_other_fault(address: str) -> None:
    assert switch(address, "fire").status_code == 400
    assert switch(address, "").status_code == 400


def test_every_worker_obeys(database: str) -> None:
    """Two servers on one database: what one has switched, the other does."""
    with ExitStack() as stack:
        stores = [stack.enter_context(closing(open_store(database))) for _ in range(2)]
        one, other = (stack.enter_context(listening(create_app(store))) for store in stores)

        def status() -> int:
            return httpx.post(other + PATH, json=end(), timeout=DEADLINE, trust_env=False).status_code

        for name, code in (("500", 500), ("429", 429), ("off", 200)):
            switch(one, name)
            eventually(lambda code=code: status() == code)  # type: ignore[misc]


def test_a_start_switches_it_off(start: Callable[..., ServerProcess], tmp_path: Path) -> None:
    with closing(open_store(f"sqlite:///{tmp_path / 'sessions.sqlite3'}")) as store:
        Faults(store).switch("500")
    process = start("--port", "0", "--database", f"sqlite:///{tmp_path / 'sessions.sqlite3'}")
    answer = httpx.post(process.address + PATH, json=end(), timeout=DEADLINE, trust_env=False)
    assert answer.status_code == 200
