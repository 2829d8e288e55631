"""The server as a process: the line it prints, how it stops, what it refuses, and what a kill leaves behind."""

from __future__ import annotations

import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from server_kit import DEADLINE, JSON_BODY, PATH, ServerProcess, end, environment, eventually

import gs_pygame.server

STOPPED = "gs-pygame serve: stopped; requests under way that were answered first: 0\n"
Start = Callable[..., ServerProcess]
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows knows neither signal between processes")


def post(address: str, request_id: str) -> httpx.Response:
    return httpx.post(address + PATH, json=end(request_id), timeout=DEADLINE, trust_env=False)


def listed(address: str) -> list[str]:
    answer = httpx.get(address + "/sessions?limit=1000", timeout=DEADLINE, trust_env=False)
    return [item["requestId"] for item in answer.json()]


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_its_address_and_stops_cleanly(start: Start, tmp_path: Path, number: signal.Signals) -> None:
    """One line with the real port; a signal ends it with code 0 and a line, and the database in one file.

    A keep-alive connection that is still open does not hold it up.
    """
    process = start("--port", "0")
    assert process.first_line == f"{process.address}/\n"
    assert process.address.startswith("http://127.0.0.1:")
    with httpx.Client(base_url=process.address, trust_env=False) as client:
        assert client.post(PATH, json=end()).status_code == 200
        assert process.stop(lambda child: child.send_signal(number)) == (0, "", STOPPED)
    assert [path.name for path in tmp_path.iterdir()] == ["gs_pygame_sessions.sqlite3"]


def test_a_windowed_program_has_no_standard_streams() -> None:
    """As pythonw and frozen games: the server runs all the same."""
    program = (
        "import os, signal, sys, threading\n"
        "from gs_pygame.server import ServerConfig, serve\n"
        "out, sys.stdout, sys.stderr = sys.stdout, None, None\n"
        "def stop(port):\n"
        "    print(port, file=out, flush=True)\n"
        "    threading.Timer(0.1, signal.raise_signal, [signal.SIGINT]).start()\n"
        "serve(ServerConfig('sqlite://', port=0), ready=stop)\n"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, env=environment(), check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 0


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="these ask no variable where a user's data lie")
def test_it_says_where_it_keeps_what_it_gets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a word on a database: in the user's data folder, wherever it was started; for the user alone."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    kept = tmp_path / "home" / "gs_pygame" / "gs-pygame" / "serve" / "sessions.sqlite3"
    (tmp_path / "here").mkdir()
    for count in (1, 2):
        process = ServerProcess("--port", "0", cwd=tmp_path / "here")
        post(process.address, f"r{count}")
        assert len(listed(process.address)) == count
        code, out, err = process.stop(lambda child: child.terminate())
        assert (code, out) == (0, "")
        assert err.splitlines() == [f"gs-pygame serve: the sessions are kept in {kept}", STOPPED.strip()]
    assert list((tmp_path / "here").iterdir()) == []
    assert kept.parent.stat().st_mode & 0o77 == 0


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="these ask no variable where a user's data lie")
def test_a_home_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence, which names the option."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    code, _, err = ServerProcess("--port", "0", cwd=tmp_path).stop(lambda child: None)
    assert (code, err.count("\n"), "name a database by --database" in err) == (2, 1, True)


@posix
def test_kill_and_restart_loses_nothing_acknowledged(start: Start, tmp_path: Path) -> None:
    """Killed while four clients send, three times: what was answered is there once, and the file is sound."""
    acknowledged: set[str] = set()
    port = "0"
    for life in range(3):
        process = start("--port", port, "--database", "sqlite:///killed.sqlite3")
        port = process.address.rpartition(":")[2]

        def send(client: int, life: int = life, address: str = process.address) -> None:
            for number in range(10_000):
                name = f"r{life}-{client}-{number}"
                try:
                    post(address, name).raise_for_status()
                except httpx.TransportError:
                    return
                acknowledged.add(name)

        before = len(acknowledged)
        senders = [threading.Thread(target=send, args=(client,)) for client in range(4)]
        for sender in senders:
            sender.start()
        eventually(lambda before=before: len(acknowledged) >= before + 20)
        process.stop(lambda child: child.kill())
        for sender in senders:
            sender.join(DEADLINE)
            assert not sender.is_alive()

    process = start("--port", port, "--database", "sqlite:///killed.sqlite3")
    names = listed(process.address)
    assert len(names) == len(set(names))
    assert acknowledged <= set(names)
    assert len(set(names) - acknowledged) <= 3 * 4, "at most what was under way at each kill"
    assert post(process.address, names[0]).json()["requestId"] == names[0]
    assert listed(process.address) == names
    process.stop(lambda child: child.terminate())
    with closing(sqlite3.connect(tmp_path / "killed.sqlite3")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--host", "0.0.0.0"], "set GS_PYGAME_SECRET"),
        (["--public-url", "https://sessions.example.com"], "set GS_PYGAME_SECRET"),
        (["--public-url", "sessions.example.com"], "must be like https://"),
        (["--host", "example.com"], "set GS_PYGAME_SECRET"),
        (["--host", ""], "set GS_PYGAME_SECRET"),
        (["--port", "70000"], "port 70000"),
        (["--port", "0", "--database", "mysql://root:hunter2@db/x"], "sqlite:///FILE"),
        (["--port", "0", "--database", "sqlite:///no/such/folder/x"], "cannot be used"),
    ],
)
def test_what_cannot_be_served_is_one_sentence(start: Start, options: list[str], said: str) -> None:
    """Exit code 2 and one line on stderr: no traceback, no password, nothing on stdout."""
    code, out, err = start(*options).stop(lambda child: None)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert "hunter2" not in err


