"""Who is let in: games by their secret, people by the admin token, pages of other sites never."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from server_kit import DEADLINE, JSON_BODY, PATH, ServerProcess, end, listening
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from gs_pygame.server import Store, create_app
from gs_pygame.server._admission import COOKIE, Rules, digest_of

TOKEN = "the token"
HERE = frozenset({"127.0.0.1"})
SECRET_PATH = PATH.replace("topsecret", "s3cret")


@pytest.fixture
def database(tmp_path: Path) -> str:
    """One kind is enough: nobody gets as far."""
    return f"sqlite:///{tmp_path / 'sessions.sqlite3'}"


@pytest.fixture
def guarded(store: Store) -> Iterator[httpx.Client]:
    """A client of a server that asks for a secret and for the admin token."""
    app = create_app(store, secret="s3cret", rules=Rules(hosts=HERE, admin=digest_of(TOKEN)))
    with listening(app) as address, httpx.Client(base_url=address, timeout=DEADLINE, trust_env=False) as client:
        yield client


@pytest.fixture
def open_(store: Store) -> Iterator[httpx.Client]:
    """A client of a server on this computer, which asks for nothing."""
    with (
        listening(create_app(store, rules=Rules(hosts=HERE))) as address,
        httpx.Client(base_url=address, timeout=DEADLINE, trust_env=False) as client,
    ):
        yield client


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1", "http://127.0.0.1:1", "x"])
def test_pages_of_other_sites_are_nobody(open_: httpx.Client, store: Store, origin: str) -> None:
    """They can neither send an end nor read one, nor open a socket, whatever they call it."""
    assert open_.post(PATH, json=end(), headers={"Origin": origin}).status_code == 403
    assert open_.get("/sessions", headers={"Origin": origin}).status_code == 403
    with pytest.raises(InvalidStatus):
        connect(str(open_.base_url).replace("http", "ws") + "/ws/device/K", origin=origin).__enter__()  # type: ignore[arg-type]
    assert store.totals().sessions == 0


def test_the_servers_own_page_may_call_it(open_: httpx.Client) -> None:
    """Its origin is the server's name."""
    origin = str(open_.base_url).rstrip("/")
    assert open_.post(PATH, json=end(), headers={"Origin": origin}).status_code == 200


