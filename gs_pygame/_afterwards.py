"""The process that outlives the game: delivers what the exit left, for at most ten seconds, then is gone.

It is told everything on standard input, and begins when the lock of the game's run file is free: then the game has
gone, whichever way it went, and whoever may have inherited its pipes. What it cannot deliver, the next start does.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import random
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from . import _detached
from ._backoff import Backoff
from ._clock import SystemClock
from ._courier import Courier
from ._lock import FileLock
from ._outbox import Outbox
from ._recovery import recover_dead_runs
from .destinations.gamesparks import GameSparks

LIMIT = 10.0
"""Seconds of delivery: Steam shows a game as running while any child of it lives."""

GAME_LIMIT = 60.0
"""Seconds that it waits for the game to go: some do a lot after `pygame.quit()`."""

PIPE_SIZE = 4096
"""Bytes that a pipe takes at once wherever there are pipes (the least that Linux, macOS and Windows give one)."""

LOOK = 0.02
"""Seconds between two looks whether the game has gone, or another copy has stopped delivering."""

# The working directory is the data folder, which must not be a place to import from.
_PROGRAM = f"""\
import sys
sys.path = [path for path in sys.path if path]
import json
order = json.loads(sys.stdin.readline())
sys.path += order["sys_path"]
from {__package__}._afterwards import follow
follow(order)
"""


@dataclass(frozen=True, slots=True)
class Order:
    """What the process has to know. `destination`: the arguments of GameSparks."""

    outbox: str
    run_file: str
    destination: dict[str, Any]


class Afterwards:
    """The process, as the game holds it."""

    def __init__(self, order: Order) -> None:
        """Start it. Raises OSError if that is not possible here. Takes a millisecond."""
        command = _detached.command(_PROGRAM)
        if command is None:
            raise OSError(f"{sys.executable or 'no interpreter'} cannot run a process of ours")
        told = json.dumps({**asdict(order), "sys_path": _package_paths()}).encode() + b"\n"
        if len(told) > PIPE_SIZE:
            raise OSError("the settings are too long for a pipe that nobody may read")
        self._process = _detached.spawn(command, os.path.dirname(order.outbox), told)

    def waits(self) -> bool:
        """Whether it is still there, waiting for the game to go."""
        return self._process.poll() is None

    def cancel(self) -> None:
        """The game goes on after all."""
        with contextlib.suppress(OSError):
            self._process.terminate()
            self._process.wait()

    def let_go(self) -> None:
        """The game goes. The process is not ours to wait for, and Python need not warn that it still runs."""
        self._process.returncode = 0


def follow(order: dict[str, Any]) -> None:
    """Be the process; does not return."""
    try:
        if hasattr(os, "nice"):
            os.nice(10)
        if _gone(Path(order["run_file"])):
            limit = threading.Timer(LIMIT, os._exit, (0,))  # whatever a server does; every step is safe to cut off
            limit.daemon = True
            limit.start()
            _deliver(Path(order["outbox"]), GameSparks(**order["destination"]))
    finally:
        os._exit(0)


def _gone(run_file: Path) -> bool:
    """Wait until the game has gone; False if it stays."""
    deadline = time.monotonic() + GAME_LIMIT
    while time.monotonic() < deadline:
        try:
            FileLock(run_file, create=False).close()
        except BlockingIOError:
            time.sleep(LOOK)
        except FileNotFoundError:
            return True
        else:
            return True
    return False


def _deliver(path: Path, destination: GameSparks) -> None:
    """Deliver all that can be delivered now, in turn with other copies."""
    outbox = Outbox(path)
    recover_dead_runs(outbox, path.parent / "runs")
    courier = Courier(
        outbox,
        destination,
        SystemClock(),
        Backoff(random.random),
        path.parent / "delivery.lock",
        may_send=lambda: True,
        on_receipt=lambda receipt: None,
        on_turn=lambda: None,
        lock_wait=LOOK,
    )
    while (delay := courier.turn()) is not None:
        time.sleep(delay)
    outbox.prune()
    courier.close()


def _package_paths() -> list[str]:
    """Where the process finds gs_pygame and requests if not by itself: beside the game's script, say."""
    found = []
    for name in (__package__, "requests"):
        spec = importlib.util.find_spec(name)
        if spec and spec.origin:
            found.append(str(Path(spec.origin).parents[1]))
    return found
