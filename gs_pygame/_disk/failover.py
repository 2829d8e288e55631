"""The outbox leaves a disk that fails it, and comes back to it. What had to be said to the player's server meanwhile is
said from memory.

        writes fail again and again                  every RETRY seconds
    ON DISK ------------------------> IN MEMORY ------------------------> ON DISK
        files removed under us: what is open can still be read, and goes into new ones
    ON DISK --------------------------------------------------------------> ON DISK

`watch` is cheap and the keeper's; `turn` is the courier's thread's, which may wait for a disk.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

from .._errors import OutboxDamagedError, OutboxError
from .._time import Clock, Instant
from .journal import Journal
from .outbox import GAME_PATIENCE, Outbox
from .rows import response_of
from .salvage import mark_damaged
from .storage import Connections, Storage

log = logging.getLogger("gs_pygame")

RETRY = 5.0
"""Seconds between two attempts to use the disk again."""

FAILURES = 3
"""Failed writes in a row, a beat apart: the first has made room on a full disk, which helps the next."""


class Failover:
    """`lock`: the engine's, under which the game uses the outbox. `trouble`: what failed last, until a write works."""

    def __init__(self, storage: Storage, journal: Journal, lock: threading.RLock, clock: Clock) -> None:
        self._storage = storage
        self._journal = journal
        self._lock = lock
        self._clock = clock
        self._failures = 0
        self._last_error: Exception | None = None
        self.trouble: str | None = None
        self._said: set[str] = set()
        self._next_try = clock.now().elapsed + RETRY
        self._damaged: Connections | None = None

    def failed(self, error: Exception) -> None:
        """A write failed, though nobody held the file."""
        self._failures += 1
        self._last_error = error

    def worked(self) -> None:
        self._failures = 0
        self.trouble = None

    def report(self, error: Exception) -> None:
        """Something on disk failed: said once. Nothing that is written to a damaged file is safe. Any thread."""
        path = self._storage.outbox.games.path
        if isinstance(error, OutboxDamagedError) and path:
            mark_damaged(path)
            self._failures = FAILURES
            self._last_error = error
        self.trouble = f"the outbox cannot be used: {error}"
        if self.trouble not in self._said:
            self._said.add(self.trouble)
            log.error("gs_pygame: %s", self.trouble)

    def watch(self, at: Instant) -> bool:
        """Whether there is something to do in `turn`."""
        self._storage.look()
        return self._failures >= FAILURES if self._storage.durable else at.elapsed >= self._next_try

    def turn(self) -> bool:
        """Move if need be, and if possible. True if the outbox has moved."""
        if not self.watch(self._clock.now()):
            return False
        if not self._storage.durable:
            return self._to_disk()
        self._to_memory()
        return True

    def make_room(self) -> None:
        """After a failed write, in case the disk is full. The courier's thread. Raises OutboxError."""
        if self._failures:
            self._storage.outbox.couriers.make_room()

    def _to_memory(self) -> None:
        self._storage.complain(self._last_error)
        memory = Outbox(None)
        memory.installation_id = self._storage.outbox.games.installation_id
        with self._journal.moved(), self._lock:
            old, self._storage.outbox = self._storage.outbox, Connections(memory, memory, memory)
        if isinstance(self._last_error, OutboxDamagedError):
            self._damaged = old  # closed, it would write into what is to be read once more
        else:
            old.close()
        self._wait()

    def _to_disk(self) -> bool:
        self._wait()
        try:
            new = self._storage.open()
        except (OSError, OutboxError):
            return False
        new.games.wait_at_most(GAME_PATIENCE)
        run_file, old = self._storage.run_file, self._storage.outbox
        assert run_file is not None
        try:
            with self._journal.moved():
                new.couriers.hold_reserve()  # else a full disk would fail us again at once
                _bring_home(old.games, self._journal.run, new.games, run_file.run)
                with self._lock:
                    self._storage.outbox = new
                self._journal.run = run_file.run
        except OutboxError:
            new.close()
            return False
        old.close()
        self._storage.look()
        log.warning("gs_pygame: ended sessions are kept on disk again, in %s", new.games.path)
        return True

    def _wait(self) -> None:
        self._failures = 0
        self._next_try = self._clock.now().elapsed + RETRY


def _bring_home(old: Outbox, run_there: str, outbox: Outbox, run: str) -> None:
    """What ended elsewhere, in memory or in files that were removed, is recorded as if it had ended here, and takes its
    number; the open session is the journal's to enter again. Another copy of the game may do the same."""
    with outbox.transaction():
        for row in old.rows("sessions"):
            if row["run"] == run_there:
                outbox.withdraw(row["session_id"])  # left from before, if the disk failed while the player was away
        for row in old.rows("ends"):
            settled = row["state"] == "delivered" and old.durable  # and so a matter of the files that were removed
            if row["state"] != "waiting" and not settled:
                _bring_end(row, None if row["player_id"] == old.installation_id else row["player_id"], outbox, run)


def _bring_end(row: dict[str, Any], player_id: str | None, outbox: Outbox, run: str) -> None:
    session_id, script_data = row["session_id"], row["script_data"]
    outbox.start(run, session_id, row["started_at"], player_id, script_data, row["about"], row["previous_id"])
    outbox.withdraw(session_id)
    outbox.save(session_id, row["reason"], row["active"], row["wall"], script_data)
    outbox.release(session_id)
    response = response_of(row["answer"]) if row["state"] == "delivered" else None
    if response:
        outbox.deliver(session_id, response, run)
        if row["told"]:
            outbox.told([session_id])
    elif row["state"] == "rejected":
        outbox.reject(session_id, row["answer"])
