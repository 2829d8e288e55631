"""What is kept goes out: to each destination by a helper, or in a lane of the game's own.

A thread that may wait for the disk keeps that in order, and the helper at work. The game's thread says here that it
waits for what is to go out, or leaves.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial

from .._base.clocks import Backoff, Clock, Instant
from .._base.errors import OutboxError
from .._base.messages import Consent
from .._base.patience import FLUSH_STEP, HEARTBEAT, PENDING
from .._base.threads import Bell
from .._disk.consent import Choice
from .._disk.failover import Failover
from .._disk.journal import Journal
from .._disk.outbox import Outbox, Receipt
from .._disk.storage import Storage
from ..destinations import Destination
from ..destinations._telling import Known
from .courier import Courier, Line
from .delivery import Delivery
from .lane import Lane
from .receipts import Receipts


class Sending:
    """Of one engine, whose are `storage`, `journal`, `failover` and `lock`. `destinations`: all of the game's.
    `on_moved`: called when the outbox has moved.

    `dirty`: something was written that a power cut would take. `heeded`: the player's choice, as it is followed.
    Nothing is sent before `recovered` has been called.
    """

    def __init__(
        self,
        clock: Clock,
        destinations: Sequence[Known],
        choice: Choice,
        storage: Storage,
        journal: Journal,
        failover: Failover,
        lock: threading.RLock,
        receipts: Receipts,
        on_moved: Callable[[], None],
    ) -> None:
        self.dirty = True
        self.heeded: Consent = choice.now()
        self._clock = clock
        self._choice = choice
        self._storage = storage
        self._journal = journal
        self._failover = failover
        self._lock = lock
        self._receipts = receipts
        self._on_moved = on_moved
        self._house_due = False
        self._house_from = clock.now().elapsed + HEARTBEAT  # a game that starts has better use for the disk
        self._searched = False
        self._leaving = False
        self._left = False
        self._progress = Bell()
        self._using = {"disk", *(f"lane {known.name}" for known in destinations)}  # the outbox, each in a thread
        self._among = tuple(known.name for known in destinations)
        told = {
            known.name: {"batch_size": known.destination.batch_size, **known.told}
            for known in destinations
            if known.told
        }
        self.delivery = Delivery(
            storage,
            lambda: journal.run,
            told,
            self._among,
            choice.may_send,
            self._on_receipt,
            self._progress.ring,
            self._look_in_lanes,
        )
        self._lanes = [self._lane(known.destination) for known in destinations]
        self._worker = clock.worker("disk", self._turn, lambda: self._used("disk"))

    def _lane(self, destination: Destination) -> Lane:
        storage, journal, choice, name = self._storage, self._journal, self._choice, destination.name
        courier = Courier(
            storage.outbox.couriers,
            destination,
            self._clock,
            Backoff(random.random),
            storage.delivery_lock(name),
            lambda: self._searched and choice.may_send() and not self._leaving,
            self.delivery.tell,
            self._progress.ring,
            run=journal.run,
            among=self._among,
        )
        is_helped = partial(self.delivery.helps, name)
        report, run = self._failover.report, lambda: journal.run
        on_close = partial(self._used, f"lane {name}")
        return Lane(name, courier, self._clock, storage, run, is_helped, report, on_close)

    def _turn(self) -> float | None:
        try:
            if self._house_due:
                self._house_due = False
                self._keep_house()
        except (OSError, OutboxError) as error:  # which is none of the delivery's
            self._failover.report(error)
        try:
            return self.delivery.turn() if self._searched else None
        except (OSError, OutboxError) as error:
            self._failover.report(error)
            return HEARTBEAT

    def _keep_house(self) -> None:
        if self._failover.watch(self._clock.now()):
            with ExitStack() as still:
                for lane in self._lanes:
                    still.enter_context(lane.turning)
                if self._failover.turn():
                    self._on_moved()
            self._look_in_lanes()
        outbox = self._storage.outbox.couriers
        self.delivery.work_on(outbox)
        self._failover.make_room()
        if self._choice.now() == "pending" and not self._choice.trouble():  # what cannot be read may be a yes
            outbox.drop_older(self._clock.now().wall - PENDING)
        outbox.prune(self._among)
        outbox.sync()
        outbox.hold_reserve()

    def _look_in_lanes(self) -> None:
        for lane in self._lanes:
            lane.look()

    def _used(self, thread: str) -> None:
        """It uses the outbox no more; the last one closes the connection that they share."""
        self._using.discard(thread)
        if not self._using:
            self._storage.outbox.couriers.close()

    def _on_receipt(self, receipt: Receipt) -> None:
        self._receipts.add(receipt)
        self.dirty = True

    # Any thread; nobody waits but in `flush`

    def start(self) -> None:
        """Begin, unless it has begun."""
        self._worker.start()

    def look(self) -> None:
        """There is something new."""
        self.delivery.look()
        self._worker.wake()
        self._look_in_lanes()

    def nudge(self) -> None:
        """There is hope: try at once."""
        self.delivery.nudge()
        self._worker.wake()
        for lane in self._lanes:
            lane.nudge()

    def beat(self, at: Instant) -> None:
        """The disk is flushed once a beat, not with every write: that slows the next write in a frame."""
        moves = self._failover.watch(at)
        if at.elapsed >= self._house_from and (moves or self.dirty):
            self.dirty = False
            self.keep_house()

    def keep_house(self) -> None:
        """Flush the disk, and see to what is wrong with it, in the next turn."""
        self._house_due = True
        self._worker.wake()

    def recovered(self, receipts: list[Receipt]) -> None:
        """A look for dead runs is done; at the first one, the receipts that the game was never told of."""
        self._receipts.put_first(receipts)
        self.delivery.know(receipts)
        self._searched = True
        self.dirty = True
        self.look()

    def heed(self, choice: Consent) -> None:
        """That is what the player has chosen: whether what is kept may be sent."""
        if choice != self.heeded:
            self.heeded = choice
            if choice != "granted":
                self.delivery.stop()
            self.look()

    def farewell(self) -> None:
        """The game may go at any moment, without a word."""
        if self._unsent():
            self.delivery.have_helper()

    def lines(self, outbox: Outbox) -> dict[str, Line]:
        """The line to each destination, as it was last found."""
        return {
            lane.name: self.delivery.line(lane.name, outbox) if self.delivery.helps(lane.name) else lane.line
            for lane in self._lanes
        }

    def let_go(self) -> None:
        """This thread was interrupted, and holds nothing."""
        self.delivery.let_go()
        for lane in self._lanes:
            lane.let_go()

    def _unsent(self) -> bool:
        """Whether something is unsent, and may be sent."""
        try:
            with self._lock:
                return self._choice.may_send() and (bool(self._journal) or self._storage.outbox.games.unsent())
        except OutboxError as error:
            self._failover.report(error)
            return False

    def flush(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds until nothing is ready. The caller's thread waits."""
        deadline = self._clock.now().elapsed + timeout
        self.nudge()
        while True:
            self.look()
            try:
                with self._lock:
                    outbox = self._storage.outbox
                    done = not self._journal and not outbox.games.is_ready()
                if done:
                    if self._searched:
                        self.delivery.hear(outbox.couriers)
                    return True
            except OutboxError as error:
                self._failover.report(error)
            left = deadline - self._clock.now().elapsed
            if left <= 0:
                return False
            self._clock.wait(self._progress, min(left, FLUSH_STEP))

    def stop(self, all_of_us: bool = False) -> None:
        """Begin no more requests: what is written from now on is not sent from here, or the exit would cut it off; nor,
        with `all_of_us`, by a helper."""
        self._leaving = True
        self._worker.stop(0.0)
        for lane in self._lanes:
            lane.worker.stop(0.0)
        if all_of_us:
            self.delivery.stop()

    def die(self) -> None:
        """As the process dies: nobody delivers, and no turn is held."""
        for lane in self._lanes:
            lane.die()

    def leave(self, after: bool) -> None:
        """The game ends. `after`: a helper is to deliver what is left."""
        self.stop()
        if not self._left:
            self.delivery.leave(after and self._unsent())
            self._left = True
