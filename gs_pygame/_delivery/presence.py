"""Whether a helper is there: a lock beside the run file, which it holds."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from .._base.patience import ARRIVING, LOOK_AT_EXIT
from .._disk.lock import FileLock


class Presence:
    """The lock that says that a helper is there. Raises OSError if the folder has gone."""

    def __init__(self, run_file: Path) -> None:
        self._path = presence_of(run_file)
        self._lock: FileLock | None = None

    def begin(self, patience: float = ARRIVING) -> bool:
        """False if another helper of the same game is there."""
        give_up = time.monotonic() + patience
        while True:
            with contextlib.suppress(BlockingIOError):
                lock = FileLock(self._path)
                if lock.still_there():
                    self._lock = lock
                    return True
                lock.close()
            if time.monotonic() > give_up:
                return False
            time.sleep(LOOK_AT_EXIT)

    def end(self) -> None:
        if self._lock is not None:
            for _ in range(2):  # on POSIX the first, before another could have the lock; Windows removes no open file
                with contextlib.suppress(OSError):
                    self._path.unlink()
                self._lock.close()
            self._lock = None


def presence_of(run_file: Path) -> Path:
    return run_file.with_suffix(".helper")
