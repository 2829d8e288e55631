"""Runs the lifecycle for real: one lock, the clock, the journal, and the two workers. Knows nothing of pygame.

Methods marked "game" are called on the game's thread (whichever thread calls a hook): none raises an Exception but one
that nobody expected, none waits for the network, and each does at most one small write. The game's function for script
data is called under no lock, and before anything is decided.
"""

from __future__ import annotations

import math
import random
import threading
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ._base.boundary import let_go
from ._base.clocks import Backoff, Clock, Instant
from ._base.errors import OutboxBusyError, OutboxError
from ._base.messages import Consent, Reason, Session, Status, to_datetime
from ._base.patience import ERASE_PATIENCE, EXIT_PATIENCE, FLUSH_STEP, GAME_PATIENCE, HEARTBEAT, OVERDUE
from ._base.threads import Bell
from ._delivery.courier import Courier
from ._delivery.delivery import Delivery
from ._disk.consent import Choice
from ._disk.failover import Failover
from ._disk.journal import Journal
from ._disk.outbox import Receipt
from ._disk.storage import Storage
from ._keeper import Keeper
from ._player.lifecycle import Decision, Lifecycle, Progress, Save
from ._player.script_data import ScriptData
from .destinations import Destination

Step = Callable[[Lifecycle], list[Decision]]
"""What a signal does to the lifecycle."""


