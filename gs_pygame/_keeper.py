"""The helper loop of a running game: heartbeat, the end of a grace, what the game could not write, what dead runs left.

It waits for no network, and for no disk: a keeper that waits would look like a computer that slept, and cost the player
that time. Flushing the disk, which can take half a second, is left to the courier's thread, which may wait.
"""

from __future__ import annotations

from collections.abc import Callable

from ._base.clocks import Clock, Instant
from ._base.errors import OutboxBusyError, OutboxError
from ._base.patience import HEARTBEAT, SCAN
from ._delivery.receipts import Receipts
from ._delivery.sending import Sending
from ._disk.failover import Failover
from ._disk.journal import Journal
from ._disk.outbox import Receipt
from ._disk.runs import RunFile, recover_dead_runs, run_names
from ._disk.storage import Storage
from ._player.lifecycle import Progress


class Keeper:
    """Works on `storage`, wherever that is at the moment.

    `pulse`: told that time has passed, it says how far the session has got, and the elapsed clock's reading when the
    grace is over. `may_keep`: whether the player lets anything be kept.
    """

    def __init__(
        self,
        pulse: Callable[[Instant], tuple[Progress | None, float | None]],
        may_keep: Callable[[], bool],
        clock: Clock,
        storage: Storage,
        journal: Journal,
        failover: Failover,
        receipts: Receipts,
        sending: Sending,
    ) -> None:
        self._pulse = pulse
        self._may_keep = may_keep
        self._clock = clock
        self._storage = storage
        self._journal = journal
        self._failover = failover
        self._receipts = receipts
        self._sending = sending
        self._next_scan: float | None = None  # on the elapsed clock; None: at once
        self._beaten: tuple[RunFile, Progress] | None = None
        self._told: list[str] = []  # what the game was told, until it is written down
        self._at_the_disk = False

    def search_again(self) -> None:
        """The outbox has moved: look at once for what dead runs left there. Any thread."""
        self._next_scan = None

    def turn(self) -> float:
        """Everything that is due. Seconds until the next beat, or the moment when a grace is over."""
        at = self._clock.now()
        progress, deadline = self._pulse(at)
        self._at_the_disk = True
        if self._may_keep():
            self._guarded(lambda: self._beat(progress))
            self._guarded(self._write)
            if self._next_scan is None or at.elapsed >= self._next_scan:
                self._guarded(self._scan)
        self._at_the_disk = False
        next_beat = at.elapsed + HEARTBEAT
        due = next_beat if deadline is None else min(next_beat, deadline)
        return max(0.0, due - self._clock.now().elapsed)

    def stand_in(self) -> None:
        """Game: no turn has come in time. A pulse, and a heartbeat unless it is the disk that the thread waits for."""
        progress, _ = self._pulse(self._clock.now())
        if not self._at_the_disk and self._may_keep():
            self._guarded(lambda: self._beat(progress))

    def close(self) -> None:
        """Write and flush what is left, and leave nothing to recover; if that fails, leave it to the next start."""
        written = self._guarded(self._write)
        self._guarded(self._settle)
        outbox, run_file = self._storage.outbox.keepers, self._storage.run_file
        self._guarded(outbox.sync)
        if run_file is not None and ((written and self._storage.durable) or not self._may_keep()):
            run_file.close()
        outbox.close()

    def _guarded(self, step: Callable[[], bool | None]) -> bool:
        """One step's trouble is no other step's; False if there was any."""
        try:
            return step() is not False
        except (OSError, OutboxError) as error:
            self._failover.report(error)
            return False

    def _beat(self, progress: Progress | None) -> None:
        run_file = self._storage.run_file
        if run_file is not None and progress is not None and (run_file, progress) != self._beaten:
            run_file.beat(progress)
            self._beaten = run_file, progress

    def _write(self) -> bool:
        """What was decided first: an exit waits for that alone. False if something of it is left."""
        written = self._write_decisions()
        self._told += self._receipts.take_told()
        if self._told:
            self._storage.outbox.keepers.told(self._told)
            self._told = []
        return written

    def _write_decisions(self) -> bool:
        """What the game's thread could not write. False if something is left."""
        if not self._journal:
            return True
        try:
            written = self._journal.write(lambda: self._storage.outbox.keepers)
        except OutboxBusyError:
            raise
        except OutboxError as error:
            self._failover.failed(error)
            self._sending.keep_house()
            raise
        self._failover.worked()
        self._sending.dirty = True
        return written

    def _settle(self) -> None:
        """The last is written: see that it will be found."""
        if not self._journal.silent:
            self._failover.leave()
            self._write_decisions()

    def _scan(self) -> None:
        first = self._next_scan is None
        self._next_scan = self._clock.now().elapsed + SCAN
        outbox, runs, run_file = self._storage.outbox.keepers, self._storage.runs, self._storage.run_file
        receipts: list[Receipt] = []
        try:
            if runs is not None:
                recover_dead_runs(outbox, runs)
            if first and runs is not None and run_file is not None:
                receipts = outbox.untold(run_file.run, run_names(runs))
        finally:
            self._sending.recovered(receipts)
