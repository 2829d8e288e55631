"""One connection to the outbox's file, as several threads and processes can share it. Knows nothing of what it holds.

Durability: a commit survives the death of the process at once (WAL, synchronous NORMAL), and a power cut as soon as
the keeper has called `sync()`. Nobody holds the write lock while the disk is flushed.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from .._errors import OutboxBusyError, OutboxDamagedError, OutboxDiskError, OutboxError
from .schema import migrate, refuse_altered, refuse_newer

HELPER_PATIENCE = 5.0
"""Seconds that helpers, and opening the file, may wait for another process."""

CHECKPOINT_SIZE = 1000 * 4096
"""Bytes of WAL from which it is moved into the database (SQLite's own default, in pages)."""

RESERVE = 256 * 1024
"""Bytes held free inside the file, and held in the WAL: on a full disk hundreds of ends and receipts still fit."""

FILES = ("-wal", "-shm", "")
"""What a database's files are called, beyond its path: without its WAL it would be another one."""

_TOLD_BY = {"locked": OutboxBusyError, "is full": OutboxDiskError, "disk I/O error": OutboxDiskError}
"""What SQLite's messages hold (sqlite3_errstr); Python 3.10 gives no error codes."""

_text = partial(str, encoding="utf-8", errors="replace")  # a damaged text is one bad value, not a failed query


@contextmanager
def _translated() -> Iterator[None]:
    """The one place where SQLite's errors become ours."""
    try:
        yield
    except UnicodeDecodeError as error:  # of a message in which SQLite quotes the damage
        raise OutboxDamagedError(str(error)) from error
    except sqlite3.Error as error:
        if type(error) is sqlite3.DatabaseError:  # SQLITE_CORRUPT and SQLITE_NOTADB alone have no class of their own
            raise OutboxDamagedError(str(error)) from error
        if isinstance(error, sqlite3.OperationalError):
            for word, kind in _TOLD_BY.items():
                if word in str(error):
                    raise kind(str(error)) from error
        raise OutboxError(str(error)) from error


class Database:
    """One connection to the file. Safe to share between threads; opening may raise any OutboxError."""

    def __init__(
        self,
        path: Path | None,
        patience: float = HELPER_PATIENCE,
        opening_patience: float = HELPER_PATIENCE,
        turn: threading.Lock | None = None,
        flushes: bool = True,
    ) -> None:
        """Open or create the file at `path`, or a database in memory if it is None.

        `patience`: seconds that each later write may wait for another one; `opening_patience`: this once. `turn`: what
        the connections of one process to the same file have in common. `flushes`: whether a commit may flush the disk,
        as the first one in a WAL does. One that does not must neither move the WAL nor be the last to close.
        """
        self.path = path
        self._patience = opening_patience
        # SQLite lets a writer that finds another one sleep for a millisecond, where the other needs a tenth of that.
        self._turn = turn or threading.Lock()
        self._lock = threading.RLock()
        self._within = False
        if path is not None:
            self._make_private(path)
        with _translated():
            self._db = sqlite3.connect(
                path or ":memory:", timeout=opening_patience, isolation_level=None, check_same_thread=False
            )
            self._db.text_factory = _text
            try:
                refuse_newer(self._db)  # before anything could alter the file
                if sys.version_info >= (3, 12):  # the last one to close would give the WAL's room to a full disk
                    self._db.setconfig(sqlite3.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, True)
                self._db.execute("PRAGMA synchronous = OFF")  # a new file needs no flush: `sync` is soon
                mode = self._to_wal(opening_patience)
                self._db.execute("PRAGMA wal_autocheckpoint = 0")
                self._db.execute("PRAGMA secure_delete = ON")  # off in many builds; erase() could not make up for it
                migrate(self._db)
                refuse_altered(self._db)
                self._prepare()
                # Without WAL every commit would flush the disk in a frame; OFF still survives the process.
                if flushes and mode == "wal":
                    self._db.execute("PRAGMA synchronous = NORMAL")
                self.wait_at_most(patience)
            except BaseException:
                self._db.close()
                raise

    def wait_at_most(self, patience: float) -> None:
        """Seconds that each later write may wait for another one."""
        self._patience = patience
        with self._lock, _translated():
            self._db.execute(f"PRAGMA busy_timeout = {round(patience * 1000)}")

    def _prepare(self) -> None:
        """What a subclass does first, with all the patience of opening."""

    @staticmethod
    def _make_private(path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for suffix in FILES:
            if os.path.islink(f"{path}{suffix}"):  # SQLite would follow it, and write into somebody else's file
                raise OutboxError(f"{path}{suffix} is a link")
        with suppress(FileExistsError):  # before SQLite does: the -wal and -shm files take their mode from this one
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))

    def _to_wal(self, patience: float) -> str:
        """Here SQLite waits for nobody: copies that start together on a new file would find it locked."""
        deadline = time.monotonic() + patience
        while True:
            try:
                return str(self._db.execute("PRAGMA journal_mode = WAL").fetchone()[0])
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
            time.sleep(0.005)

    @property
    def durable(self) -> bool:
        return self.path is not None

    def close(self) -> None:
        """Close the connection; in memory it stays. Before Python 3.12 the last one of a file also moves the WAL into
        it, which may flush the disk.
        """
        if self.path is not None:
            with self._lock, suppress(sqlite3.Error):  # of a disk that has failed
                self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing. Raises OutboxBusyError, having written nothing, if the lock cannot be had in time."""
        with self._lock:
            if self._within:
                yield
            else:
                with self._outermost():
                    yield

    @contextmanager
    def _outermost(self) -> Iterator[None]:
        if not self._turn.acquire(timeout=self._patience):
            raise OutboxBusyError("another thread writes")
        try:
            with _translated():
                self._db.execute("BEGIN IMMEDIATE")
                self._within = True
                try:
                    yield
                    self._db.execute("COMMIT")
                except BaseException:
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
                    raise
                finally:
                    self._within = False
        finally:
            self._turn.release()

    def _change(self, sql: str, *values: Any) -> int:
        """Run one statement in a transaction; the number of rows it changed."""
        with self._lock:
            if self._within:  # then `transaction` translates what it raises; a frame waits for this
                return self._db.execute(sql, values).rowcount
            with self._outermost():
                return self._db.execute(sql, values).rowcount

    def _read(self, sql: str, *values: Any) -> list[Any]:
        with self._lock:
            if self._within:
                return self._db.execute(sql, values).fetchall()
            with _translated():
                return self._db.execute(sql, values).fetchall()

    def rows(self, table: str) -> list[dict[str, Any]]:
        """All rows of `table` in their order, by column."""
        with self._lock, _translated():
            found = self._db.execute(f"SELECT * FROM {table} ORDER BY 1")
            columns = [description[0] for description in found.description]
            return [dict(zip(columns, row, strict=True)) for row in found]

    def checkpoint(self) -> None:
        """Move all of the WAL into the file, and leave nothing in the WAL."""
        self._read("PRAGMA wal_checkpoint(TRUNCATE)")

    def sync(self) -> None:
        """Make every commit so far survive a power cut, without the write lock. A thread that may wait for a disk."""
        if self.path is None:
            return
        try:
            wal = os.open(f"{self.path}-wal", os.O_RDWR)
        except (FileNotFoundError, NotADirectoryError):
            return
        try:  # SQLite puts no lock on this file, so opening and closing it by hand takes none away
            getattr(os, "fdatasync", os.fsync)(wal)
            size = os.fstat(wal).st_size
        finally:
            os.close(wal)
        if size > CHECKPOINT_SIZE:
            self.make_room()

    def make_room(self) -> None:
        """Have the WAL written from its beginning again: there is room on a full disk. As `sync`."""
        self._read("PRAGMA wal_checkpoint(PASSIVE)")
        # The first writer after a checkpoint begins the WAL anew and flushes its header: not in a frame.
        self._change("UPDATE meta SET value = value WHERE key = 'installation_id'")

    def hold_reserve(self) -> None:
        """Hold RESERVE bytes free, in the file and in its WAL. As `sync`. Raises OutboxError if the disk is full."""
        wal = Path(f"{self.path}-wal")
        if self.path is None or not wal.exists():
            return
        (pages,), (page_size,) = self._read("PRAGMA freelist_count")[0], self._read("PRAGMA page_size")[0]
        missing = pages * page_size < RESERVE
        if missing or wal.stat().st_size < RESERVE:
            with self.transaction():
                size = RESERVE * 3 // 2 if missing else RESERVE  # with some to spare: this is not for every new end
                self._change("INSERT INTO meta VALUES ('reserve', zeroblob(?))", size)
                self._change("DELETE FROM meta WHERE key = 'reserve'")
            self.make_room()