class Engine:
    """One run of a game. `about`: JSON on game and platform. `folder`: where everything lies on disk. `arguments`:
    those of GameSparks if the destination is none of the game's own, so that a helper process may deliver. `on_choice`:
    called when the player has chosen otherwise, mostly by the keeper's thread. No session and no thread is there before
    `begin`.

    From `due` on, on the clock's `tick`, a hooked call must look closer than at the focus: at once while `alert` is
    True. Read without a lock in every frame. `inside`: the tick at which the game went into a call of pygame that may
    hold it; None outside.
    """

    def __init__(
        self,
        clock: Clock,
        destination: Destination,
        folder: Path,
        grace: float,
        script_data: Any,
        player_id: str | None,
        about: str,
        choice: Choice,
        on_choice: Callable[[], None],
        arguments: dict[str, Any] | None = None,
    ) -> None:
        self.alert = False
        self.due = self._overdue_at = clock.tick() + OVERDUE
        self.inside: float | None = None
        self._clock = clock
        self._script_data = ScriptData(script_data)
        self._player_id = player_id
        self._choice = choice
        self._heeded = choice.now()
        self._on_choice = on_choice
        self._leaving = False
        self._stopped = False
        self._left = False
        self._dirty = True  # something was written that a power cut would take
        self._flush_due = False
        self._flush_from = clock.now().elapsed + HEARTBEAT  # a game that starts has better use for the disk
        self._searched = False
        self._lock = threading.RLock()
        self._receipts: list[Receipt] = []
        self._told: list[str] = []
        self._progress = Bell()
        self._storage = storage = Storage(folder)
        run = storage.run_file.run if storage.run_file else uuid.uuid4().hex
        lifecycle = Lifecycle(grace, lambda: str(uuid.uuid4()))
        self._journal = Journal(run, about, lifecycle, self._lock, self._lost, self._released)
        self._failover = Failover(storage, self._journal, self._lock, clock)
        self._keeper = Keeper(self, storage, clock)
        courier = Courier(
            storage.outbox.couriers,
            destination,
            clock,
            Backoff(random.random),
            storage.delivery_lock,
            lambda: self._searched and choice.may_send() and not self._leaving,
            self._on_receipt,
            self._progress.ring,
            run=run,
        )
        self._delivery = Delivery(
            courier,
            storage,
            lambda: self._journal.run,
            arguments,
            choice.may_send,
            self._on_receipt,
            self._progress.ring,
        )
        self._courier_worker = clock.worker("courier", self._courier_turn, self._delivery.close)
        self._keeper_worker = clock.worker("keeper", self._keeper.turn, self._keeper.close)

    def begin(self, since: Instant | None = None) -> None:
        """Game: the first session begins, `since` then or now; and so do the workers."""
        began = since or self._clock.now()  # a sleep may come before the keeper's first beat
        self._decide(lambda lifecycle: [*lifecycle.pulse(began), *lifecycle.start(began)])
        self._storage.outbox.games.wait_at_most(GAME_PATIENCE)
        self._start_workers()

    def _start_workers(self) -> None:
        self._keeper_worker.start()
        self._courier_worker.start()

    # Signals: game

    def start(self) -> None:
        """A session begins, unless one is open."""
        at = self._clock.now()
        self._decide(lambda lifecycle: lifecycle.start(at))

    def leave(self, reason: Reason) -> None:
        """LEAVE: the player left the foreground, or asked to quit. Raises what script_data raises that is no Exception;
        then, too, all is done."""
        at = self._clock.now()
        saves = any(isinstance(decision, Save) for decision in self._lifecycle.copy().leave(reason, at))
        self._ask_and_decide(lambda lifecycle: lifecycle.leave(reason, at, self._clock.now()), saves)

    def back(self) -> None:
        """RETURN: the player came to the foreground."""
        at = self._clock.now()
        if self._decide(lambda lifecycle: lifecycle.back(at)):
            self._delivery.nudge()
            self._courier_worker.wake()

    def playing(self) -> None:
        """The player is, and was, in the foreground. A RETURN if the lifecycle thought otherwise."""
        if self._lifecycle.expects_player:
            self.back()

    def unseen(self) -> None:
        """The window is there without the focus, which was never seen."""
        at = self._clock.now()
        self._decide(lambda lifecycle: lifecycle.unseen(at))

    def seen(self) -> None:
        """The focus, for the first time."""
        at = self._clock.now()
        self._decide(lambda lifecycle: lifecycle.seen(at))

    def pulse_if_overdue(self) -> None:
        """If the keeper's has not come in time, the game's own call is a pulse."""
        if self._clock.tick() < self._overdue_at:
            return
        self._start_workers()
        self._keeper.stand_in()
        if self._journal:
            self._write_in_frame()

    def exit(self, reason: Reason, script_data: Mapping[str, Any] | None = None) -> str | None:
        """EXIT: the session ends now. Its id, or None if there was none. Raises as `leave` does."""
        at = self._clock.now()
        session_id = self.session_id
        self._ask_and_decide(lambda lifecycle: lifecycle.exit(reason, at), session_id is not None, script_data)
        return session_id

    @property
    def session_id(self) -> str | None:
        """Of the open session; None when it is over, or no more of it is kept."""
        return None if self._stopped else self._lifecycle.session_id

    def let_go(self) -> None:
        """An exception has come out of any of these: this thread holds nothing any more, and nothing is half done."""
        outbox = self._storage.outbox
        for mine in (outbox.games, outbox.keepers, outbox.couriers):
            mine.let_go()
        if self._storage.run_file:
            self._storage.run_file.let_go()
        self._journal.let_go()
        self._delivery.let_go()
        let_go(self._lock)
        self._settle_alert()

    @property
    def _lifecycle(self) -> Lifecycle:
        """What holds now: to be read only."""
        return self._journal.page.lifecycle

    def _ask_and_decide(self, step: Step, saves: bool, extra: Mapping[str, Any] | None = None) -> None:
        """Ask for script data if the step saves an end, and only then decide."""
        script_data = None
        try:
            if saves:
                script_data = self._script_data.ask(extra)
        finally:
            self._decide(step, script_data)

    def _decide(self, step: Step, script_data: str | None = None) -> bool:
        """Decide and write it down; True if there was something to decide."""
        if self._stopped:  # by what script_data called
            return False
        decided = self._enter(step, script_data)
        if decided:
            self._write_in_frame()
        return decided

    def _enter(self, step: Step, script_data: str | None = None) -> bool:
        known = self._script_data.known if script_data is None else script_data
        decided = self._journal.decide(step, known, self._player_id)
        self._settle_alert()
        return decided

    def _settle_alert(self) -> None:
        self.alert = self._lifecycle.expects_player or bool(self._receipts)
        self.due = -math.inf if self.alert else self._overdue_at

    def _write_in_frame(self) -> None:
        self._dirty = True
        try:
            with self._lock:
                if self._journal.write(lambda: self._storage.outbox.games, wait=False):
                    return
        except OutboxBusyError:
            pass
        except OutboxError as error:
            self.trouble(error)
        self._keeper_worker.wake()

    # Called by the keeper and the courier, in their threads

    def pulse(self, at: Instant) -> tuple[Progress | None, float | None]:
        inside = self.inside
        held = inside is not None and inside < self._overdue_at
        self._overdue_at = self._clock.tick() + OVERDUE
        self._enter(lambda lifecycle: lifecycle.pulse(at, held))
        lifecycle = self._lifecycle
        progress, deadline = lifecycle.progress(at), lifecycle.deadline()
        moves = self._failover.watch(at)
        if at.elapsed >= self._flush_from and (moves or self._dirty):
            self._dirty = False  # flushed once a beat, not with every write: that slows the next write in a frame
            self._flush_due = True
            self._courier_worker.wake()
        return progress, deadline

    def may_keep(self) -> bool:
        """Whether anything may be kept. Once it may not, nothing is written any more. Looks at the disk."""
        choice = self._choice.now()
        if choice == "denied":
            self._journal.silent = True
        if choice != self._heeded or self._choice.made:
            self._on_choice()
        return not self._journal.silent

    def write(self) -> bool:
        if not self._journal:
            return True
        try:
            written = self._journal.write(lambda: self._storage.outbox.keepers, wait=True)
        except OutboxBusyError:
            raise
        except OutboxError as error:
            self._failover.failed(error)
            self._flush_due = True
            self._courier_worker.wake()
            raise
        self._failover.worked()
        self._dirty = True
        return written

    def _courier_turn(self) -> float | None:
        """A turn of the courier's thread, which may wait for the disk as well as for the network."""
        try:
            if self._flush_due:
                self._flush_due = False
                self._keep_house()
            return self._delivery.turn() if self._searched else None
        except (OSError, OutboxError) as error:
            self.trouble(error)
            return HEARTBEAT

    def _keep_house(self) -> None:
        if self._failover.turn():
            self._keeper.search_again()
            self._keeper_worker.wake()
        outbox = self._storage.outbox.couriers
        self._delivery.work_on(outbox, self._storage.delivery_lock, self._journal.run)
        self._failover.make_room()
        outbox.prune()
        outbox.sync()
        outbox.hold_reserve()

    def take_told(self) -> list[str]:
        with self._lock:
            told, self._told = self._told, []
            return told

    def recovered(self, receipts: list[Receipt]) -> None:
        with self._lock:
            self._receipts[:0] = receipts
            self._settle_alert()
        self._delivery.know(receipts)
        self._searched = True
        self._dirty = True
        self._courier_worker.wake()

    def settle(self) -> None:
        if not self._journal.silent:
            self._failover.leave()
            self.write()

    def trouble(self, error: Exception) -> None:
        self._failover.report(error)

    def _released(self) -> None:
        self._delivery.look()
        self._courier_worker.wake()

    def _on_receipt(self, receipt: Receipt) -> None:
        with self._lock:
            self._receipts.append(receipt)
            self._settle_alert()
        self._dirty = True

    def _lost(self, session_id: str) -> None:
        at = self._clock.now()
        self._enter(lambda lifecycle: lifecycle.lost(session_id, at))
        self._keeper_worker.wake()

    # What a game may ask: game

    def session(self) -> Session | None:
        at, lifecycle = self._clock.now(), self._lifecycle
        progress, started, deadline = lifecycle.progress(at), lifecycle.started, lifecycle.deadline()
        if progress is None or started is None:
            return None
        numbered = self._journal.numbered.get(progress.session_id)
        return Session(
            id=progress.session_id,
            number=(numbered.number or None) if numbered else None,
            previous_id=numbered.previous_id if numbered else None,
            state="active" if deadline is None else "away",
            started_at=to_datetime(started.wall),
            active=progress.active,
            grace_left=None if deadline is None else max(0.0, deadline - at.elapsed),
        )

    def status(self) -> Status:
        try:
            with self._lock:
                outbox = self._storage.outbox.games
                line, counts = self._delivery.line(outbox), outbox.counts()
        except OutboxError as error:
            self.trouble(error)
            return Status(last_error=self._failover.trouble)
        return Status(
            started=counts.started,
            ended=counts.ended,
            waiting=counts.waiting,
            ready=counts.ready,
            rejected=counts.rejected,
            delivered=counts.delivered,
            dropped=counts.dropped,
            online=line.online,
            durable=self._storage.durable and not self._journal,
            last_error=line.last_error or self._failover.trouble,
            oldest=None if counts.oldest is None else to_datetime(counts.oldest),
        )

    def take_receipts(self) -> list[Receipt]:
        """What was delivered and not yet told; each is given out once, unless it is given back."""
        if not self._receipts:
            return []
        with self._lock:
            receipts, self._receipts = self._receipts, []
            self._told += [receipt.end.session_id for receipt in receipts]
            self._settle_alert()
            return receipts

    def give_back(self, receipts: list[Receipt]) -> None:
        """The game could not be told of these."""
        with self._lock:
            self._receipts = [*receipts, *self._receipts]
            given_back = {receipt.end.session_id for receipt in receipts}
            self._told = [session_id for session_id in self._told if session_id not in given_back]
            self._settle_alert()

    def set_player(self, player_id: str) -> None:
        self._player_id = player_id
        session_id = self._lifecycle.session_id
        if session_id is not None and not self._stopped:
            self._journal.log_in(session_id, self._script_data.known, player_id)
            self._write_in_frame()

    def set_script_data(self, source: Any) -> None:
        """From now on this goes along, or is asked for it."""
        self._script_data.source = source

    def farewell(self) -> None:
        """The game may go at any moment, without a word."""
        if self._unsent():
            self._delivery.have_helper()

    def _unsent(self) -> bool:
        """Whether something is unsent, and may be sent."""
        try:
            with self._lock:
                return self._choice.may_send() and (bool(self._journal) or self._storage.outbox.games.unsent())
        except OutboxError as error:
            self.trouble(error)
            return False

    def heed(self, choice: Consent) -> None:
        """That is what the player has chosen: whether what is kept may be sent."""
        if choice != self._heeded:
            self._heeded = choice
            if choice != "granted":
                self._delivery.stop()
            self._courier_worker.wake()

    def flush(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds until nothing is ready. The caller's thread waits."""
        deadline = self._clock.now().elapsed + timeout
        self._delivery.nudge()
        while True:
            self._courier_worker.wake()
            try:
                with self._lock:
                    outbox = self._storage.outbox
                    done = not self._journal and not outbox.games.ready(1)
                if done:
                    if self._searched:
                        self._delivery.hear(outbox.couriers)
                    return True
            except OutboxError as error:
                self.trouble(error)
            left = deadline - self._clock.now().elapsed
            if left <= 0:
                return False
            self._clock.wait(self._progress, min(left, FLUSH_STEP))

    def stop_sending(self, all_of_us: bool = False) -> None:
        """Begin no more requests: what is written from now on is not sent from here, or the exit would cut it off; nor,
        with `all_of_us`, by a helper."""
        self._leaving = True
        self._courier_worker.stop(0.0)
        if all_of_us:
            self._delivery.stop()

    def stop(self, after: bool = False) -> None:
        """No more turns. The keeper writes down and flushes what is left; `join` waits for it. `after`: a helper is to
        deliver it."""
        self._stopped = True
        self.stop_sending()
        if not self._left:
            self._delivery.leave(after and self._unsent())
            self._left = True
        # The keeper closes last and in its own thread: the last connection of a database may flush the disk.
        with self._lock:
            self._storage.outbox.games.close()
        self._keeper_worker.stop(0.0)

    def join(self) -> None:
        """After `stop`: wait for the keeper, at most EXIT_PATIENCE. What it has not done, the next start does."""
        self._keeper_worker.stop(EXIT_PATIENCE)

    def forked(self) -> None:
        """In a forked child, which is not the game."""
        self._delivery.forked()

    @property
    def is_silent(self) -> bool:
        """Whether the keeper has found that nothing may be kept."""
        return self._journal.silent

    def silence(self) -> None:
        """The player says no: write nothing more, and stop. Waits for the disk, at most ERASE_PATIENCE twice."""
        self._journal.silence(ERASE_PATIENCE)
        self.stop()
        self._keeper_worker.stop(ERASE_PATIENCE)
