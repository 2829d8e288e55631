"""The process that outlives the game: delivers what the exit left, for at most ten seconds, then is gone.

It is told everything on standard input, and begins when the lock of the game's run file is free: then the game has
gone, whichever way it went, and whoever may have inherited its pipes. What it cannot deliver, the next start does.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NoReturn

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

GAME_LIMIT = 10.0
"""Seconds that it waits for the game to go after `pygame.quit()`. A game that takes longer mostly leaves by an exit at
which it is started anew."""

LOOK = 0.02
"""Seconds between two looks whether the game has gone, or another copy has stopped delivering."""

NAP = 0.1
"""Seconds that it begins with doing nothing: two processors are not many, and the game's exit needs them first."""

_PACKAGE = Path(os.path.abspath(__file__)).parent

# This very gs_pygame, not another version that is installed too; and by its folder alone, since beside a game's script
# there may be files that are named like a module of the standard library.
_PROGRAM = f"""\
import sys, time
time.sleep({NAP})
from importlib import machinery, util
spec = machinery.PathFinder.find_spec("{_PACKAGE.name}", [sys.argv[1]])
sys.modules[spec.name] = util.module_from_spec(spec)
spec.loader.exec_module(sys.modules[spec.name])
from {_PACKAGE.name}._afterwards import follow
follow()
"""


@dataclass(frozen=True, slots=True)
class Order:
    """What the process has to know. `destination`: the arguments of GameSparks, a secret among them.

    `search`: where it may import requests from, after Python's own folders: it looks at no PYTHONPATH.
    """

    outbox: str
    run_file: str
    destination: dict[str, Any] = field(repr=False)
    search: list[str] = field(default_factory=lambda: [path for path in sys.path if os.path.isabs(path)])


class Afterwards:
    """The process, as the game holds it."""

    def __init__(self, order: Order) -> None:
        """Start it. Raises OSError if that is not possible here. Takes a millisecond."""
        command = _detached.command(_PROGRAM, str(_PACKAGE.parent))
        if command is None:
            raise OSError(f"{sys.executable or 'no interpreter'} cannot run a process of ours")
        told = json.dumps(asdict(order)).encode() + b"\n"
        self._process = _detached.spawn(command, os.path.dirname(order.outbox), told)

    def waits(self) -> bool:
        """Whether it is still there, waiting for the game to go."""
        return self._process.poll() is None

    def cancel(self) -> None:
        """The game goes on after all. Waits for nothing; each step of the process may be its last."""
        with contextlib.suppress(OSError):
            self._process.kill()


def follow() -> NoReturn:
    """Be the process, whose order is on standard input."""
    try:
        limit = _end_after(GAME_LIMIT)
        with contextlib.suppress(AttributeError, OSError):  # there is none on Windows
            os.nice(10)
        with open(0, "rb", closefd=False) as told:  # sys.stdin is None in a frozen game without a console
            order = Order(**json.loads(told.readline()))
        sys.path += [path for path in order.search if path not in sys.path]
        _await_the_end_of(Path(order.run_file))
        limit.cancel()
        _end_after(LIMIT)
        if os.path.exists(order.outbox):  # else somebody removed it, who does not want it to be made again
            _deliver(Path(order.outbox), GameSparks(**order.destination))
    finally:
        os._exit(0)


def _end_after(seconds: float) -> threading.Timer:
    """End this process then, whatever it is waiting for: every step is safe to cut off."""
    timer = threading.Timer(seconds, os._exit, (0,))
    timer.daemon = True
    timer.start()
    return timer


def _await_the_end_of(run_file: Path) -> None:
    while True:
        try:
            FileLock(run_file, create=False).close()
        except (BlockingIOError, PermissionError):  # held; or on Windows, just being removed
            time.sleep(LOOK)
        except FileNotFoundError:
            return
        else:
            return


def _deliver(path: Path, destination: GameSparks) -> None:
    """Deliver all that can be delivered now, in turn with other copies."""
    give_up = time.monotonic() + LIMIT
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
    while (delay := courier.turn()) is not None and time.monotonic() + delay < give_up:
        time.sleep(delay)
    outbox.prune()
    courier.close()
