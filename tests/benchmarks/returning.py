"""An outage of an hour is over, and all installations have an end to deliver: how the plugin's courier and backoff and
the server's shedding play together. In fake time, with the real Courier, Backoff and Pace; disk and network are models.

    python -m tests.benchmarks.returning [INSTALLATIONS] [REQUESTS_A_SECOND] [HOURS]

The server answers so many requests a second, in their order, and one that it sheds costs it nothing. A client that has
no answer after the plugin's own time-out has gone, which the server does not know: it does that work all the same.
"""

from __future__ import annotations

import heapq
import logging
import random
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from gs_pygame import End, EndSessionResponse
from gs_pygame._base.clocks import Backoff, Instant
from gs_pygame._base.patience import READ_TIMEOUT
from gs_pygame._delivery.courier import Courier
from gs_pygame._disk.queue import Queued
from gs_pygame.destinations import Delivered, Outcome, Retry
from gs_pygame.server._limits import Pace, retry_after

OUTAGE = 3600.0  # seconds
_END = End("s", 1, None, "i", "i", 0.0, 1.0, 1.0, "quit", "{}", "{}")
_QUEUED = Queued(_END, 0, 0, 1, 1)
_OFFLINE = Retry("no connection")


class Clock:
    """One for all: it stands where the simulation does."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> Instant:
        return Instant(self.time, self.time, self.time, 0.0)

    def __call__(self) -> float:
        return self.time


class Outbox:
    """Of one installation, with one end."""

    def __init__(self) -> None:
        self.delivered = False

    def ready(self, _limit: int) -> list[Queued]:
        return [] if self.delivered else [_QUEUED]

    is_told = True

    def queue(self, _name: str, _among: object) -> Outbox:
        return self

    def is_ready(self, _queued: Queued) -> bool:
        return not self.delivered

    def note_attempt(self) -> None:
        pass

    def strike(self, *_arguments: object) -> None:
        pass

    def deliver(self, *_arguments: object) -> None:
        self.delivered = True

    @contextmanager
    def transaction(self) -> Iterator[None]:
        yield


class Server:
    """Answers `capacity` requests a second, one after the other; with a Pace it sheds, else everybody waits."""

    def __init__(self, clock: Clock, capacity: float, sheds: bool) -> None:
        self.is_up = False
        self.asked: dict[int, int] = {}  # requests in each second
        self._clock = clock
        self._each = 1 / capacity
        self._free_at = 0.0
        self._pace = Pace(clock) if sheds else None
        self._ends: deque[float] = deque()  # when those under way are answered
        self.took = 0.0  # seconds that the last request waited for its answer

    name = "server"
    batch_size = 1

    def deliver(self, _ends: Sequence[End]) -> list[Outcome]:
        return [self._answer()]

    def _answer(self) -> Outcome:
        now, self.took = self._clock.time, 0.0
        self.asked[int(now)] = self.asked.get(int(now), 0) + 1
        if not self.is_up:
            return _OFFLINE
        if self._pace is not None:
            self._finish(self._pace)
            if self._pace.is_full():
                return Retry("HTTP 503", after=retry_after(self._pace.overload()))
            self._pace.begin()
            self._ends.append(max(self._free_at, now) + self._each)
        self._free_at = max(self._free_at, now) + self._each
        wait = self._free_at - now
        self.took = min(wait, READ_TIMEOUT)
        return Delivered(EndSessionResponse(1000)) if wait <= READ_TIMEOUT else Retry("no answer")

    def _finish(self, pace: Pace) -> None:
        now = self._clock.time
        while self._ends and self._ends[0] <= now:
            self._clock.time = self._ends.popleft()
            pace.finish()
        self._clock.time = now

    def close(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Return:
    """`peak`: requests in the worst second after the outage over what the server can answer; `steady`: the same over
    the whole time. `all_after`, `half_after`: seconds after the outage; None: never, within the limit."""

    peak: float
    steady: float
    half_after: float | None
    all_after: float | None
    requests: int


@dataclass(order=True)
class _Due:
    at: float
    number: int = field(compare=False)


def simulate(installations: int, capacity: float, sheds: bool, seed: int, limit: float) -> Return:
    """`limit`: seconds after the outage when it is given up."""
    chance = random.Random(seed)
    random.seed(seed)
    clock = Clock()
    server = Server(clock, capacity, sheds)
    couriers: list[Courier] = []
    boxes: list[Outbox] = []
    heap: list[_Due] = []
    for number in range(installations):
        box: Any = Outbox()
        boxes.append(box)
        couriers.append(
            Courier(
                box,
                server,
                clock,
                Backoff(chance.random),
                None,
                may_send=lambda: True,
                on_receipt=lambda receipt: None,
                on_rest=lambda: None,
            )
        )
        # Its session ended at some moment of the outage; the last ten minutes of it stand for the whole hour, since the
        # backoff has reached its cap by then.
        heap.append(_Due(OUTAGE - 600 + chance.uniform(0, 600), number))
    heapq.heapify(heap)
    left, half_after, all_after = installations, None, None
    while heap and heap[0].at < OUTAGE + limit:
        due = heapq.heappop(heap)
        clock.time = due.at
        server.is_up = due.at >= OUTAGE
        wait = couriers[due.number].turn()
        answered_at = due.at + server.took
        if boxes[due.number].delivered:
            left -= 1
            if left <= installations / 2 and half_after is None:
                half_after = answered_at - OUTAGE
            if not left:
                all_after = answered_at - OUTAGE
        else:
            heapq.heappush(heap, _Due(answered_at + (wait or 0.0), due.number))
    after = {second: count for second, count in server.asked.items() if second >= OUTAGE}
    total = sum(after.values())
    seconds = max(after) - OUTAGE + 1
    return Return(max(after.values()) / capacity, total / seconds / capacity, half_after, all_after, total)


def main() -> None:
    logging.disable()
    installations = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    capacity = float(sys.argv[2]) if len(sys.argv) > 2 else 1000.0
    limit = 3600.0 * (float(sys.argv[3]) if len(sys.argv) > 3 else 4)
    print(f"{installations:,} installations, {capacity:g} requests a second; at best {installations / capacity:,.0f} s")
    for sheds in (True, False):
        print("with shedding:   " if sheds else "without shedding:", simulate(installations, capacity, sheds, 1, limit))


if __name__ == "__main__":
    main()
