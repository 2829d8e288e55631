"""Starts processes and kills them on time: a warmed Python that forks, so that a start costs 30 ms instead of 300.

It has imported pygame (not initialised) and requests, but never the plugin: each child imports that itself, so that a
kill may fall into the import. An order with "cold" is a whole new Python. Orders come as lines of JSON on standard
input, {"n", "order", "life", "cold"}; what became of them goes out as lines, {"n", "died", "killed", "code"}. `life`
is in seconds, None to let it live. It ends, and kills what it started, when its standard input does.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import subprocess
import sys
import time
import traceback
from typing import Any

import pygame  # noqa: F401 - warms the children
import requests  # noqa: F401 - the same

from torture.game import Order, main

STEP = 0.002
"""Seconds between two looks whether a child has gone."""


def child(order: Order, cold: bool) -> int:
    """Fork one; its process id."""
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        silence = os.open(os.devnull, os.O_RDWR)
        os.dup2(silence, 0)
        os.dup2(silence, 1)
        log = os.open(order.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.dup2(log, 2)
        if cold:
            os.execv(sys.executable, [sys.executable, "-m", "torture.game", order.to_json()])
        main(order)
        code = 0
    except SystemExit:
        atexit._run_exitfuncs()
        code = 0
    except BaseException:  # noqa: BLE001 - it must not go on as a second zygote
        traceback.print_exc()
    os._exit(code)


def serve() -> None:
    alive: dict[int, tuple[int, float]] = {}  # pid -> n, when to kill it
    killed: dict[int, float] = {}
    pending = b""
    try:
        while True:
            readable, _, _ = select.select([0], [], [], STEP if alive else None)
            if readable:
                read = os.read(0, 65536)
                if not read:
                    return
                *lines, pending = (pending + read).split(b"\n")
                for line in lines:
                    said: dict[str, Any] = json.loads(line)
                    pid = child(Order(**said["order"]), said["cold"])
                    life = float("inf") if said["life"] is None else said["life"]
                    alive[pid] = (said["n"], time.monotonic() + life)
            for pid, (n, until) in list(alive.items()):
                if pid not in killed and time.monotonic() >= until:
                    killed[pid] = time.monotonic()
                    os.kill(pid, signal.SIGKILL)
                gone, status = os.waitpid(pid, os.WNOHANG)
                if gone:
                    del alive[pid]
                    died = killed.pop(pid, None)
                    was_killed = os.WIFSIGNALED(status) and died is not None
                    report = {
                        "n": n,
                        "died": died if was_killed else time.monotonic(),
                        "killed": was_killed,
                        "code": os.waitstatus_to_exitcode(status),
                    }
                    print(json.dumps(report), flush=True)
    finally:
        for pid in alive:
            os.kill(pid, signal.SIGKILL)


class Zygote:
    """The runner's side."""

    def __init__(self, path: list[str]) -> None:
        """`path`: where gs_pygame and this package are."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("GS_PYGAME_") and k != "DO_NOT_TRACK"}
        environment |= {
            "PYTHONPATH": os.pathsep.join(path),
            "SDL_VIDEODRIVER": "dummy",
            "SDL_AUDIODRIVER": "dummy",
            "PYGAME_HIDE_SUPPORT_PROMPT": "1",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "torture.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )

    def start(self, n: int, order: Order, life: float | None, cold: bool = False) -> None:
        """Have `order` done as number `n`, and kill it after `life` seconds."""
        assert self._process.stdin is not None
        said = {"n": n, "order": json.loads(order.to_json()), "life": life, "cold": cold}
        self._process.stdin.write(json.dumps(said).encode() + b"\n")
        self._process.stdin.flush()

    def gone(self) -> dict[str, Any]:
        """Wait for the next process to go, and say which and how."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError("the zygote has died")
        return dict(json.loads(line))

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()


if __name__ == "__main__":
    serve()
