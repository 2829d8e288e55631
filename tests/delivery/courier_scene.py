"""A courier at work: a real outbox, real locks, a destination that fails as it is told, a clock that the test moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

from network_kit import put

from gs_pygame import End
from gs_pygame._base.clocks import Backoff
from gs_pygame._delivery.courier import Courier
from gs_pygame._disk.outbox import Outbox, Receipt
from gs_pygame.destinations import Outcome, Retry
from gs_pygame.testing import FakeClock, FakeDestination

OFFLINE = Retry("no connection")
BROKEN = Retry("HTTP 500", server_error=True)
HOUR = 3600.0  # seconds
NEARLY_ONE = 1.0 - 1e-9


class Scene:
    """A courier at work. `times`: when each attempt was made, on the elapsed clock, from the scene's beginning.

    `jitter`: what the backoff's random gives. `broken`: session ids whose ends meet a 500.
    """

    name = "scene"
    batch_size = 1

    def __init__(self, folder: Path, clock: FakeClock | None = None) -> None:
        self.folder = folder
        self.clock = clock or FakeClock()
        self.outbox = Outbox(folder / "outbox.sqlite3")
        self.jitter = NEARLY_ONE
        self.may_send = True
        self.broken: set[str] = set()
        self.receipts: list[Receipt] = []
        self.times: list[float] = []
        self.fake = FakeDestination()
        self.during: Callable[[End], object] = lambda end: None
        self.told: Callable[[Receipt], None] = self.receipts.append
        self._couriers = self.outbox.another()
        self.courier = Courier(
            self._couriers,
            self,
            self.clock,
            Backoff(lambda: self.jitter),
            folder / "delivery-gamesparks.lock",
            may_send=lambda: self.may_send,
            on_receipt=lambda receipt: self.told(receipt),
            on_rest=lambda: None,
        )
        self._begun = self.clock.now().elapsed
        self.worker = self.clock.worker("courier", self.courier.turn, self.leave)
        self.worker.start()

    def deliver(self, ends: Sequence[End]) -> Sequence[Outcome]:
        return [self._deliver(end) for end in ends]

    def _deliver(self, end: End) -> Outcome:
        self.times.append(self.clock.now().elapsed - self._begun)
        self.during(end)
        if end.session_id in self.broken:
            self.fake.attempts.append(end)
            return BROKEN
        return self.fake.deliver([end])[0]

    def close(self) -> None:
        self.fake.close()

    def leave(self) -> None:
        """What a courier's thread does last."""
        self.courier.close()
        self._couriers.close()

    def put(self, count: int = 1) -> list[str]:
        ids = put(self.outbox, count)
        self.worker.wake()
        return ids

    def comes(self, *outcomes: Outcome) -> None:
        """What is to come of the next attempts."""
        self.fake.outcomes += outcomes

    def nudge(self) -> None:
        self.courier.nudge()
        self.worker.wake()

    def wait(self, seconds: float = 0.001) -> None:
        self.clock.advance(seconds)

    @property
    def attempts(self) -> list[str]:
        return [end.session_id for end in self.fake.attempts]

    @property
    def delivered(self) -> list[str]:
        return [end.session_id for end in self.fake.ends]

    @property
    def gaps(self) -> list[float]:
        """Seconds from each attempt to the next."""
        return [after - before for before, after in pairwise(self.times)]
