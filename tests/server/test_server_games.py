"""Several games on one server: each has players, tokens and requestIds of its own."""

from __future__ import annotations

from typing import Any

import pytest
from server_kit import end

from gs_pygame.server import Store
from gs_pygame.server._dispatch import Dispatcher
from gs_pygame.server._protocol import parse_request
from gs_pygame.server._requests import Caller

JSON = dict[str, Any]


@pytest.fixture
def dispatcher(store: Store) -> Dispatcher:
    return Dispatcher(store)


def log_in(dispatcher: Dispatcher, game: str) -> JSON:
    body = {"@class": ".DeviceAuthenticationRequest", "requestId": "1", "deviceId": "d", "deviceOS": "LINUX"}
    return dispatcher.answer(body, Caller(game=game))


def test_a_device_is_another_player_in_another_game(dispatcher: Dispatcher) -> None:
    players = [log_in(dispatcher, game)["userId"] for game in ("pond", "dungeon", "pond")]
    assert players[0] == players[2] != players[1]


def test_a_user_name_is_free_in_another_game(dispatcher: Dispatcher) -> None:
    body = {"@class": ".RegistrationRequest", "requestId": "1", "userName": "ada", "password": "lovelace"}
    assert ["error" in dispatcher.answer(body, Caller(game=game)) for game in ("pond", "dungeon", "pond")] == [
        False,
        False,
        True,
    ]


def test_a_token_of_another_game_is_nobodys(dispatcher: Dispatcher) -> None:
    """Over REST, and at a handshake: which then is told of no player, and gets a session of its own."""
    token = log_in(dispatcher, "pond")["authToken"]
    refused = dispatcher.answer_over_rest("EndSessionRequest", end(authToken=token), "dungeon")
    assert refused["error"] == {"authentication": "NOTAUTHORIZED"}
    assert "error" not in dispatcher.answer_over_rest("EndSessionRequest", end(authToken=token), "pond")
    first = dispatcher.connect({"authToken": token}, "pond")[1]
    stranger = dispatcher.connect({"authToken": token, "sessionId": first["sessionId"]}, "dungeon")[1]
    assert "userId" not in stranger
    assert stranger["sessionId"] != first["sessionId"]


def test_a_script_acts_for_no_player_of_another_game(dispatcher: Dispatcher) -> None:
    player = log_in(dispatcher, "pond")["userId"]
    caller = dispatcher._caller_as(Caller(game="pond"), player)
    assert (caller.player_id, caller.game) == (player, "pond")
    with pytest.raises(ValueError, match="UNRECOGNISED"):
        dispatcher._caller_as(Caller(game="dungeon"), player)


def test_a_request_id_is_one_within_its_game(store: Store) -> None:
    ends = [parse_request(end(), game) for game in ("pond", "dungeon", "pond", "")]
    answers = [store.record(request, {"first": number}) for number, request in enumerate(ends)]
    assert answers == [{"first": 0}, {"first": 1}, {"first": 0}, {"first": 3}]
    assert [received.request.title for received in store.latest(9)] == ["Starfall", "dungeon", "pond"]
