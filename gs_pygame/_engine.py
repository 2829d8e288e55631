"""Runs the lifecycle for real: one lock, the clock, the journal, and the two workers. Knows nothing of pygame.

Methods marked "game" are called on the game's thread (whichever thread calls a hook): none raises an Exception but one
that nobody expected, none waits for the network, and each does at most one small write. The game's function for script
data is called under no lock, and before anything is decided.
"""

from __future__ import annotations

import math
import threading
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ._base.boundary import let_go
from ._base.clocks import Clock, Instant
from ._base.errors import OutboxBusyError, OutboxError
from ._base.messages import DestinationStatus, Reason, Session, Status, to_datetime
from ._base.patience import ERASE_PATIENCE, EXIT_PATIENCE, GAME_PATIENCE, OVERDUE
from ._delivery.courier import Line
from ._delivery.receipts import Receipts
from ._delivery.sending import Sending
from ._disk.accounts import Share
from ._disk.consent import Choice
from ._disk.failover import Failover
from ._disk.journal import Journal
from ._disk.storage import Storage
from ._keeper import Keeper
from ._player.lifecycle import Decision, Lifecycle, Progress, Save
from ._player.script_data import ScriptData
from ._settings import Settings

Step = Callable[[Lifecycle], list[Decision]]
"""What a signal does to the lifecycle."""


