"""What a player wants forgotten is asked of each destination that can erase: after a denial, when there is no outbox
and no courier any more, and at later starts until each has heard."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

from .._base.clocks import Backoff, Clock
from .._base.log import log
from .._base.messages import Erasure
from .._base.patience import HEARTBEAT, PAUSE
from .._disk.erasure_requests import ErasureRequests
from ..destinations import Delivered, Outcome, Rejected
from ..destinations._telling import Known

QUICK_TRIES = 6
"""With the backoff, a minute in all; then once in PAUSE, for whoever is away that long."""


class Erasing:
    """Of one game, whose `destinations` these are. Its thread is there while there is something to ask."""

    def __init__(self, folder: Path, destinations: Sequence[Known], clock: Clock) -> None:
        able = [known.name for known in destinations if hasattr(known.destination, "erase")]
        self.requests = ErasureRequests(folder, able)
        self._destinations = {known.name: known.destination for known in destinations}
        self._clock = clock
        self._backoff = Backoff(random.random)
        self._tries = 0
        self._worker = clock.worker("erasing", self._turn, self._close)

    def look(self) -> None:
        """There may be something to ask. Any thread."""
        if self.requests:
            self._worker.start()
            self._worker.wake()

    def stop(self) -> None:
        """Ask no more in this run. Does not wait."""
        self._worker.stop(0.0)

    def _turn(self) -> float | None:
        try:
            with self.requests.asking():
                return self._ask_all()
        except OSError:  # another copy is at it, or the disk fails: it is asked again, which changes nothing
            return HEARTBEAT

    def _ask_all(self) -> float | None:
        now = self._clock.now().wall
        self.requests.give_up(now)
        left = False
        for erasure, names in self.requests.due(now):
            for name in names:
                outcome = self._ask(name, erasure)
                if isinstance(outcome, (Delivered, Rejected)):
                    self.requests.settle(erasure, name)
                    if isinstance(outcome, Rejected):
                        log.warning("gs_pygame: %s does not erase what it was sent: %s", name, outcome.error)
                else:
                    left = True
        if not left:
            self._tries = 0
            self._backoff.reset()
            return None
        self._tries += 1
        return self._backoff.next() if self._tries <= QUICK_TRIES else PAUSE

    def _ask(self, name: str, erasure: Erasure) -> Outcome | None:
        destination = self._destinations.get(name)
        if destination is None:
            return Rejected("the game sends nothing there any more")
        erase: Callable[[Erasure], Outcome] | None = getattr(destination, "erase", None)
        if erase is None:
            return Rejected("it cannot")
        try:
            return erase(erasure)
        except Exception:  # noqa: BLE001 - it may be anyone's code
            return None

    def _close(self) -> None:
        for destination in self._destinations.values():
            destination.close()
