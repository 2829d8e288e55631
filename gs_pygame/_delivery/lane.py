"""The way to one destination in the game's own process: a courier in a thread of its own, so that a server that is
slow, or down, holds up no other. While a helper delivers there, it has nothing to do."""

from __future__ import annotations

import threading
from collections.abc import Callable

from .._base.boundary import let_go
from .._base.clocks import Clock
from .._base.errors import OutboxError
from .._base.patience import HEARTBEAT
from .._disk.storage import Storage
from .courier import Courier, Line


class Lane:
    """`run`: who tells the game of receipts. `is_helped`: whether a helper delivers there. `on_fault`: told of what is
    wrong with the disk. `on_close`: called last."""

    def __init__(
        self,
        name: str,
        courier: Courier,
        clock: Clock,
        storage: Storage,
        run: Callable[[], str],
        is_helped: Callable[[], bool],
        on_fault: Callable[[Exception], None],
        on_close: Callable[[], None],
    ) -> None:
        self.name = name
        self._courier = courier
        self._storage = storage
        self._run = run
        self._is_helped = is_helped
        self._on_fault = on_fault
        self._on_close = on_close
        self._turning = threading.RLock()
        self._has_turned = False
        self.worker = clock.worker(f"courier-{name}", self._turn, self._close)

    @property
    def line(self) -> Line:
        return self._courier.line

    @property
    def turning(self) -> threading.RLock:
        """Held while it delivers: who holds it may move the outbox."""
        return self._turning

    def look(self) -> None:
        """There is something new, or nobody helps any more. Any thread."""
        if not self._is_helped():
            self.worker.start()
            self.worker.wake()

    def nudge(self) -> None:
        """There is hope: try at once."""
        self._courier.nudge()
        self.look()

    def die(self) -> None:
        """As the process dies: the turn is free."""
        self._courier.close()

    def let_go(self) -> None:
        """This thread was interrupted, and holds no lock."""
        let_go(self._turning)
        self._courier.let_go()

    def _turn(self) -> float | None:
        if self._is_helped():
            self._courier.step_back()
            return self._courier.idle(None)
        self._has_turned = True
        try:
            with self._turning:
                lock = self._storage.delivery_lock(self.name)
                self._courier.work_on(self._storage.outbox.couriers, lock, self._run())
                return self._courier.idle(self._courier.turn())
        except (OSError, OutboxError) as error:
            self._on_fault(error)
            return HEARTBEAT

    def _close(self) -> None:
        if self._has_turned:  # else this may be the game's thread, and the destination is anybody's code
            self._courier.close()
        self._on_close()
