"""The process that outlives the game: delivers what the exit left, for at most ten seconds, then is gone.

It is told everything on standard input, and begins when the lock of the game's run file is free: then the game has
gone, whichever way it went, and whoever may have inherited its pipes. What it cannot deliver, the next start does.
"""

from __future__ import annotations

import contextlib
import os
import random
import threading
import time
from pathlib import Path
from typing import IO, Any

from .._disk.lock import FileLock
from .._disk.outbox import Outbox
from .._disk.runs import recover_dead_runs
from .._tasks import end_after
from .._time import Backoff, SystemClock
from ..destinations.gamesparks import GameSparks
from . import frozen, process
from .courier import Courier

LIMIT = 10.0
"""Seconds of delivery: Steam shows a game as running while any child of it lives."""

GAME_LIMIT = 10.0
"""Seconds that it waits for the game to go after `pygame.quit()`. A game that takes longer mostly leaves by an exit at
which it is started anew."""

LOOK = 0.02
"""Seconds between two looks whether the game has gone, or another copy has stopped delivering."""

NAP = 0.1
"""Seconds that it begins with doing nothing: two processors are not many, and the game's exit needs them first."""


class Afterwards:
    """The process, as the game holds it."""

    def __init__(self, outbox: Path, run_file: Path, destination: dict[str, Any]) -> None:
        """Start it. `destination`: the arguments of GameSparks. Raises OSError if that is not possible here."""
        order = {"outbox": str(outbox), "run_file": str(run_file), "destination": destination}
        self._process = process.start("afterwards", order, str(outbox.parent), nap=NAP)

    def waits(self) -> bool:
        """Whether it is still there, waiting for the game to go."""
        return self._process.poll() is None

    def leave(self) -> None:
        """The game ends: it can be called off no more."""
        process.leave(self._process)

    def cancel(self) -> None:
        """The game goes on after all. Waits for nothing; each step of the process may be its last."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.write(process.CALL_OFF)
            self._process.stdin.flush()
        self.leave()
        if not frozen.is_frozen():  # of a one-file game this is the bootloader, which tidies up after the other
            with contextlib.suppress(OSError):
                self._process.kill()


def follow(told: IO[bytes], outbox: str, run_file: str, destination: dict[str, Any]) -> None:
    """Be the process. Another line on `told` calls it off; its end does not: then the game has gone."""
    threading.Thread(target=_listen, args=(told,), daemon=True).start()
    limit = end_after(GAME_LIMIT)
    _await_the_end_of(Path(run_file))
    limit.cancel()
    end_after(LIMIT)
    if os.path.exists(outbox):  # else somebody removed it, who does not want it to be made again
        _deliver(Path(outbox), GameSparks(**destination))


def _listen(told: IO[bytes]) -> None:
    if told.readline():
        os._exit(0)


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
        on_rest=lambda: None,
        lock_wait=LOOK,
    )
    while (delay := courier.turn()) is not None and time.monotonic() + delay < give_up:
        time.sleep(delay)
    outbox.prune()
    courier.close()
