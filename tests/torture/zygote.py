"""Starts processes and kills them on time: a warmed Python that forks, so that a start costs 30 ms instead of 300.

It has imported pygame (not initialised) and requests, but never the plugin: each child imports that itself, so that a
kill may fall into the import. An order with "cold" is a whole new Python. Orders come as lines of JSON on standard
input, {"n", "order", "life", "cold", "stop"}; what became of them goes out as lines, {"n", "died", "stopped", "killed",
"code"}. `life` is in seconds, None to let it live; `stop` is when to stop it (SIGSTOP) and for how long, or None.
`stopped` is from when to when it was, until it died at the latest. It ends when its standard input does, and kills what
it started.
"""

from __future__ import annotations

import atexit
import json
import math
import os
import select
import signal
import subprocess
import sys
import time
import traceback
from dataclasses import dataclass, field
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


@dataclass
class Child:
    """One process, and what is still to be done to it: signals and their times, the next one last."""

    pid: int
    n: int
    due: list[tuple[float, int]] = field(default_factory=list)
    stopped: tuple[float, float] | None = None  # infinity: it still is
    killed: float | None = None

    def signals(self, now: float) -> None:
        """Send what is due."""
        while self.due and self.due[-1][0] <= now:
            _, sent = self.due.pop()
            if sent == signal.SIGKILL:
                self.killed = now
            else:
                self.stopped = (self.stopped[0], now) if self.stopped else (now, math.inf)
            os.kill(self.pid, sent)

    def gone(self) -> dict[str, Any] | None:
        """What became of it; None while it lives."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if not pid:
            return None
        was_killed = os.WIFSIGNALED(status) and self.killed is not None
        died = self.killed if was_killed else time.monotonic()
        return {
            "n": self.n,
            "died": died,
            "stopped": self.stopped and (self.stopped[0], min(self.stopped[1], died)),
            "killed": was_killed,
            "code": os.waitstatus_to_exitcode(status),
        }


def serve() -> None:
    alive: list[Child] = []
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
                    started = Child(child(Order(**said["order"]), said["cold"]), said["n"])
                    started.due = due(said["life"], said["stop"], time.monotonic())
                    alive.append(started)
            for one in list(alive):
                one.signals(time.monotonic())
                if report := one.gone():
                    alive.remove(one)
                    print(json.dumps(report), flush=True)
    finally:
        for one in alive:
            os.kill(one.pid, signal.SIGKILL)


def due(life: float | None, stop: tuple[float, float] | None, now: float) -> list[tuple[float, int]]:
    """The signals of a child that begins `now`, the first one last."""
    signals = [(now + life, signal.SIGKILL)] if life is not None else []
    if stop:
        signals += [(now + stop[0], signal.SIGSTOP), (now + sum(stop), signal.SIGCONT)]
    return sorted(signals, reverse=True)


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

    def start(
        self,
        n: int,
        order: Order,
        life: float | None,
        cold: bool = False,
        stop: tuple[float, float] | None = None,
    ) -> None:
        """Have `order` done as number `n`, and kill it after `life` seconds. `stop`: after how many seconds to stop it,
        and for how many."""
        assert self._process.stdin is not None
        said = {"n": n, "order": json.loads(order.to_json()), "life": life, "cold": cold, "stop": stop}
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