class Engine:
    """One run of a game. `folder`: where everything lies on disk. `about`: JSON on game and platform. `on_choice`:
    called when the player has chosen otherwise, mostly by the keeper's thread; `on_pulse` with each pulse, by whichever
    thread. No session and no thread is there before `begin`.

    From `due` on, on the clock's `tick`, a hooked call must look closer than at the focus: at once while `alert` is
    True. Read without a lock in every frame. `inside`: the tick at which the game went into a call of pygame that may
    hold it; None outside.
    """

    def __init__(
        self,
        clock: Clock,
        folder: Path,
        settings: Settings,
        about: str,
        choice: Choice,
        on_choice: Callable[[], None],
        on_pulse: Callable[[], None],
    ) -> None:
        self.alert = False
        self.due = self._overdue_at = clock.tick() + OVERDUE
        self.inside: float | None = None
        self._clock = clock
        self._on_pulse = on_pulse
        self._script_data = ScriptData(settings.script_data)
        self._player_id = settings.player_id
        self._choice = choice
        self._on_choice = on_choice
        self._stopped = False
        self._lock = threading.RLock()
        self._storage = storage = Storage(folder, [known.name for known in settings.destinations])
        run = storage.run_file.run if storage.run_file else uuid.uuid4().hex
        lifecycle = Lifecycle(settings.grace, lambda: str(uuid.uuid4()))
        self._journal = journal = Journal(run, about, lifecycle, self._lock, self._lost, lambda: self.sending.look())
        self._failover = failover = Failover(storage, journal, self._lock, clock)
        self.receipts = receipts = Receipts(self._lock, self._settle_alert)
        self.sending = sending = Sending(
            clock, settings.destinations, choice, storage, journal, failover, self._lock, receipts, self._moved
        )
        self._keeper = Keeper(self.pulse, self.may_keep, clock, storage, journal, failover, receipts, sending)
        self._keeper_worker = clock.worker("keeper", self._keeper.turn, self._keeper.close)

    def begin(self, since: Instant | None = None) -> None:
        """Game: the first session begins, `since` then or now; and so do the workers."""
        began = since or self._clock.now()  # a sleep may come before the keeper's first beat
        self._decide(lambda lifecycle: [*lifecycle.pulse(began), *lifecycle.start(began)])
        self._storage.outbox.games.wait_at_most(GAME_PATIENCE)
        self._start_workers()

    def _start_workers(self) -> None:
        self._keeper_worker.start()
        self.sending.start()

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
            self.sending.nudge()

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

    def crashed(self, details: Mapping[str, str]) -> None:
        """What is known of the exception that ends the game: it goes along with the session's end."""
        self._journal.add_about(details)

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
        self.sending.let_go()
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
        self.alert = self._lifecycle.expects_player or bool(self.receipts)
        self.due = -math.inf if self.alert else self._overdue_at

    def _write_in_frame(self) -> None:
        self.sending.dirty = True
        try:
            if self._journal.write(lambda: self._storage.outbox.games, GAME_PATIENCE):
                return
        except OutboxBusyError:
            pass
        except OutboxError as error:
            self._failover.report(error)
        self._keeper_worker.wake()

    # Called by the keeper and the courier, in their threads

    def pulse(self, at: Instant) -> tuple[Progress | None, float | None]:
        self._on_pulse()
        inside = self.inside
        held = inside is not None and inside < self._overdue_at
        self._overdue_at = self._clock.tick() + OVERDUE
        self._enter(lambda lifecycle: lifecycle.pulse(at, held))
        lifecycle = self._lifecycle
        progress, deadline = lifecycle.progress(at), lifecycle.deadline()
        self.sending.beat(at)
        return progress, deadline

    def may_keep(self) -> bool:
        """Whether anything may be kept. Once it may not, nothing is written any more. Looks at the disk."""
        choice = self._choice.now()
        if choice == "denied":
            self._journal.silent = True
        if choice != self.sending.heeded or self._choice.made:
            self._on_choice()
        return not self._journal.silent

    def _moved(self) -> None:
        self._keeper.search_again()
        self._keeper_worker.wake()

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
                lines, counts = self.sending.lines(outbox), outbox.counts()
        except OutboxError as error:
            self._failover.report(error)
            return Status(last_error=self._failover.trouble)
        line = _all_in_all(lines)
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
            destinations={name: _status_of(line, counts.share(name)) for name, line in lines.items()},
        )

    def set_player(self, player_id: str) -> None:
        self._player_id = player_id
        session_id = self._lifecycle.session_id
        if session_id is not None and not self._stopped:
            self._journal.log_in(session_id, self._script_data.known, player_id)
            self._write_in_frame()

    def set_script_data(self, source: Any) -> None:
        """From now on this goes along, or is asked for it."""
        self._script_data.source = source

    def stop(self, after: bool = False, patience: float = EXIT_PATIENCE) -> None:
        """No more turns. The keeper writes down and flushes what is left, and is waited for so long; what it has not
        done, the next start does. `after`: a helper is to deliver it."""
        self._stopped = True
        self.sending.leave(after)
        # The keeper closes last and in its own thread: the last connection of a database may flush the disk.
        with self._lock:
            self._storage.outbox.games.close()
        self._keeper_worker.stop(patience)

    def forked(self) -> None:
        """In a forked child, which is not the game."""
        self.sending.delivery.forked()

    def die(self) -> None:
        """As the process dies: no end is saved, and every lock is free. Its workers have no more turns."""
        self.sending.die()
        self._storage.die()

    @property
    def is_silent(self) -> bool:
        """Whether the keeper has found that nothing may be kept."""
        return self._journal.silent

    def silence(self) -> None:
        """The player says no: write nothing more, and stop. Waits for the disk, at most ERASE_PATIENCE twice."""
        self._journal.silence(ERASE_PATIENCE)
        self.stop(patience=ERASE_PATIENCE)


def _all_in_all(lines: Mapping[str, Line]) -> Line:
    """Online if one of them is; and what is wrong with the first that something is wrong with."""
    known = [line.online for line in lines.values() if line.online is not None]
    errors = [(name, line.last_error) for name, line in lines.items() if line.last_error]
    said = None
    if errors:
        name, error = errors[0]
        said = error if len(lines) == 1 else f"{name}: {error}"
    return Line(any(known) if known else None, said)


def _status_of(line: Line, share: Share) -> DestinationStatus:
    return DestinationStatus(share.ready, share.delivered, share.rejected, share.dropped, line.online, line.last_error)
