"""Memory: requests that nobody knows, however many and however they are called, leave none behind."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from server_kit import DEADLINE, JSON_BODY, ServerProcess
from torture.counts import UNKNOWN
from websockets.sync.client import ClientConnection, connect

NAME = 8 * 1024
"""Characters of a request's name: who keeps no more of each than that is found out, too."""

WARM = 200
"""Requests after which the server has all that it keeps."""

SLACK = 3 * 1024
"""KB: less than the names of any of the two ways in."""


def names(first: int, count: int) -> list[str]:
    return [f"{number}Request".rjust(NAME, "x") for number in range(first, first + count)]


def ask_over_rest(client: httpx.Client, name: str) -> None:
    answer = client.post(f"/rs/device/s/{name}", content=json.dumps({"@class": f".{name}"}), headers=JSON_BODY)
    assert answer.status_code == 404


def ask_over_socket(socket: ClientConnection, name: str) -> None:
    socket.send(json.dumps({"@class": f".{name}", "requestId": name}))
    answer = json.loads(socket.recv(DEADLINE))
    assert answer["requestId"] == name
    assert "@class" in answer["error"]


def memory_of(pid: int) -> int:
    """KB that are this process's own, and its share of what others have, too."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
def test_unknown_requests_leave_memory_flat(start: Callable[..., ServerProcess]) -> None:
    """Over HTTP and over WebSocket; each is refused in words."""
    server = start("--port", "0", "--database", "sqlite://")
    with (
        httpx.Client(base_url=server.address, timeout=DEADLINE, trust_env=False) as client,
        connect(f"ws{server.address[4:]}/ws/device/K", open_timeout=DEADLINE) as socket,
    ):
        socket.recv(DEADLINE)
        socket.send(json.dumps({"@class": ".AuthenticatedConnectRequest", "hmac": ""}))
        assert "sessionId" in json.loads(socket.recv(DEADLINE))

        def ask(first: int, count: int) -> None:
            for name in names(first, count):
                ask_over_rest(client, name)
                ask_over_socket(socket, name)

        ask(0, WARM)
        before = memory_of(server.child.pid)
        ask(WARM, UNKNOWN // 2)
        assert memory_of(server.child.pid) - before < SLACK