def test_a_browsers_game_comes_from_its_own_site(store: Store) -> None:
    """The handshake decides, where there is a secret to prove."""
    app = create_app(store, secret="s3cret", rules=Rules(hosts=HERE, sockets_of_any_origin=True))
    with listening(app) as address:
        url = address.replace("http", "ws") + "/ws/device/K"
        with connect(url, origin="https://game.example") as socket:  # type: ignore[arg-type]
            assert "nonce" in str(socket.recv(timeout=DEADLINE))


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonp"])
def test_a_form_is_no_request(open_: httpx.Client, store: Store, kind: str) -> None:
    """A page can send these without asking; JSON it cannot."""
    answer = open_.post(PATH, content=b"{}", headers={"Content-Type": kind})
    assert answer.status_code == 415
    assert "application/json" in answer.json()["error"]
    assert store.totals().sessions == 0


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8"])
def test_json_is_json(open_: httpx.Client, kind: str) -> None:
    """However it is spelled."""
    assert open_.post(PATH, content=b"{}", headers={"Content-Type": kind}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", ""])
def test_another_name_is_not_ours(open_: httpx.Client, host: str) -> None:
    """A site whose name leads to this computer reads nothing of it."""
    assert open_.get("/sessions", headers={"Host": host}).status_code in (400, 421)


@pytest.mark.parametrize("path", ["/sessions", "/gaps", "/"])
def test_pages_and_lists_need_the_token(guarded: httpx.Client, path: str) -> None:
    """In a header, for programs; a wrong one opens nothing."""
    for headers in ({}, {"Authorization": "Bearer guess"}, {"Authorization": TOKEN}, {"Cookie": f"{COOKIE}=guess"}):
        answer = guarded.get(path, headers=headers)
        assert answer.status_code == 401
        assert "ada" not in answer.text
    assert guarded.get(path, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_games_need_no_token(guarded: httpx.Client) -> None:
    """Their secret is enough, over both ways in."""
    assert guarded.post(SECRET_PATH, json=end()).status_code == 200
    assert guarded.post(f"/KEY{SECRET_PATH}", json=end("d_2")).status_code == 200
    assert guarded.post(PATH, json=end("d_3")).status_code == 403
    with connect(str(guarded.base_url).replace("http", "ws") + "/ws/device/K") as socket:
        assert "nonce" in str(socket.recv(timeout=DEADLINE))


def test_people_log_in_once(guarded: httpx.Client) -> None:
    """The page asks for the token; its cookie is for this server's own pages alone, and no script can read it."""
    page = guarded.get("/")
    assert '<form method="post" action="/login">' in page.text
    wrong = guarded.post("/login", data={"token": "guess"})
    assert (wrong.status_code, "That is not the token" in wrong.text) == (401, True)
    assert "set-cookie" not in wrong.headers
    right = guarded.post("/login", data={"token": f" {TOKEN}\n"})
    assert (right.status_code, right.headers["location"]) == (303, "/")
    words = {word.strip().lower() for word in right.headers["set-cookie"].split(";")}
    assert {"httponly", "samesite=strict", "path=/"} <= words
    assert guarded.get("/").status_code == 200
    assert guarded.get("/sessions").status_code == 200


@pytest.mark.parametrize("body", [b"", b"token=" + b"x" * 5000, b"\xff\xfe", b"token"])
def test_a_login_that_is_none(guarded: httpx.Client, body: bytes) -> None:
    """Nothing is opened, nothing fails."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert guarded.post("/login", content=body, headers=form).status_code in (401, 413)
    assert guarded.get("/login").status_code == 303


def started(start: Callable[..., ServerProcess], monkeypatch: pytest.MonkeyPatch, **named: str) -> ServerProcess:
    for name, value in named.items():
        monkeypatch.setenv(f"GS_PYGAME_{name}", value)
    return start("--port", "0", "--host", "0.0.0.0")


def test_the_first_start_prints_a_token_once(
    start: Callable[..., ServerProcess], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It opens the page from then on; the database holds its digest alone, and no later start prints it."""
    process = started(start, monkeypatch, SECRET="s3cret")
    _, _, err = process.stop(lambda child: child.terminate())
    assert err.startswith("The admin token")
    token = err.splitlines()[0].split()[-1]
    process = started(start, monkeypatch)
    address = process.address.replace("0.0.0.0", "127.0.0.1")
    with httpx.Client(base_url=address, timeout=DEADLINE, trust_env=False) as client:
        assert client.get("/sessions").status_code == 401
        assert client.get("/sessions", headers={"Authorization": f"Bearer {token}"}).status_code == 200
        assert client.post(SECRET_PATH, content=b"{}", headers=JSON_BODY).status_code == 200
    code, _, err = process.stop(lambda child: child.terminate())
    assert (code, err.count("\n"), "token" in err) == (0, 1, False)
    with closing(sqlite3.connect(tmp_path / "gs_pygame_sessions.sqlite3")) as database:
        assert token not in str(database.execute("SELECT * FROM admins").fetchall())


def test_a_token_of_the_environment(start: Callable[..., ServerProcess], monkeypatch: pytest.MonkeyPatch) -> None:
    """Then none is made, and none printed."""
    process = started(start, monkeypatch, SECRET="s3cret", ADMIN_TOKEN="of the environment")
    address = process.address.replace("0.0.0.0", "127.0.0.1")
    headers = {"Authorization": "Bearer of the environment"}
    assert httpx.get(f"{address}/sessions", headers=headers, timeout=DEADLINE, trust_env=False).status_code == 200
    assert "token" not in process.stop(lambda child: child.terminate())[2]
