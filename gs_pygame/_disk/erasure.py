"""What was kept of the player is removed, beyond recovery: for a choice made now, for one found at a start, and for the
command line."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

from .._base.errors import OutboxDamagedError, OutboxError, OutboxTooNewError
from .._base.patience import ERASE_PATIENCE
from .erasure_requests import ErasureRequests, Requested
from .opening import looked_into, translated
from .outbox import Outbox
from .runs import dead_runs, run_names
from .salvage import remove_damaged, remove_whole
from .storage import OUTBOX


def erase(folder: Path, requests: ErasureRequests | None = None, now: float = 0.0) -> bool:
    """Remove all but a count of what was never sent. `requests`: where it is kept who is to forget what was sent
    before, asked for `now`, in Unix time; None: nobody is. Raises OSError and OutboxError if something is left: it is
    to be called again, and nothing may be sent until then.

    False while another copy plays, which may not have heard of the denial yet: it is to be called again after it, since
    what that one still writes down would be taken for the next installation's.
    """
    path = folder / OUTBOX
    to_ask = requests.of(path, now) if requests else []
    is_kept = _is_kept(requests, to_ask)
    for dead in dead_runs(folder / "runs"):
        dead.bury()  # a heartbeat names a session
    is_last = not run_names(folder / "runs")
    remove_damaged(path)
    if not path.exists():
        remove_whole(path)
    elif not _is_erased(path):
        if requests and not is_kept:
            _empty(path, but_whose=True)
            requests.add(to_ask)  # now there is room; else it can be made anew of what is left
        _empty(path)
    return is_last


def _is_kept(requests: ErasureRequests | None, to_ask: Requested) -> bool:
    try:
        if requests and to_ask:
            requests.add(to_ask)
    except OSError:
        return False
    return True


def is_left(folder: Path) -> bool:
    """Whether there is something to erase. Only reads."""
    path = folder / OUTBOX
    return bool(path.exists() and not _is_erased(path)) or any(folder.glob(f"{OUTBOX}.damaged*"))


def _is_erased(path: Path) -> bool:
    try:
        if os.stat(f"{path}-wal").st_size:
            return False
    except FileNotFoundError:
        pass
    try:
        with closing(looked_into(path)) as db, translated():
            rows = (
                "SELECT EXISTS (SELECT 1 FROM sessions) OR EXISTS (SELECT 1 FROM progress) "
                "OR EXISTS (SELECT 1 FROM meta WHERE key != 'dropped:consent')"
            )
            return not db.execute(rows).fetchone()[0]
    except OutboxError:
        return False


def _empty(path: Path, but_whose: bool = False) -> None:
    try:
        with closing(Outbox(path, ERASE_PATIENCE, ERASE_PATIENCE)) as outbox:
            outbox.erase(ERASE_PATIENCE, but_whose)
    except (OutboxDamagedError, OutboxTooNewError):  # deleted rows could still be read; we cannot know what to delete
        remove_whole(path)
