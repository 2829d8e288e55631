"""What a player wants forgotten is asked of each destination that can erase: after a denial, when there is no outbox
and no courier any more, and at later starts until each has heard."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from .._base.clocks import Backoff, Clock
from .._base.log import log
from .._base.messages import Erasure
from .._base.patience import HEARTBEAT, PAUSE, TURN_WAIT
from .._disk.erasure_requests import ErasureRequests
from .._disk.storage import delivery_lock
from ..destinations import Delivered, Outcome, Rejected
from ..destinations._telling import Known
from .turn import Turn

QUICK_TRIES = 6
"""With the backoff, a minute in all; then once in PAUSE, for whoever is away that long."""


class Erasing:
    """Of one game, whose `destinations` these are. Its thread is there while there is something to ask."""

    def __init__(self, folder: Path, destinations: Sequence[Known], clock: Clock) -> None:
        self._folder = folder
        able = [known.name for known in destinations if hasattr(known.destination, "erase")]
        self.requests = ErasureRequests(folder, able)
        self._destinations = {known.name: known.destination for known in destinations}
        self._clock = clock
        self._backoff = Backoff(random.random)
        self._tries = 0
        self._worker = clock.worker("erasing", self._turn, lambda: None)

    def look(self) -> None:
        """There may be something to ask. Any thread."""
        if self.requests.any():
            self._worker.start()
            self._worker.wake()

    def stop(self) -> None:
        """Ask no more in this run. Does not wait."""
        self._worker.stop(0.0)

    def _turn(self) -> float | None:
        try:
            return self._ask_all()
        except OSError:  # another copy is at it, or the disk fails: it is asked again, which changes nothing
            return HEARTBEAT

    def _ask_all(self) -> float | None:
        now = self._clock.now().wall
        self.requests.give_up(now)
        names = dict.fromkeys(name for _, names in self.requests.due(now) for name in names)
        heard = [self._ask_in_turn(name, now) for name in names]
        if False in heard:
            self._tries += 1
            return self._backoff.next() if self._tries <= QUICK_TRIES else PAUSE
        self._tries = 0
        self._backoff.reset()
        return TURN_WAIT if None in heard else None

    def _ask_in_turn(self, name: str, now: float) -> bool | None:
        """Whether it has heard all; None while somebody delivers there. What was under way when the player refused
        arrives first, and what another copy asks is not asked again."""
        turn = Turn(delivery_lock(self._folder, name))
        if not turn.take():
            return None
        try:
            mine = [erasure for erasure, names in self.requests.due(now) if name in names]
            heard = [self._has_heard(name, erasure) for erasure in mine]
            return all(heard)
        finally:
            turn.free()

    def _has_heard(self, name: str, erasure: Erasure) -> bool:
        outcome = self._ask(name, erasure)
        if not isinstance(outcome, (Delivered, Rejected)):
            return False
        self.requests.settle(erasure, name)
        if isinstance(outcome, Rejected):
            log.warning("gs_pygame: %s does not erase what it was sent: %s", name, outcome.error)
        return True

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
        finally:
            with suppress(Exception):
                destination.close()
