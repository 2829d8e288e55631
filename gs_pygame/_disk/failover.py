"""The outbox leaves a disk that fails it, and comes back to it. What had to be said to the player's server meanwhile is
said from memory.

        writes fail again and again                  every DISK_RETRY seconds
    ON DISK ------------------------> IN MEMORY ------------------------> ON DISK
        files removed or replaced under us: what is open can still be read, and goes into what lies there now
    ON DISK --------------------------------------------------------------> ON DISK

`watch` is cheap and the keeper's; `turn` is the courier's thread's, which may wait for a disk.
"""

from __future__ import annotations

import threading

from .._base.clocks import Clock, Instant
from .._base.errors import OutboxDamagedError, OutboxError
from .._base.log import log
from .._base.patience import DISK_RETRY, GAME_PATIENCE
from .journal import Journal
from .merge import bring_home
from .outbox import Outbox
from .salvage import mark_damaged
from .storage import Connections, Storage

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
        self._next_try = clock.now().elapsed + DISK_RETRY
        self._damaged: Connections | None = None

    def failed(self, error: Exception) -> None:
        """A write failed, though nobody held the file."""
        self._failures += 1
        self._last_error = error

    def worked(self) -> None:
        self._failures = 0
        if self._storage.durable:
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
            return self._to_disk(self._storage.outbox.couriers)
        self._to_memory()
        return True

    def leave(self) -> None:
        """The game ends, and the keeper, whose thread this is, has written its last."""
        if self._storage.save_at_exit() and self._to_disk(self._storage.outbox.keepers, leaving=True):
            self._storage.outbox.games.close()
            self._storage.outbox.couriers.close()

    def make_room(self) -> None:
        """After a failed write, in case the disk is full. The courier's thread. Raises OutboxError."""
        if self._failures:
            self._storage.outbox.couriers.make_room()

    def _to_memory(self) -> None:
        self._storage.complain(self._last_error)
        memory = Outbox(None)
        memory.adopt("meta", {"key": "installation_id", "value": self._storage.installation_id})
        with self._journal.moved(), self._lock:
            old, self._storage.outbox = self._storage.outbox, Connections(memory, memory, memory)
        if isinstance(self._last_error, OutboxDamagedError):
            self._damaged = old  # closed, it would write into what is to be read once more
        else:
            old.close()
        self._wait()

    def _to_disk(self, old: Outbox, leaving: bool = False) -> bool:
        """`old`: a connection of this thread's to what was there until now."""
        self._wait()
        try:
            new = self._storage.open_anew(old)
        except BlockingIOError:  # another copy of the game is at it
            self._next_try = 0.0
            return False
        except (OSError, OutboxError) as error:
            self.report(error)
            return False
        new.games.wait_at_most(GAME_PATIENCE)
        run_file, before = self._storage.run_file, self._storage.outbox
        assert run_file is not None
        try:
            with self._journal.moved():
                if not leaving:
                    new.couriers.hold_reserve()  # else a full disk would fail us again at once
                bring_home(old, self._journal.run, new.keepers if leaving else new.couriers, run_file.run)
                with self._lock:
                    self._storage.outbox = new
                self._journal.run = run_file.run
        except OutboxError:
            new.close()
            return False
        before.close()
        self._storage.look()
        self.trouble = None
        log.warning("gs_pygame: ended sessions are kept on disk again, in %s", new.games.path)
        return True

    def _wait(self) -> None:
        self._failures = 0
        self._next_try = self._clock.now().elapsed + DISK_RETRY
