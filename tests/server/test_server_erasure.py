"""What is kept of a player can be seen and erased; what is too old goes by itself; neither looks like a loss."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest
from server_kit import DEADLINE, PATH, counters, end, ends, eventually, listening, numbered, record
from sqlalchemy import func, select

from gs_pygame import SessionPlugin, Settings
from gs_pygame.server import Store, _erasure, create_app
from gs_pygame.server._dispatch import Dispatcher
from gs_pygame.server._gaps import GapTotals
from gs_pygame.server._requests import Caller
from gs_pygame.server._rollups import roll_up
from gs_pygame.server._tables import accounts, metadata

NONE = {"sessions": 0, "events": 0, "tokens": 0, "clients": 0, "players": 0}
NO_GAPS = GapTotals(installations=0, lost=0, unaccounted=0, repeated=0)


def rows(store: Store) -> dict[str, int]:
    """Of each table, but those that hold nobody's data."""
    with store.reading() as connection:
        counts = {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }
    return {name: count for name, count in counts.items() if name not in ("clock", "admins", "rollup", "days")}


def log_in(store: Store, device: str) -> Caller:
    caller = Caller()
    body = {"@class": ".DeviceAuthenticationRequest", "requestId": "1", "deviceId": device, "deviceOS": "LINUX"}
    assert "error" not in Dispatcher(store).answer(body, caller)
    return caller


def plays(store: Store, player: Caller) -> None:
    """Something in every table that can have something of a player's."""
    dispatcher = Dispatcher(store)
    event = {"@class": ".LogEventRequest", "requestId": "2", "eventKey": "LEVEL"}
    assert "error" not in dispatcher.answer(event, Caller(player_id=player.player_id))
    record(store, end("3", playerId=player.player_id, scriptData=measured(player)))


def measured(player: Caller) -> dict[str, Any]:
    return {"session": {"number": 1, "installationId": player.player_id, "counters": counters(1, 1, 0), "activeMs": 5}}


def test_nothing_is_left_of_an_erased_player(client: httpx.Client, store: Store) -> None:
    """In no table; of others everything is. A repeat erases nothing more, and is no error."""
    ada, bob = log_in(store, "ada's"), log_in(store, "bob's")
    plays(store, bob)
    roll_up(store)
    bobs = rows(store)
    plays(store, ada)
    roll_up(store)
    kept = client.get(f"/players/{ada.player_id}").json()
    assert (kept["sessions"], kept["events"], kept["activeMs"]) == (1, 1, 5)
    assert kept["createdAt"] is not None
    assert client.delete(f"/players/{ada.player_id}").json() == {
        "sessions": 1,
        "events": 1,
        "tokens": 1,
        "clients": 1,
        "players": 1,
    }
    assert rows(store) == {**bobs, "players": 1, "tokens": 1, "clients": 1}
    assert client.get(f"/players/{ada.player_id}").status_code == 404
    assert client.delete(f"/players/{ada.player_id}").json() == NONE
    assert client.get(f"/players/{bob.player_id}").json()["sessions"] == 1


def test_who_has_no_account_is_erased_by_the_installations_id(client: httpx.Client, store: Store) -> None:
    """A game that names nobody sends the installation's id; sessions of it under a name go with it."""
    record(store, numbered(1, player="i-1"), numbered(2, player="Ada"), numbered(1, "x", "i-2", installationId="i-2"))
    assert client.get("/players/i-1").json()["sessions"] == 2
    assert client.delete("/players/i-1").json() == {**NONE, "sessions": 2}
    assert [item["playerId"] for item in client.get("/sessions").json()] == ["i-2"]


@pytest.mark.parametrize("id", ["a/b", "Größe", "'; DROP TABLE sessions; --", "%25", "."])
def test_an_id_may_be_any_text(client: httpx.Client, store: Store, id: str) -> None:
    record(store, numbered(1, player=id), numbered(2, player="other"))
    address = httpx.URL("/players/").copy_with(
        raw_path=b"/players/" + "".join(f"%{byte:02x}" for byte in id.encode()).encode()
    )
    assert client.get(address).json()["id"] == id
    assert client.delete(address).json() == {**NONE, "sessions": 1}
    assert [item["playerId"] for item in client.get("/sessions").json()] == ["other"]


def test_what_was_erased_is_not_missing(client: httpx.Client, store: Store) -> None:
    """Two players on one installation: one is erased, and the other's numbers have holes that are nobody's loss."""
    record(store, *ends([1, 3, 5, 9], player="ada"), *ends([2, 4, 8], player="bob"))
    (before,) = store.gaps(9)
    assert (before.missing_count, before.erased) == (2, 0)
    client.delete("/players/bob")
    (gap,) = store.gaps(9)
    assert (gap.received, gap.last, gap.missing_count, gap.erased, gap.unaccounted) == (4, 9, 2, 3, 2)
    record(store, *ends([6, 7], player="ada"))
    assert store.gap_totals() == NO_GAPS


def test_what_the_installation_says_later_changes_nothing_in_that(client: httpx.Client, store: Store) -> None:
    record(store, *ends([1, 2], player="bob", counters=counters(2, 2, 1)), *ends([3], player="ada"))
    client.delete("/players/bob")
    record(store, *ends([4], player="ada", counters=counters(4, 4, 3)))
    assert store.gap_totals() == NO_GAPS
    with store.reading() as connection:
        assert connection.execute(select(accounts.c.erased)).scalar_one() == 2


