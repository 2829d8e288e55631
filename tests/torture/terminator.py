"""Starts processes and ends them on time where there is no fork, in the zygote's place: on Windows each is a whole new
Python, and is killed by TerminateProcess."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from queue import SimpleQueue
from typing import Any

from core_kit import DEADLINE

from .game import Order


class Terminator:
    """`path`: where gs_pygame and this package are."""

    def __init__(self, path: list[str]) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("GS_PYGAME_") and k != "DO_NOT_TRACK"}
        self._environment = environment | {
            "PYTHONPATH": os.pathsep.join(path),
            "SDL_VIDEODRIVER": "dummy",
            "SDL_AUDIODRIVER": "dummy",
            "PYGAME_HIDE_SUPPORT_PROMPT": "1",
        }
        self._gone: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self._alive: set[subprocess.Popen[bytes]] = set()

    def start(
        self, n: int, order: Order, life: float | None, cold: bool = False, stop: tuple[float, float] | None = None
    ) -> None:
        """Have `order` done as number `n`, and end it after `life` seconds. All are `cold`, and none can be stopped."""
        assert stop is None
        with open(order.log, "ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "torture.game", order.to_json()],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        self._alive.add(process)
        threading.Thread(target=self._see_off, args=(n, process, life), daemon=True).start()

    def _see_off(self, n: int, process: subprocess.Popen[bytes], life: float | None) -> None:
        killed = False
        died = 0.0
        try:
            process.wait(life)
        except subprocess.TimeoutExpired:
            died = time.monotonic()
            process.kill()
            killed = process.wait() == 1  # TerminateProcess gives that; it may just have left by itself
        self._alive.discard(process)
        self._gone.put(
            {
                "n": n,
                "died": died if killed else time.monotonic(),
                "stopped": None,
                "killed": killed,
                "code": process.returncode,
            }
        )

    def gone(self) -> dict[str, Any]:
        """Wait for the next process to go, and say which and how."""
        return self._gone.get(timeout=DEADLINE)

    def close(self) -> None:
        for process in list(self._alive):
            process.kill()
