"""Where everything lies on disk, and the memory that stands in while the disk cannot be used."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from .._base.errors import OutboxError
from .._base.log import log
from .._base.patience import HELPER_PATIENCE, KEEPER_PATIENCE, OPENING_PATIENCE, START_PATIENCE
from .lock import FileLock
from .opening import FILES
from .outbox import Outbox
from .place import Place
from .private import make_folder, own
from .runs import RunFile
from .salvage import open_or_replace

OUTBOX = "outbox.sqlite3"
"""The file's name in the data folder."""


def delivery_lock(folder: Path, destination: str) -> Path:
    return folder / f"delivery-{destination}.lock"


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
    """What lies in `folder`. `among`: the destinations of the game.

    `outbox` is replaced as a whole when it moves (see _failover), under the engine's lock; whoever uses another
    thread's connection would wait for that thread. `installation_id` is what the outbox says: a disk that fails may not
    say it any more.
    """

    def __init__(self, folder: Path, among: Sequence[str] = ()) -> None:
        self._folder = folder
        self._among = tuple(among)
        self._path = folder / OUTBOX
        self._files = [f"{self._path}{suffix}" for suffix in FILES]
        self._runs = folder / "runs"
        self._place = Place()
        self.run_file: RunFile | None = None
        self.in_place = True
        try:
            self.outbox = self.open()
        except (OSError, OutboxError) as error:
            self.complain(error)
            memory = Outbox(None)
            self.outbox = Connections(memory, memory, memory)
            self.installation_id = memory.installation_id

    def open(self) -> Connections:
        """Open, or make, what lies on disk; the run file is locked. Raises OSError and OutboxError."""
        make_folder(self._folder)
        kept = self.run_file
        if kept is None or not self._place.has(str(kept.path)):
            if kept:
                kept.close()
            self.run_file = RunFile(self._runs, kept.run if kept else None)
        opened: list[Outbox] = []
        try:
            opened.append(open_or_replace(self._path, self._runs, self._games))
            for patience in (KEEPER_PATIENCE, HELPER_PATIENCE):
                opened.append(opened[0].another(patience))
            self.installation_id = opened[0].installation_id
            with suppress(OutboxError):  # a full disk, another copy: the next start says it
                opened[0].note_destinations(self._among)
            assert self.run_file is not None
            self._place = Place(*self._files, str(self.run_file.path))
            return Connections(*opened)
        except BaseException:
            for outbox in opened:
                outbox.close()
            if self.run_file and not kept:
                self.run_file.close()
                self.run_file = None
            raise

    def open_anew(self, old: Outbox) -> Connections:
        """As `open`, when other files may have the names of those that `old` has open. Another copy of the game, which
        has them open too, does not do this meanwhile."""
        make_folder(self._folder)
        with closing(FileLock(self._folder / "replaced.lock")):
            if old.durable and not self._place.has(*self._files):
                self._step_aside(old)
            return self.open()

    def _step_aside(self, old: Outbox) -> None:
        """SQLite would take what is left there of our files for parts of the others, and opened anew they would be
        what we have open: so a whole copy takes their place, or nothing."""
        wal, shm, file = self._files
        ours = self._place.has(file)
        copy = Path(f"{file}.damaged-copy")
        if ours:
            copy.unlink(missing_ok=True)
            old.copy_to(copy)
            own(copy)
        for name in (wal, shm):
            if ours or self._place.has(name):
                with suppress(FileNotFoundError):
                    os.unlink(name)
        if ours:
            os.replace(copy, file)

    def save_at_exit(self) -> bool:
        """Files may have been removed or replaced since the last beat. False if what was written last will be found.
        Raises OSError."""
        self.look()
        wal, _, file = self._files
        if self.outbox.keepers.durable and self._place.has(file) and not self._place.has(wal):
            self.outbox.keepers.move_all()
            Path(wal).unlink(missing_ok=True)
            return False
        return self.outbox.keepers.durable and not self.in_place

    def _games(self) -> Outbox:
        return Outbox(self._path, START_PATIENCE, OPENING_PATIENCE)

    def die(self) -> None:
        """As the process dies: nothing is written or removed, and nobody has it open."""
        if self.run_file is not None:
            self.run_file.die()
        self.outbox.close()

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

    def delivery_lock(self, destination: str) -> Path | None:
        """Of the turn to deliver there; None while nobody else could."""
        return delivery_lock(self._folder, destination) if self.durable else None

    def look(self) -> None:
        """See whether the files that are open still lie there: what is written to others, nobody will find. A disk that
        cannot be looked at is no better."""
        try:
            self.in_place = not self.outbox.games.durable or self._place.has()
        except OSError:
            self.in_place = False