def test_a_repeated_number_is_erased_once(client: httpx.Client, store: Store) -> None:
    """Two sessions bear the number 2: while one of them is here, it is not missing."""
    record(store, *ends([1, 2, 3], player="ada"), numbered(2, "copy", "bob"))
    client.delete("/players/bob")
    assert store.gap_totals() == NO_GAPS
    with store.reading() as connection:
        assert connection.execute(select(accounts.c.erased)).scalar() in (None, 0)


def test_an_installation_of_which_nothing_is_left_is_forgotten(client: httpx.Client, store: Store) -> None:
    record(store, *ends([1, 2], player="bob", counters=counters(9, 2, 1)))
    client.delete("/players/bob")
    assert set(rows(store).values()) == {0}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, store: Store) -> list[int]:
    """The server's wall clock, in seconds; a test moves it."""
    now = [1_000]
    monkeypatch.setattr(type(store), "now", lambda _store: now[0] * 1_000_000)
    return now


def test_what_is_too_old_goes_a_little_at_a_time(
    monkeypatch: pytest.MonkeyPatch, store: Store, clock: list[int]
) -> None:
    """Sessions and events, the oldest first; what stays has no gaps by it."""
    monkeypatch.setattr(_erasure, "AT_ONCE", 2)
    player = log_in(store, "ada's")
    record(store, *ends([1, 2, 3, 4, 5]))
    plays(store, player)
    clock[0] = 2_000
    record(store, *ends([6, 7]))
    assert [_erasure.erase_older(store, 1_500_000_000) for _ in range(4)] == [3, 2, 2, 0]
    left = {received.request.session.number for received in store.latest(9)}
    assert left == {6, 7}
    assert store.gap_totals() == NO_GAPS
    assert rows(store)["players"] == 1
    assert rows(store)["events"] == 0


def test_a_server_keeps_no_longer_than_it_was_told(store: Store, clock: list[int]) -> None:
    record(store, *ends([1]))
    clock[0] += 3_600
    record(store, *ends([2]))
    with listening(create_app(store, retention=1_800.0)) as address:
        eventually(lambda: [received.request.session.number for received in store.latest(9)] == [2])
        httpx.post(f"{address}{PATH}", json=end("new"), trust_env=False, timeout=DEADLINE).raise_for_status()
    assert store.totals().sessions == 2


def asks(client: httpx.Client, installation: object) -> httpx.Response:
    request = {"@class": ".ErasureRequest", "requestId": "e_1", "installationId": installation}
    return client.post("/rs/device/none/ErasureRequest", json=request)


def test_a_game_asks_for_its_player(client: httpx.Client, store: Store) -> None:
    """Whoever knows the random id of an installation has all erased that came from it, whoever played; a repeat finds
    nothing. Nobody else's is touched."""
    mine, other = str(uuid.uuid4()), str(uuid.uuid4())
    for number, (installation, player) in enumerate([(mine, mine), (mine, "ada"), (other, "ada")]):
        session = {"id": f"s{number}", "installationId": installation, "activeMs": 5}
        client.post(PATH, json=end(f"r{number}", playerId=player, scriptData={"session": session}))
    assert asks(client, mine).json() == {
        "@class": ".ErasureResponse",
        "requestId": "e_1",
        "sessions": 2,
        "scriptData": {},
    }
    assert [item["installationId"] for item in client.get("/sessions").json()] == [other]
    assert asks(client, mine).json()["sessions"] == 0


@pytest.mark.parametrize("installation", ["ada", "", None, 5, "1", "%"])
def test_no_other_id_will_do(client: httpx.Client, installation: object) -> None:
    """A player's name can be guessed: whoever holds a copy of the game could have anybody erased."""
    client.post(PATH, json=end("r1", playerId="ada"))
    answer = asks(client, installation).json()
    assert "installationId" in answer["error"]
    assert len(client.get("/sessions").json()) == 1


def test_a_players_own_uuid_will_not_do(client: httpx.Client) -> None:
    """A game may name its players so, and others know it; not even after a session that says it was an installation."""
    ada, hers = str(uuid.uuid4()), str(uuid.uuid4())
    for number, installation in enumerate((hers, ada)):
        session = {"id": f"s{number}", "installationId": installation, "activeMs": 5}
        client.post(PATH, json=end(f"r{number}", playerId=ada, scriptData={"session": session}))
    assert asks(client, ada).json()["sessions"] == 0
    assert len(client.get("/sessions").json()) == 2


def test_a_denial_is_heard_here(tmp_path: Path, client: httpx.Client) -> None:
    """The whole way: a game sends, its player refuses, and nothing is left at the server."""
    address = str(client.base_url)
    with SessionPlugin(Settings(data_dir=tmp_path, endpoint=address, hook=False), focused=lambda: True) as plugin:
        plugin.end_session()
        assert plugin.flush(DEADLINE)
        assert len(client.get("/sessions").json()) == 1
        plugin.set_consent("denied")
        eventually(lambda: client.get("/sessions").json() == [])
        eventually(lambda: not (tmp_path / "erasures.json").exists())
