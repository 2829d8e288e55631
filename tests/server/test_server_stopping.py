"""How a server stops, how several processes serve as one, and how its database is backed up meanwhile."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx
import pytest
from server_kit import DEADLINE, PATH, ServerProcess, end, eventually
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from gs_pygame.server import open_store
from gs_pygame.server._cli import main

Start = Callable[..., ServerProcess]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows knows neither signal between processes")
BUSY = "var until = Date.now() + 700; while (Date.now() < until);"
"""A script that takes a while."""


def post(address: str, name: str) -> httpx.Response:
    return httpx.post(address + PATH, json=end(name), timeout=DEADLINE, trust_env=False)


@contextmanager
def player(address: str) -> Iterator[ClientConnection]:
    """A connection that has shaken hands and logged in."""
    with connect(f"ws{address[4:]}/ws/device/K") as socket_:
        for body in (
            {"@class": ".AuthenticatedConnectRequest", "hmac": ""},
            {"@class": ".DeviceAuthenticationRequest", "requestId": "1", "deviceId": "d", "deviceOS": "o"},
        ):
            socket_.recv(timeout=DEADLINE)
            socket_.send(json.dumps(body))
        socket_.recv(timeout=DEADLINE)
        yield socket_


def under_way(address: str) -> float:
    text = httpx.get(address + "/metrics", timeout=DEADLINE, trust_env=False).text
    found = re.search(r"^gs_pygame_under_way (\S+)", text, re.MULTILINE)
    return float(found[1]) if found else 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_what_is_under_way_is_answered(start: Start, tmp_path: Path, workers: str) -> None:
    """Over both ways in; then it says how many there were. Nobody else is let in meanwhile."""
    (tmp_path / "cloud").mkdir()
    (tmp_path / "cloud" / "EndSessionRequest.js").write_text(BUSY)
    process = start("--port", "0", "--cloud-code", "cloud", "--workers", workers)
    answers: list[int] = []
    with player(process.address) as socket_:
        sender = threading.Thread(target=lambda: answers.append(post(process.address, "d_1").status_code))
        sender.start()
        socket_.send(json.dumps({"@class": ".EndSessionRequest", "requestId": "2"}))
        eventually(lambda: under_way(process.address) == 2)
        process.child.terminate()
        assert json.loads(socket_.recv(timeout=DEADLINE))["requestId"] == "2"
        with pytest.raises(ConnectionClosed):
            socket_.recv(timeout=DEADLINE)
    sender.join(DEADLINE)
    code, out, err = process.stop(lambda child: None)
    assert answers == [200]
    assert (code, out) == (0, "")
    assert err == "gs-pygame serve: stopped; requests under way that were answered first: 2\n"


def test_everybody_is_told_to_go(start: Start) -> None:
    """Many players at a stop: each is told to come again, it takes no longer than one, and nothing is said of it."""
    server = start()
    with ExitStack() as stack:
        sockets = [stack.enter_context(player(server.address)) for _ in range(100)]
        code, _, err = server.stop(lambda child: child.send_signal(signal.SIGTERM))
        for socket_ in sockets:
            with pytest.raises(ConnectionClosed) as closed:
                socket_.recv(timeout=DEADLINE)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012
    assert code == 0
    assert [line for line in err.splitlines() if "stopped; requests" not in line] == []


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_second_signal_ends_it_at_once(start: Start, tmp_path: Path, workers: str) -> None:
    """Whatever is under way."""
    process = start("--port", "0", "--workers", workers)
    address = process.address.removeprefix("http://").split(":")
    with socket.create_connection((address[0], int(address[1])), timeout=DEADLINE) as half:
        half.sendall(b"POST /rs/d/s/EndSessionRequest HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        half.sendall(b"Content-Type: application/json\r\nContent-Length: 10\r\n\r\n")
        eventually(lambda: under_way(process.address) == 1)
        process.child.terminate()
        eventually(lambda: is_closed(address))
        process.child.terminate()
        code, _, _ = process.stop(lambda child: None)
        assert code == -signal.SIGTERM
        assert half.recv(100) == b""


def is_closed(address: list[str]) -> bool:
    try:
        socket.create_connection((address[0], int(address[1])), timeout=DEADLINE).close()
    except ConnectionRefusedError:
        return True
    return False


def children(process: ServerProcess) -> list[int]:
    """The workers, without the helper that Python's own multiprocessing starts."""
    listed = subprocess.run(
        ["ps", "-ww", "--ppid", str(process.child.pid), "-o", "pid=,args="], capture_output=True, text=True, check=False
    ).stdout
    return [int(line.split()[0]) for line in listed.splitlines() if "spawn_main" in line]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_workers_share_a_database(start: Start, kind: str, request: pytest.FixtureRequest) -> None:
    """Ends and repeats that come to any of them; one that is killed under load costs nothing that was acknowledged, and
    another takes its place."""
    url = "sqlite:///shared.sqlite3" if kind == "sqlite" else request.getfixturevalue("postgresql")()
    process = start("--port", "0", "--workers", "2", "--database", url)
    eventually(lambda: httpx.get(process.address + "/readyz", trust_env=False, timeout=DEADLINE).status_code == 200)
    acknowledged: set[str] = set()
    stop = threading.Event()

    def send(client: int) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            for _ in range(2):  # a repeat, over another connection
                try:
                    if post(process.address, f"r-{client}-{number}").status_code == 200:
                        acknowledged.add(f"r-{client}-{number}")
                except httpx.TransportError:
                    continue

    senders = [threading.Thread(target=send, args=(client,)) for client in range(4)]
    for sender in senders:
        sender.start()
    eventually(lambda: len(acknowledged) > 20)
    before = children(process)
    assert len(before) == 2
    os.kill(before[0], signal.SIGKILL)
    eventually(lambda: len(set(children(process)) - set(before)) == 1)
    already = len(acknowledged)
    eventually(lambda: len(acknowledged) > already + 20)
    stop.set()
    for sender in senders:
        sender.join(DEADLINE)
    items = httpx.get(process.address + "/sessions?limit=1000", timeout=DEADLINE, trust_env=False).json()
    names = [item["requestId"] for item in items]
    assert len(names) == len(set(names))
    assert acknowledged <= set(names)
    metrics = httpx.get(process.address + "/metrics", timeout=DEADLINE, trust_env=False).text
    recorded = re.search(r'^gs_pygame_ends_total\{outcome="recorded"\} (\S+)', metrics, re.MULTILINE)
    assert recorded is not None
    assert float(recorded[1]) == pytest.approx(len(names), abs=8), "of all workers, the dead one's too"
    code, _, err = process.stop(lambda child: child.terminate())
    assert code == 0
    assert re.search(r"worker \d+ died", err)
    assert err.endswith("answered first: 0\n")


