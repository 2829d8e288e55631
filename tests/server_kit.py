"""What tests that need a server share: a server in a thread or as a process, and a request."""

from __future__ import annotations

import os
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette

import gs_pygame
from gs_pygame.server import Store
from gs_pygame.server._protocol import parse_request, response
from gs_pygame.server._running import configured

DEADLINE = 30.0  # seconds; only a broken test waits this long


@contextmanager
def listening(app: Starlette, proxies: Sequence[str] = ()) -> Iterator[str]:
    """Serve `app` in a thread on a free port, behind `proxies`; yields the address without a slash at its end."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(("127.0.0.1", 0))
    listener.listen()  # who connects before the thread has started waits
    server = uvicorn.Server(configured(app, proxies))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(DEADLINE)
        assert not thread.is_alive()


class ServerProcess:
    """`gs-pygame serve` with `options`, as a child process. Its first line has been read."""

    def __init__(self, *options: str, cwd: Path) -> None:
        self.child = subprocess.Popen(
            [sys.executable, "-m", "gs_pygame", "serve", *options],
            cwd=cwd,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        lines: queue.Queue[str] = queue.Queue()
        stdout = self.child.stdout
        assert stdout is not None
        threading.Thread(target=lambda: lines.put(stdout.readline()), daemon=True).start()
        self.first_line = lines.get(timeout=DEADLINE)
        self.address = self.first_line.strip().rstrip("/")

    def stop(self, how: Callable[[subprocess.Popen[str]], None]) -> tuple[int, str, str]:
        """Stop it by `how`; the exit code and what it had still to say on stdout and stderr."""
        how(self.child)
        out, err = self.child.communicate(timeout=DEADLINE)
        return self.child.returncode, out, err


def environment() -> dict[str, str]:
    """This environment, in which a child finds the same gs_pygame."""
    assert gs_pygame.__file__ is not None
    root = str(Path(gs_pygame.__file__).parents[1])
    return {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)}


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds."""
    limit = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < limit, "the condition never came true"
        time.sleep(0.01)


def end(request_id: str = "d_1", **changes: Any) -> dict[str, Any]:
    """A complete EndSessionRequest, as the client sends it."""
    return {
        "@class": ".EndSessionRequest",
        "requestId": request_id,
        "playerId": "ada",
        "scriptData": {
            "level": 3,
            "session": {
                "id": f"s-{request_id}",
                "previousId": "s-0",
                "number": 7,
                "installationId": "i-1",
                "startedAt": "2026-10-30T14:00:00.000Z",
                "endedAt": "2026-10-30T14:05:10.250Z",
                "activeMs": 187_000,
                "wallMs": 310_250,
                "reason": "background",
                "app": "Starfall",
                "appVersion": "1.2",
                "sdk": "gs_pygame 0.1.0",
                "platform": "Linux",
                "python": "3.11.7",
                "pygame": "2.6.1",
            },
        },
        **changes,
    }


def numbered(number: int | None, session_id: str | None = None, player: str = "ada", **session: Any) -> dict[str, Any]:
    """The end of session `number`, with these parts of `scriptData.session` besides."""
    name = session_id or f"s-{number}"
    measured = {"id": name, "number": number, "installationId": "i-1", **session}
    return end(f"d_{name}", playerId=player, scriptData={"session": measured})


def ends(numbers: Iterable[int], **session: Any) -> list[dict[str, Any]]:
    """The ends of these sessions of one installation."""
    installation = session.get("installationId", "i-1")
    return [numbered(number, f"{installation}-{number}", **session) for number in numbers]


def counters(started: int, ended: int, delivered: int, rejected: int = 0, **dropped: int) -> dict[str, Any]:
    """What a client says of its sessions, as it travels with each end."""
    return {"started": started, "ended": ended, "delivered": delivered, "rejected": rejected, "dropped": dropped}


def record(store: Store, *bodies: dict[str, Any]) -> None:
    """Have `store` receive these, without a network."""
    for body in bodies:
        request = parse_request(body)
        store.record(request, response(request))


PATH = "/rs/device/topsecret/EndSessionRequest"
JSON_BODY = {"Content-Type": "application/json"}
