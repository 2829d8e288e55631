"""One file for each running game: a lock that dies with the process, and how far its session has got; and what becomes
of the sessions of those that have died."""

from __future__ import annotations

import contextlib
import errno
import os
import struct
import threading
import time
import uuid
import zlib
from pathlib import Path

from .._base.boundary import let_go
from .._base.patience import SILENT
from .._player.lifecycle import Progress
from .lock import FileLock, held_here
from .outbox import Outbox
from .private import make_folder

_BODY = struct.Struct("<4s16sQQ")  # magic, session id, active and wall time in microseconds
_CHECKSUM = struct.Struct("<I")
_MAGIC = b"GSR1"
_SUFFIX = ".run"


def _encode(progress: Progress) -> bytes:
    body = _BODY.pack(
        _MAGIC, uuid.UUID(progress.session_id).bytes, round(progress.active * 1e6), round(progress.wall * 1e6)
    )
    return body + _CHECKSUM.pack(zlib.crc32(body))


def _decode(record: bytes) -> Progress | None:
    if len(record) != _BODY.size + _CHECKSUM.size:
        return None
    body = record[: _BODY.size]
    magic, session, active, wall = _BODY.unpack(body)
    if magic != _MAGIC or _CHECKSUM.unpack(record[_BODY.size :])[0] != zlib.crc32(body):
        return None
    return Progress(str(uuid.UUID(bytes=session)), active / 1e6, max(active, wall) / 1e6)


class RunFile:
    """This process's run file, locked until close() or death. Raises OSError if it cannot be made.

    `run`: its name if it had one before and has been removed.
    """

    def __init__(self, folder: Path, run: str | None = None) -> None:
        self._beating = threading.RLock()
        self._closed = False
        make_folder(folder)
        while True:
            self.run = run or uuid.uuid4().hex
            path = folder / f"{self.run}{_SUFFIX}"
            try:
                self._lock = FileLock(path)
            except BlockingIOError:  # a copy that looks for dead runs was quicker than our lock
                if run:
                    raise
                continue
            if self._lock.still_there():
                return
            self._lock.close()

    @property
    def path(self) -> Path:
        return self._lock.path

    def beat(self, progress: Progress) -> None:
        """Overwrite the heartbeat in place: no growth, about 50 us; and hold the lock on. Nothing after close()."""
        record = _encode(progress)
        with self._beating:  # else the descriptor might be another file's by now
            if not self._closed:
                os.lseek(self._lock.descriptor, 0, os.SEEK_SET)
                os.write(self._lock.descriptor, record)
                self._lock.renew()

    def let_go(self) -> None:
        """This thread was interrupted, and beats no more."""
        let_go(self._beating)

    def die(self) -> None:
        """As the process dies: the file stays, and nobody holds it."""
        self._lock.close()

    def close(self) -> None:
        """The run ended in good order: nothing is left to recover. Any thread."""
        with contextlib.suppress(OSError):
            self._lock.path.unlink()  # on POSIX before the lock is freed, so that nobody takes it for a dead run
        with self._beating:
            self._closed = True
            self._lock.close()
        with contextlib.suppress(OSError):
            self._lock.path.unlink(missing_ok=True)  # Windows removes no open file


class DeadRun:
    """A dead run's file, locked while it is recovered."""

    def __init__(self, lock: FileLock) -> None:
        self._lock = lock
        self.run = lock.path.stem

    def progress(self) -> Progress | None:
        """The last heartbeat; None if there was none, or it is damaged."""
        os.lseek(self._lock.descriptor, 0, os.SEEK_SET)
        return _decode(os.read(self._lock.descriptor, _BODY.size + _CHECKSUM.size + 1))

    def bury(self) -> None:
        """It has been recovered."""
        with contextlib.suppress(OSError):
            self._lock.path.unlink()
        self._lock.close()
        with contextlib.suppress(OSError):
            self._lock.path.unlink(missing_ok=True)

    def leave(self) -> None:
        """It could not be recovered now."""
        self._lock.close()


def run_path(folder: Path, run: str) -> Path:
    """Where a run's file lies while the run lives."""
    return folder / f"{run}{_SUFFIX}"


def may_live(folder: Path, run: str) -> bool:
    """Whether there is a file for this run, which is made before its first session; or somebody removed ours. One that
    nobody lets us open (another user's) lives while it is written to."""
    path = run_path(folder, run)
    try:
        return held_here(path) or os.access(path, os.R_OK | os.W_OK) or time.time() - path.stat().st_mtime < SILENT
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError as error:  # of a disk that cannot be looked at; but for a name that no file can have
        return error.errno != errno.ENAMETOOLONG


def run_names(folder: Path) -> set[str]:
    """The runs that have a file: after a look for dead ones, those that live."""
    return {path.stem for path in folder.glob(f"*{_SUFFIX}")}


def any_alive(folder: Path) -> bool:
    """Whether another process plays: some run file is locked, and not by us."""
    for path in folder.glob(f"*{_SUFFIX}"):
        if not held_here(path):
            try:
                FileLock(path, create=False).close()
            except BlockingIOError:
                return True
            except OSError:
                continue
    return False


def dead_runs(folder: Path) -> list[DeadRun]:
    """The runs whose process has died, each locked by us. Files of running games are left alone."""
    found = []
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        with contextlib.suppress(OSError):
            found.append(DeadRun(FileLock(path, create=False)))
    return found


def recover_dead_runs(outbox: Outbox, runs: Path) -> None:
    """Finish the sessions of every run in the folder `runs` whose process has died. Raises OSError and OutboxError.

    A run that still lives is never touched: its file's lock is held. Several may do this at once.
    """
    found = dead_runs(runs)
    try:
        while found:
            outbox.recover(found[0].run, found[0].progress())
            found.pop(0).bury()
    finally:
        for dead in found:  # their locks, too, would keep every other look away
            dead.leave()
    for run in outbox.unfinished_runs():
        if not may_live(runs, run):
            outbox.recover(run, None)
