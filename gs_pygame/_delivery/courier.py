"""The delivery loop: takes ready ends to the destination, first in first out, one request at a time.

Knows nothing of threads: whoever runs it calls `turn()` and waits as long as it says. One courier at a time delivers
from an outbox, whichever process it is in: it has the turn, but not while it waits.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .._base.clocks import Backoff, Clock
from .._base.errors import OutboxDamagedError, OutboxError
from .._base.log import log
from .._base.patience import DESTINATION_IDLE, PAUSE, RECEIPTS_WAIT, RETRY_AFTER_LIMIT, TURN_WAIT
from .._disk.outbox import Outbox, Receipt
from .._disk.queue import Queued
from ..destinations import Delivered, Destination, Outcome, Pause, Rejected, Retry
from ..destinations._protocol import attempt
from .turn import Turn

STRIKES = 5
"""Server errors in a row after which the next end is tried instead."""

PASSES = 4
"""How often others may be delivered past a failing end before it is rejected: STRIKES * PASSES = 20 errors."""

AT_A_TIME = 16
"""Ends that are sent between two commits of receipts, at most: so many may be sent again after a kill."""


@dataclass(frozen=True, slots=True)
class Line:
    """The line to the server as the courier last found it. `online` is None until something was tried."""

    online: bool | None = None
    last_error: str | None = None


class Courier:
    """Takes what is ready in `outbox` to `destination`, one of those whose names are `among`.

    `lock_path`: the turn's file, None for an outbox in memory. `may_send`: asked last of all before each attempt.
    `lock_wait`: seconds until it looks again whether another copy delivers. `run`: who tells the game of receipts.
    `on_receipt`: called after the outbox has a receipt that the game is to be told of. `on_rest`: called when all has
    been tried that can be.
    `on_line`: called in the transaction that writes down what proves that we are online.
    """

    def __init__(
        self,
        outbox: Outbox,
        destination: Destination,
        clock: Clock,
        backoff: Backoff,
        lock_path: Path | None,
        may_send: Callable[[], bool],
        on_receipt: Callable[[Receipt], None],
        on_rest: Callable[[], None],
        lock_wait: float = TURN_WAIT,
        run: str = "",
        on_line: Callable[[Line], None] = lambda line: None,
        among: Sequence[str] = (),
    ) -> None:
        self._outbox = outbox
        self._destination = destination
        self._among = among or (destination.name,)
        self._queue = outbox.queue(destination.name, self._among)
        self._clock = clock
        self._backoff = backoff
        self._turn = Turn(lock_path) if lock_path else None
        self._has_turn = False
        self._may_send = may_send
        self._on_receipt = on_receipt
        self._on_rest = on_rest
        self._lock_wait = lock_wait
        self._run = run
        self._on_line = on_line
        self._not_before = 0.0  # on the elapsed clock: the backoff's or a pause's; a nudge overrides it
        self._server_asked = 0.0  # on the elapsed clock: the server's own Retry-After; a nudge does not
        self._batch_size: int = destination.batch_size
        self._ahead = max(AT_A_TIME, self._batch_size)
        self._passed_by: str | None = None  # the failing end that the present one is let past
        self._nudged = False
        self._tried = False  # something, since the last rest
        self._noted = False  # in this outbox, that something was tried
        self._idle_from: float | None = None  # on the elapsed clock; None: the destination holds nothing
        self._said: set[str] = set()
        self.line = Line()
        self.is_second = False  # another copy delivers, or did when we looked last

    def nudge(self) -> None:
        """There is hope: try in the next turn, whatever the backoff says. Any thread."""
        self._nudged = True

    def work_on(self, outbox: Outbox, lock_path: Path | None, run: str) -> None:
        """From now on what is ready lies there, if it did not already. Between two turns."""
        if (outbox, run) != (self._outbox, self._run) or lock_path != (self._turn and self._turn.path):
            self._free_turn()
            self._outbox, self._turn, self._run = outbox, Turn(lock_path) if lock_path else None, run
            self._queue = outbox.queue(self._destination.name, self._among)
            self._noted = False

    def turn(self) -> float | None:
        """Deliver the next ends, AT_A_TIME at most. Seconds until the next turn; None: when there is something new.

        Raises OutboxDamagedError, which no waiting mends.
        """
        if not self._may_send():
            self._free_turn()
            return None
        now = self._clock.now().elapsed
        if self._nudged:
            self._nudged = False
            self._not_before = 0.0
            self._backoff.reset()
        wait = max(self._not_before, self._server_asked) - now
        if wait > 0:
            return wait
        try:
            queue = self._queue.ready(self._ahead)
            if queue and not self._has_turn:
                self.is_second = not self._take_turn()
                if self.is_second:
                    return self._lock_wait
                queue = self._queue.ready(self._ahead)  # again: another copy may just have delivered these
            if not queue and self._has_turn:
                self._free_turn()
                return 0.0  # to look once more: who was second may have left its ends to us
            if not queue:
                self._rest()
                return None
            return self._deliver(queue)
        except OutboxDamagedError:
            self._wait(self._backoff.next())
            raise
        except OutboxError as error:
            self._say(logging.WARNING, f"the outbox cannot be read or written: {error}")
            return self._wait(self._backoff.next())

    def idle(self, delay: float | None) -> float | None:
        """After a turn that asked for `delay`: that, or sooner, when the destination is to give up what it holds."""
        if self._idle_from is None:
            return delay
        left = self._idle_from + DESTINATION_IDLE - self._clock.now().elapsed
        if left > 0:
            return left if delay is None else min(left, delay)
        self._idle_from = None
        self._destination.close()
        return delay

    def step_back(self) -> None:
        """Somebody else is to deliver. Between two turns."""
        self._free_turn()

    def let_go(self) -> None:
        """This thread was interrupted, and holds no lock."""
        if self._turn is not None:
            self._turn.let_go()

    def close(self) -> None:
        """Give up the turn and the destination; the outbox stays open."""
        self._free_turn()
        self._destination.close()

    def _deliver(self, queue: list[Queued]) -> float | None:
        head, chosen, failing = queue[0], queue, None
        if head.strikes:  # it may be what is wrong with all of a batch
            chosen = [head]
        if head.strikes >= STRIKES and self._passed_by != head.end.session_id and len(queue) > 1:
            chosen, failing = queue[1:2], head
        if not self._is_my_turn():
            return self._lock_wait
        if not self._may_send():  # asked again: what was just read may have been written by an exit
            self._free_turn()
            return None
        self._passed_by = failing.end.session_id if failing else None
        tried = self._attempt(chosen)
        if not self._is_my_turn():  # we were stopped meanwhile: only what is certain is written down
            tried = [(queued, outcome) for queued, outcome in tried if isinstance(outcome, (Delivered, Rejected))]
            failing = None
        try:
            return self._record(tried, failing)
        except OutboxDamagedError:
            raise
        except OutboxError:  # a full disk, perhaps; without its receipt an end would be sent again
            self._outbox.make_room()
            return self._record(tried, failing)

    def _attempt(self, chosen: list[Queued]) -> list[tuple[Queued, Outcome]]:
        """One request after another, until it is time to write down what came of them: a commit for each would hold up
        the game's own writes."""
        tried: list[tuple[Queued, Outcome]] = []
        enough = self._clock.now().elapsed + RECEIPTS_WAIT
        for first in range(0, len(chosen), self._batch_size):
            now = chosen[first : first + self._batch_size]
            if tried and (self._clock.now().elapsed >= enough or not self._is_my_turn() or not self._may_send()):
                break
            if not all(self._queue.is_ready(queued) for queued in now):
                break  # erased, and consent given anew
            if not self._noted:
                self._queue.note_attempt()
                self._noted = True
            self._tried = True
            outcomes = attempt(self._destination, [queued.end for queued in now])
            self._idle_from = self._clock.now().elapsed
            tried += zip(now, outcomes, strict=True)
            if not all(isinstance(outcome, Delivered) for outcome in outcomes):
                break
        return tried

    def _record(self, tried: list[tuple[Queued, Outcome]], failing: Queued | None) -> float:
        """Write down what came of those that were `tried`; `failing` was passed by. Seconds until the next turn."""
        rejected, unsettled, given_up = None, None, []
        delivered = [(queued, outcome.response) for queued, outcome in tried if isinstance(outcome, Delivered)]
        receipts = [Receipt(queued.end, response) for queued, response in delivered if self._queue.is_told]
        with self._outbox.transaction():
            if delivered:
                self._queue.deliver(delivered, self._run)
            for queued, outcome in tried:
                if isinstance(outcome, Rejected):
                    given_up.append(self._reject(queued, outcome.error))
                    rejected = outcome.error
                elif unsettled is None and not isinstance(outcome, Delivered):
                    unsettled = outcome
                    self._mark(queued, outcome)
            if delivered and failing:
                given_up += self._step_aside(failing)
            if delivered or rejected:
                self._on_line(Line(True, rejected))
        for words in given_up:  # only now: a log handler of the game's may do anything
            self._say(logging.WARNING, words)
        for receipt in receipts:
            self._on_receipt(receipt)
        if delivered or rejected:
            self._verified(rejected)
        return self._put_off(unsettled) if unsettled else 0.0

    def _mark(self, queued: Queued, outcome: Retry | Pause) -> None:
        """Count server errors in a row."""
        strikes = queued.strikes + 1 if isinstance(outcome, Retry) and outcome.server_error else 0
        if strikes != queued.strikes and not isinstance(outcome, Pause):
            self._queue.strike(queued, strikes)

    def _put_off(self, outcome: Retry | Pause) -> float:
        self.line = Line(False, outcome.why)
        severe = isinstance(outcome, Retry) and outcome.severe
        self._say(logging.ERROR if severe else logging.WARNING, f"{outcome.why}; kept, and tried again later")
        if isinstance(outcome, Pause):
            return self._wait(PAUSE)
        backoff = self._backoff.next()
        if not outcome.after:
            return self._wait(backoff)
        after = min(outcome.after, RETRY_AFTER_LIMIT)
        self._server_asked = self._clock.now().elapsed + after
        return self._wait(after)

    def _verified(self, error: str | None = None) -> None:
        self.line = Line(True, error)
        self._backoff.reset()
        self._said.clear()

    def _step_aside(self, failing: Queued) -> list[str]:
        """Others get through where this one does not: it goes last, and in the end it is set aside for good, of which
        there is something to say."""
        if failing.passes + 1 >= PASSES:
            return [self._reject(failing, f"{STRIKES * PASSES} server errors while others were accepted")]
        self._queue.send_to_back(failing)
        return []

    def _reject(self, queued: Queued, error: str) -> str:
        """It is kept, and not tried again; what is to be said of it."""
        self._queue.reject(queued, error)
        return f"the end of session {queued.end.number} is rejected, and kept: {error}"

    def _wait(self, seconds: float) -> float:
        """Wait without the lock: what keeps us from delivering need not keep another copy from it."""
        self._free_turn()
        self._not_before = self._clock.now().elapsed + seconds
        self._rest()
        return seconds

    def _rest(self) -> None:
        """For now, no more can be delivered."""
        if self._tried:
            self._tried = False
            self._on_rest()

    def _take_turn(self) -> bool:
        try:
            self._has_turn = self._turn is None or self._turn.take()
        except OSError as error:
            self._say(logging.ERROR, f"the delivery lock cannot be opened: {error}")
        return self._has_turn

    def _is_my_turn(self) -> bool:
        """Whether nobody has taken us for one that has come to a stop."""
        if self._turn is not None and self._has_turn and not self._turn.is_mine():
            self._free_turn()
        return self._has_turn

    def _free_turn(self) -> None:
        self._has_turn = False
        if self._turn is not None:
            self._turn.free()

    def _say(self, level: int, text: str) -> None:
        """Log each thing once until the server is reached again."""
        if text not in self._said:
            self._said.add(text)
            log.log(level, "gs_pygame: %s", text)
