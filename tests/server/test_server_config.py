"""Settings from a file, and several games on one server, each by its key and secret."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from server_kit import DEADLINE, PATH, end, listening
from websockets.sync.client import connect

from gs_pygame.server import ServerConfig, ServerError, create_app, open_store
from gs_pygame.server import _serve as server_serve
from gs_pygame.server._cli import main
from gs_pygame.server._config import Game
from gs_pygame.server._config_file import read_config
from gs_pygame.server._dispatch import Dispatcher
from gs_pygame.server._games import Games

WHOLE = """
database = "sqlite:///x.sqlite3"
host = "0.0.0.0"
port = 80
public_url = "https://sessions.example.com"
proxies = ["10.0.0.0/8"]
admin_token = "hush"
cloud_code = "cloud"
end_after = 1.5
retention = 90
workers = 2
access_log = true

[games.starfall]
api_key = "K"
secret = "hush1"

[games.pong]
secret = "hush2"
"""


def file(tmp_path: Path, text: str, mode: int = 0o600) -> Path:
    path = tmp_path / "server.toml"
    path.write_text(text, "utf-8")
    path.chmod(mode)
    return path


def test_a_file_sets_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All that ServerConfig has, but what stands for the one game when there are several."""
    config = ServerConfig(**read_config(file(tmp_path, WHOLE)))
    assert config == ServerConfig(
        database="sqlite:///x.sqlite3",
        host="0.0.0.0",
        port=80,
        games=(Game("starfall", "K", "hush1"), Game("pong", None, "hush2")),
        public_url="https://sessions.example.com",
        proxies=("10.0.0.0/8",),
        admin_token="hush",
        cloud_code=Path("cloud"),
        end_after=90,
        retention=90 * 24 * 3600,
        workers=2,
        access_log=True,
    )
    assert "hush" not in repr(config)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ports = 1", "sets ports, which is not known; known are database, host, port"),
        ("[games.a]\nsecret = 's'\nkey = 'k'", "sets games.a.key, which is not known; known are api_key, secret"),
        ("port = '80'", "port in"),
        ("port = true", "must be a whole number"),
        ("access_log = 1", "must be true or false"),
        ("games = 1", "must be a table of games"),
        ("[games]\na = 1", "games.a in"),
        ("[games.a]\napi_key = 'k'", "must have a secret"),
        ("[games.a]\nsecret = ''", "must have a secret"),
        ("secret = 'hush", "is no TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    """And no secret is."""
    with pytest.raises(ServerError) as error:
        read_config(file(tmp_path, text))
    assert said in str(error.value)
    assert "hush" not in str(error.value)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_secrets_that_others_can_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A warning, and it goes on; what holds no secret may be anybody's to read."""
    read_config(file(tmp_path, "port = 1", 0o644))
    assert capsys.readouterr().err == ""
    read_config(file(tmp_path, "secret = 'hush'", 0o640))
    err = capsys.readouterr().err
    assert ("chmod 600" in err, "hush" in err) == (True, False)


def test_options_win_over_the_environment_and_that_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each where it says something."""
    given: list[ServerConfig] = []
    monkeypatch.setattr(server_serve, "serve", lambda config, _ready: given.append(config))
    monkeypatch.setenv("GS_PYGAME_SECRET", "of the environment")
    path = file(tmp_path, "port = 1\nhost = '::1'\nsecret = 'of the file'\nworkers = 3\nadmin_token = 'of the file'")
    assert (
        main(["--config", str(path), "--port", "2", "--end-after", "1", "--retention", "2", "--proxy", "10.0.0.1"]) == 0
    )
    [config] = given
    assert (config.port, config.host, config.workers, config.end_after) == (2, "::1", 3, 60)
    assert config.retention == 2 * 24 * 3600
    assert (config.secret, config.admin_token, config.proxies) == ("of the environment", "of the file", ["10.0.0.1"])


TWO = (Game("starfall", "K", "one"), Game("pong", None, "two"))


def test_key_and_secret_tell_the_game() -> None:
    """A key that is not said is not asked for; each key goes with its own secret alone."""
    games = Games(TWO)
    assert games.game_of("K", "one") == "starfall"
    assert games.game_of(None, "one") == "starfall"
    assert games.game_of("K", "two") == "pong"
    assert games.game_of("L", "one") is None
    assert games.game_of(None, "three") is None
    assert Games([Game("")]).game_of("any", "thing") == ""


@pytest.fixture
def seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, list[str]]]:
    """A server of two games, and the game of each request that it was asked."""
    games: list[str] = []
    answer = Dispatcher.answer

    def noted(self: Dispatcher, body: Any, caller: Any) -> Any:
        games.append(caller.game)
        return answer(self, body, caller)

    monkeypatch.setattr(Dispatcher, "answer", noted)
    with (
        closing(open_store(f"sqlite:///{tmp_path / 'sessions.sqlite3'}")) as store,
        listening(create_app(store, games=TWO)) as address,
    ):
        yield address, games


def test_a_request_is_of_a_game(seen: tuple[str, list[str]]) -> None:
    """Over both ways in; with another's secret it is nobody's."""
    address, games = seen
    body = {"@class": ".DeviceAuthenticationRequest", "requestId": "1", "deviceId": "d", "deviceOS": "o"}
    for secret, status in (("one", 200), ("two", 200), ("three", 403)):
        path = f"/rs/device/{secret}/DeviceAuthenticationRequest"
        assert httpx.post(address + path, json=body, timeout=DEADLINE, trust_env=False).status_code == status
    for key, secret in (("K", "one"), ("L", "two"), ("L", "one")):
        with connect(f"ws{address[4:]}/ws/device/{key}") as socket:
            nonce = json.loads(socket.recv(timeout=DEADLINE))["nonce"]
            proof = base64.b64encode(hmac.new(secret.encode(), nonce.encode(), hashlib.sha256).digest()).decode()
            socket.send(json.dumps({"@class": ".AuthenticatedConnectRequest", "hmac": proof}))
            if "error" not in json.loads(socket.recv(timeout=DEADLINE)):
                socket.send(json.dumps(body))
                socket.recv(timeout=DEADLINE)
    assert games == ["starfall", "pong", "starfall", "pong"]


def test_an_end_is_of_a_game(tmp_path: Path) -> None:
    """One that waited on a disk, too: it is kept with the others of its moment."""
    with (
        closing(open_store(f"sqlite:///{tmp_path / 'sessions.sqlite3'}")) as store,
        listening(create_app(store, games=TWO)) as address,
    ):
        for secret, status in (("two", 200), ("topsecret", 403)):
            path = PATH.replace("topsecret", secret)
            assert httpx.post(address + path, json=end(), timeout=DEADLINE, trust_env=False).status_code == status
        assert [received.request.game for received in store.latest(9)] == ["pong"]


def test_games_with_one_secret_are_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Nobody could tell whose a request is."""
    path = file(tmp_path, "[games.a]\nsecret = 'hush'\n[games.b]\nsecret = 'hush'")
    assert main(["--port", "0", "--config", str(path)]) == 2
    err = capsys.readouterr().err
    assert ("same secret" in err, "hush" in err) == (True, False)
