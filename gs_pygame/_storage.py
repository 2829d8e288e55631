"""Where everything lies on disk, and what to do if the disk cannot be used."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from ._errors import OutboxError
from ._outbox import Outbox
from ._runfile import RunFile
from ._salvage import open_or_replace, remove_asides

log = logging.getLogger("gs_pygame")

ERASE_PATIENCE = 2.0
"""Seconds that taking back a consent may wait for the disk: nothing may be written after it, nor overtake it."""

START_PATIENCE = 0.25
"""Seconds that the first session's start may wait for another process. It is not in a frame, and a kill may follow."""

KEEPER_PATIENCE = 0.5
"""Seconds that the keeper's writes may wait for another process: it tries again, and has a heart to keep beating."""

OUTBOX = "outbox.sqlite3"
"""The file's name in the data folder."""


def erase_leftovers(folder: Path) -> None:
    """Nothing may be kept, but an earlier erase() was cut short, or an earlier start kept something."""
    path = folder / OUTBOX
    if path.exists():
        try:
            outbox = Outbox(path, ERASE_PATIENCE)
            outbox.erase()
            outbox.close()
            remove_asides(path)
        except (OSError, OutboxError) as error:
            log.error("gs_pygame: what was kept in %s could not be erased: %s", folder, error)


@dataclass(frozen=True)
class Storage:
    """The outbox, as each thread has it for itself, and the run file; None with an outbox in memory.

    The game's own has START_PATIENCE until the game is in its frames.
    """

    outbox: Outbox
    keepers: Outbox
    couriers: Outbox
    run_file: RunFile | None


def open_storage(folder: Path) -> Storage:
    """What lies in `folder`; in memory if the disk cannot be used."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        run_file = RunFile(folder / "runs")
        path = folder / OUTBOX
        try:
            outbox = open_or_replace(path, folder / "runs", lambda: Outbox(path, START_PATIENCE))
            return Storage(outbox, outbox.another(KEEPER_PATIENCE), outbox.another(), run_file)
        except BaseException:
            run_file.close()
            raise
    except (OSError, OutboxError) as error:
        log.error(
            "gs_pygame: %s cannot be used (%s); ended sessions are kept in memory only, and are lost if they cannot be "
            "delivered before the game ends",
            folder,
            error,
        )
        memory = Outbox(None)
        return Storage(memory, memory, memory, None)
