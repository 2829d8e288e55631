"""The secret, and the API key in the address, are in the request's path and nowhere else."""

from __future__ import annotations

import json
import logging
import ssl
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import trustme
from network_kit import InTheGame, eventually

import gs_pygame
from gs_pygame import SessionPlugin
from gs_pygame._base.errors import GsPygameError
from gs_pygame._settings import Settings
from gs_pygame.testing import FaultServer, Reply, Request, Wire, replies

SECRET = "hüsh/ s3cret"
KEY = "k3y-of-the-game"
FORMS = {SECRET, quote(SECRET, safe=""), json.dumps(SECRET)[1:-1], SECRET.encode().hex(), KEY}


def leaks(text: str) -> list[str]:
    return sorted(form for form in FORMS if form in text)


@pytest.fixture
def log() -> Iterator[list[str]]:
    """All that any logger says at DEBUG, tracebacks, arguments and warnings too."""
    lines: list[str] = []

    class Hears(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(f"{self.format(record)} {record.args!r} {record.__dict__!r}")

    heard, root = Hears(logging.NOTSET), logging.getLogger()
    before = {name: logging.getLogger(name).level for name in ("urllib3", "requests", "charset_normalizer")}
    level = root.level
    root.addHandler(heard)
    for name in ("", *before):
        logging.getLogger(name).setLevel(logging.DEBUG)
    logging.captureWarnings(True)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", ResourceWarning)  # of what another test left, and is collected now
        yield lines
    logging.captureWarnings(False)
    root.setLevel(level)
    for name, was in before.items():
        logging.getLogger(name).setLevel(was)
    root.removeHandler(heard)


def repeats(request: Request, wire: Wire) -> None:
    """The server's error holds the secret, and the path that it was asked for."""
    path = request.path.replace(KEY, "...")  # the key is the server's own name for the game
    replies.verified(error={"path": path, "secret": SECRET})(request, wire)


def bad_header(request: Request, wire: Wire) -> None:
    """urllib3 warns of it, with the whole address."""
    wire.send(b"HTTP/1.1 200 OK\r\nno header\r\n\r\n")
    wire.hang_up()


def to_itself(elsewhere: FaultServer) -> Reply:
    """A redirect that takes the path along."""
    return lambda request, wire: replies.redirect(elsewhere.url + request.path)(request, wire)


@pytest.fixture
def elsewhere() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


@pytest.fixture(params=["a process sends", "a thread sends"])
def sends(request: pytest.FixtureRequest) -> Callable[[Settings], InTheGame | None]:
    """The destination: None for the plugin's own choice."""
    own = request.param == "a process sends"
    return lambda chosen: None if own else InTheGame(chosen.gamesparks)


def play(
    folder: Path,
    url: str,
    sends: Callable[[Settings], InTheGame | None],
    tried: Callable[[SessionPlugin], object] = lambda plugin: plugin.status().last_error,
) -> list[object]:
    """A game that ends two sessions, and plays on until delivery was `tried`; all that it can see of the plugin."""
    chosen = Settings(
        endpoint=f"{url}/{{api_key}}",
        secret=SECRET,
        api_key=KEY,
        data_dir=folder,
        hook=False,
        exit_delivery="next-start",
    )
    with SessionPlugin(chosen, sends(chosen), focused=lambda: True) as plugin:
        for _ in range(2):
            plugin.end_session()
            plugin.start_session()
        eventually(lambda: tried(plugin))
        plugin.flush(1.5)
        return [plugin, plugin.settings, plugin._engine, plugin._adapter, plugin.status(), plugin.session]


ANSWERS: dict[str, Callable[[FaultServer], Reply]] = {
    "success": lambda elsewhere: replies.verified(),
    "an error that repeats it": lambda elsewhere: repeats,
    "403": lambda elsewhere: replies.answer(403, b"Forbidden"),
    "500": lambda elsewhere: replies.answer(500),
    "a redirect that takes it along": to_itself,
    "a bad header": lambda elsewhere: bad_header,
    "a reset": lambda elsewhere: replies.reset_before,
    "a portal": lambda elsewhere: replies.portal,
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_whatever_is_answered(
    tmp_path: Path,
    elsewhere: FaultServer,
    log: list[str],
    capfd: pytest.CaptureFixture[str],
    answer: str,
    sends: Callable[[Settings], InTheGame | None],
) -> None:
    """No log at DEBUG, output, repr, status or file has it, no other host hears of it, and no header of ours."""
    with FaultServer(default=ANSWERS[answer](elsewhere)) as server:
        seen = play(tmp_path / "data", server.url, sends, lambda _: server.requests)
        assert all(quote(SECRET, safe="") in request.path for request in server.requests)
        sent = [(request.headers, request.body) for request in server.requests]
    assert elsewhere.connections == 0
    out, err = capfd.readouterr()
    on_disk = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()).decode("latin-1")
    assert leaks("".join(map(repr, [*seen, sent]))) == []
    assert leaks("".join([out, err, on_disk, *log])) == []


@pytest.mark.parametrize("certificate", ["of nobody", "none at all"])
def test_no_encrypted_connection(
    tmp_path: Path, log: list[str], certificate: str, sends: Callable[[Settings], InTheGame | None]
) -> None:
    """The server's certificate is nobody's, or it speaks no TLS: nothing is sent, the errors' words are not shown."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    with FaultServer(tls=tls if certificate == "of nobody" else None) as server:
        seen = play(tmp_path / "data", server.url.replace("http:", "https:"), sends, lambda _: server.connections)
        assert server.requests == [] or certificate == "none at all"
        assert not any(leaks(request.path) for request in server.requests)
    assert leaks("".join(map(repr, seen)) + "".join(log)) == []


def test_nobody_listens(tmp_path: Path, log: list[str], sends: Callable[[Settings], InTheGame | None]) -> None:
    """A refused connection's error holds the whole address; it is not shown."""
    seen = play(tmp_path / "data", "http://127.0.0.1:9", sends)
    assert leaks("".join(map(repr, seen)) + "".join(log)) == []


def test_no_repr_has_it(tmp_path: Path) -> None:
    """Settings, and the destinations, which hold it."""
    chosen = Settings(endpoint="https://{api_key}.example.com", secret=SECRET, api_key=KEY)
    destination = chosen.gamesparks
    assert leaks(f"{chosen!r} {destination!r} {chosen.differing(Settings())}") == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"endpoint": f"https://user:{quote(SECRET, safe='')}@sessions.example.com"},
        {"endpoint": f"https://sessions.example.com/?key={KEY}"},
        {"endpoint": "https://[{api_key}/"},
        {"endpoint": f"ftp://{{api_key}}.example.com:99999999#{KEY}"},
        {"secret": ""},
        {"secret": SECRET + "\ud800"},
        {"api_key": KEY + "\ud800"},
        {"background_grace": "long"},
    ],
)
def test_no_exception_has_it(wrong: dict[str, str]) -> None:
    """Neither its words nor its traceback, nor what led to it."""
    given = {"app": "A", "author": "B", "endpoint": "https://a.example.com", "secret": SECRET, "api_key": KEY, **wrong}
    with pytest.raises(GsPygameError) as caught:
        gs_pygame.install(**given)  # type: ignore[arg-type]
    error: BaseException | None = caught.value
    while error is not None:
        assert leaks(f"{error} {error!r} {error.args}") == []
        error = error.__cause__ or error.__context__
    assert leaks("".join(traceback.format_exception(caught.value))) == []
