"""Where everything lies on disk, and the memory that stands in while the disk cannot be used."""

from __future__ import annotations

import logging
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from .._errors import OutboxDamagedError, OutboxError, OutboxTooNewError
from .outbox import Outbox
from .runs import RunFile, dead_runs
from .salvage import open_or_replace, remove_damaged, remove_whole

log = logging.getLogger("gs_pygame")

ERASE_PATIENCE = 2.0
"""Seconds that taking back a consent may wait for the disk: nothing may be written after it, nor overtake it."""

START_PATIENCE = 0.25
"""Seconds that the first session's start may wait for another process. It is not in a frame, and a kill may follow."""

OPENING_PATIENCE = 1.0
"""Seconds that install() may wait for another program that holds the file: after that, it starts in memory."""

KEEPER_PATIENCE = 0.5
"""Seconds that the keeper's writes may wait for another process: it tries again, and has a heart to keep beating."""

OUTBOX = "outbox.sqlite3"
"""The file's name in the data folder."""


def erase_leftovers(folder: Path) -> None:
    """Nothing may be kept, but an earlier erase() was cut short, or an earlier start kept something."""
    path = folder / OUTBOX
    try:
        for dead in dead_runs(folder / "runs"):
            dead.bury()  # a heartbeat names a session
        if path.exists():
            _erase(path)
        remove_damaged(path)
    except (OSError, OutboxError) as error:
        log.error("gs_pygame: what was kept in %s could not be erased: %s", folder, error)


def _erase(path: Path) -> None:
    try:
        with closing(Outbox(path, ERASE_PATIENCE)) as outbox:
            outbox.erase()
    except (OutboxDamagedError, OutboxTooNewError):  # deleted rows could still be read; we cannot know what to delete
        remove_whole(path)


@dataclass(frozen=True)
class Connections:
    """The outbox, as each thread has it for itself; in memory it is one.

    The game's own has START_PATIENCE until the game is in its frames.
    """

    games: Outbox
    keepers: Outbox
    couriers: Outbox

    def close(self) -> None:
        for outbox in (self.games, self.keepers, self.couriers):
            outbox.close()


class Storage:
    """What lies in `folder`. `outbox` is replaced as a whole when it moves (see _failover), under the engine's lock;
    whoever uses another thread's connection would wait for that thread.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runs = folder / "runs"
        self.run_file: RunFile | None = None
        self.in_place = True
        try:
            self.outbox = self.open()
        except (OSError, OutboxError) as error:
            self.complain(error)
            memory = Outbox(None)
            self.outbox = Connections(memory, memory, memory)

    def open(self) -> Connections:
        """Open, or make, what lies on disk; the run file is locked. Raises OSError and OutboxError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / OUTBOX
        kept = self.run_file
        if kept is None or not kept.path.exists():
            if kept:
                kept.close()
            self.run_file = RunFile(self._runs, kept.run if kept else None)
        opened: list[Outbox] = []
        try:
            opened.append(open_or_replace(path, self._runs, self._games))
            opened += opened[0].another(KEEPER_PATIENCE), opened[0].another()
            return Connections(*opened)
        except BaseException:
            for outbox in opened:
                outbox.close()
            if self.run_file and not kept:
                self.run_file.close()
                self.run_file = None
            raise

    def _games(self) -> Outbox:
        return Outbox(self._folder / OUTBOX, START_PATIENCE, OPENING_PATIENCE, flushes=False)

    def erase(self) -> None:
        """Remove all that was kept of the player. The keeper's thread. Raises OSError and OutboxError."""
        outbox = self.outbox.keepers
        outbox.erase()
        if outbox.path:
            remove_damaged(outbox.path)
        if not self.durable:
            erase_leftovers(self._folder)

    def complain(self, error: Exception | None) -> None:
        log.error(
            "gs_pygame: %s cannot be used (%s); ended sessions are kept in memory only, and are lost if they cannot be "
            "delivered before the game ends",
            self._folder,
            error,
        )

    @property
    def durable(self) -> bool:
        """Whether what is written survives the process."""
        return self.outbox.games.durable and self.in_place

    @property
    def runs(self) -> Path | None:
        """The folder of run files; None while nothing of theirs could be recovered."""
        return self._runs if self.durable else None

    @property
    def delivery_lock(self) -> Path | None:
        return self._folder / "delivery.lock" if self.durable else None

    def look(self) -> None:
        """See whether somebody has removed the files that are open: what is written to them now, nobody will find."""
        path, run_file = self.outbox.games.path, self.run_file
        self.in_place = path is None or run_file is None or (path.exists() and run_file.path.exists())