def test_workers_end_with_their_parent(start: Start) -> None:
    """However it ends."""
    process = start("--port", "0", "--workers", "2")
    eventually(lambda: len(children(process)) == 2)
    eventually(lambda: httpx.get(process.address + "/readyz", trust_env=False, timeout=DEADLINE).status_code == 200)
    workers = children(process)
    process.child.kill()
    eventually(lambda: not any(lives(pid) for pid in workers))


def lives(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--workers", "2", "--database", "sqlite://"], "cannot share a database in memory"),
        (["--workers", "0"], "there must be a worker"),
        (["--proxy", "proxy.example.com"], "must be an address"),
        (["--config", "none.toml"], "cannot be read"),
    ],
)
def test_what_cannot_be_is_one_sentence(capsys: pytest.CaptureFixture[str], options: list[str], said: str) -> None:
    """Exit code 2, nothing begun."""
    assert main(["--port", "0", *options]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert said in err


def test_the_access_log_is_on_stderr(start: Start) -> None:
    """If it is asked for; of each worker."""
    process = start("--port", "0", "--access-log", "--workers", "2")
    post(process.address, "d_1")
    _, _, err = process.stop(lambda child: child.terminate())
    line = json.loads(err.splitlines()[0])
    assert (line["method"], line["status"]) == ("POST", 200)
    assert "topsecret" not in err


def test_a_backup_while_it_runs(start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whole, of one moment, this user's alone, and never over another file; a server starts with it."""
    process = start("--port", "0", "--database", "sqlite:///live.sqlite3")
    acknowledged = []
    stop = threading.Event()

    def send() -> None:
        while not stop.is_set():
            name = f"d_{len(acknowledged)}"
            post(process.address, name).raise_for_status()
            acknowledged.append(name)

    sender = threading.Thread(target=send)
    sender.start()
    eventually(lambda: len(acknowledged) > 10)
    before = list(acknowledged)
    words = ["--database", f"sqlite:///{tmp_path / 'live.sqlite3'}", "--backup", str(tmp_path / "copy.sqlite3")]
    code = main(words)
    stop.set()
    sender.join(DEADLINE)
    assert code == 0
    assert (tmp_path / "copy.sqlite3").stat().st_mode & 0o777 == 0o600
    with closing(open_store(f"sqlite:///{tmp_path / 'copy.sqlite3'}")) as copy:
        names = {received.request.request_id for received in copy.latest(10_000)}
    assert set(before) <= names <= set(acknowledged) | {f"d_{len(acknowledged)}"}
    capsys.readouterr()
    assert (main(words), "File exists" in capsys.readouterr().err) == (2, True)


def test_what_cannot_be_backed_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each in a sentence, and nothing is left behind."""
    (tmp_path / "junk.sqlite3").write_bytes(b"junk" * 1000)
    with closing(sqlite3.connect(tmp_path / "whole.sqlite3")) as database:
        database.execute("CREATE TABLE t (x)")
    for url, file, said in (
        ("postgresql://u:hunter2@h/n", "copy", "pg_dump"),
        (f"sqlite:///{tmp_path}/none.sqlite3", "copy", "there is no database"),
        ("sqlite://", "copy", "there is no database"),
        (f"sqlite:///{tmp_path}/junk.sqlite3", "copy", "cannot be backed up"),
        (f"sqlite:///{tmp_path}/whole.sqlite3", "no/such/folder", "cannot be begun"),
    ):
        assert main(["--database", url, "--backup", str(tmp_path / file)]) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert said in err
        assert "hunter2" not in err
    assert {path.name for path in tmp_path.iterdir()} == {"junk.sqlite3", "whole.sqlite3"}