def test_a_port_in_use_is_one_sentence(start: Start, tmp_path: Path) -> None:
    """The sentence names the port; no database is begun for nothing."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        code, out, err = start("--port", port).stop(lambda child: None)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"port {port} of 127.0.0.1 cannot be used" in err
    assert "another program listens there, perhaps this server already: choose another by --port" in err
    assert list(tmp_path.iterdir()) == []


def test_answers_are_not_held_back(start: Start) -> None:
    """On a connection that stays open an answer takes a few milliseconds, not the 40 of a delayed acknowledgement."""
    process = start("--port", "0")
    with httpx.Client(base_url=process.address, timeout=DEADLINE, trust_env=False) as client:
        times = [client.get("/sessions").elapsed.total_seconds() for _ in range(30)]
    assert min(times[15:]) < 0.03


@posix
def test_it_never_says_a_secret(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes secret and key from the environment, since the list of processes shows options. Right and wrong secrets,
    unknown paths, garbage instead of HTTP: none of it is repeated on stdout or stderr."""
    monkeypatch.setenv("GS_PYGAME_SECRET", "hush1")
    monkeypatch.setenv("GS_PYGAME_API_KEY", "hush2")
    process = start("--port", "0")
    for path in (
        "/rs/device/hush1/EndSessionRequest",
        "/hush2/rs/device/hush1/EndSessionRequest",
        "/hush2/rs/device/hush3/EndSessionRequest",
        "/hush3/rs/device/hush1/EndSessionRequest",
        "/hush3/hush1",
    ):
        httpx.post(process.address + path, content=b"{", headers=JSON_BODY, trust_env=False, timeout=DEADLINE)
    with socket.create_connection(("127.0.0.1", int(process.address.rpartition(":")[2]))) as raw:
        raw.settimeout(DEADLINE)
        raw.sendall(b"POST /rs/device/hush1/ nonsense\r\n\r\n")
        assert raw.recv(100)
    _, out, err = process.stop(lambda child: child.terminate())
    assert "hush" not in process.first_line + out + err


def test_serve_reports_its_port_and_can_listen_on_ipv6() -> None:
    """`ready` is called with the real port once it listens; here on ::1."""
    if not socket.has_ipv6:
        pytest.skip("no IPv6")
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 loopback")
    code = (
        "from gs_pygame.server import ServerConfig, serve\n"
        "serve(ServerConfig('sqlite://', '::1', 0), ready=lambda port: print(port, flush=True))\n"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            address, port = child.stdout.readline().strip(), child.stdout.readline().strip()
            assert address == f"http://[::1]:{port}/"
            assert httpx.get(address, timeout=DEADLINE, trust_env=False).status_code == 200
        finally:
            child.kill()


@pytest.mark.parametrize(("words", "code", "said"), [("--help", 0, "--database"), ("", 2, "gs-pygame[server]")])
def test_the_command_line_needs_argparse_alone(words: str, code: int, said: str) -> None:
    """Where the extra is not installed its help can be read all the same, and to serve it says what is missing."""
    program = (
        "import sys\n"
        "for name in ('starlette', 'uvicorn', 'sqlalchemy', 'jinja2'): sys.modules[name] = None\n"
        "from gs_pygame.cli import main\n"
        "sys.exit(main(['serve', *sys.argv[1:]]))\n"
    )
    command = [sys.executable, "-c", program, *words.split()]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_the_public_names_are_these() -> None:
    """The names in __all__ exist and are loaded on demand; another is an AttributeError like any module's."""
    assert gs_pygame.server.__all__ == ["ServerConfig", "ServerError", "Store", "create_app", "open_store", "serve"]
    assert all(hasattr(gs_pygame.server, name) for name in gs_pygame.server.__all__)
    with pytest.raises(AttributeError, match="nothing_of_this_name"):
        gs_pygame.server.nothing_of_this_name  # noqa: B018  the access is the test
