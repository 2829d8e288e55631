"""One connection to the outbox's file, as several threads and processes can share it. Knows nothing of what it holds.

Durability: a commit survives the death of the process at once (WAL, synchronous NORMAL), and a power cut as soon as
the keeper has called `sync()`. Nobody holds the write lock while what others wrote is flushed.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from .._base.boundary import let_go
from .._base.errors import OutboxBusyError
from .flush import flush
from .opening import CHECKPOINT_SIZE, as_ours, translated
from .schema import VERSION

RESERVE = 256 * 1024
"""Bytes held free inside the file, and held in the WAL: on a full disk hundreds of ends and receipts still fit."""


class Transaction:
    """All of what is done within, or nothing; within another one it is a part of that."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._begun = False

    def __enter__(self) -> None:
        database = self._database
        database.lock.acquire()
        try:
            if not database.connection.in_transaction:
                database.begin()
                self._begun = True
        except BaseException as error:
            database.lock.release()
            if isinstance(error, sqlite3.Error):
                raise as_ours(error) from error
            raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        database = self._database
        try:
            if self._begun:
                database.finish(commit=error is None)
        except sqlite3.Error as failed:
            raise as_ours(failed) from failed
        finally:
            database.lock.release()
        if isinstance(error, (sqlite3.Error, UnicodeDecodeError)):
            raise as_ours(error) from error


class Database:
    """Safe to share between threads.

    `path`: None in memory. `patience`: seconds that a write may wait for another one. `turn`: what the connections of
    one process to the same file have in common.
    """

    def __init__(
        self, connection: sqlite3.Connection, path: Path | None, patience: float, turn: threading.RLock | None = None
    ) -> None:
        self.path = path
        self.connection = connection
        # SQLite lets a writer that finds another one sleep for a millisecond, where the other needs a tenth of that.
        self.turn = turn or threading.RLock()
        self._patience = patience
        self.lock = threading.RLock()
        self._seen = self.read("PRAGMA data_version")

    def wait_at_most(self, patience: float) -> None:
        """Seconds that each later write may wait for another one."""
        self._patience = patience
        self.read(f"PRAGMA busy_timeout = {round(patience * 1000)}")

    def close(self) -> None:
        """Close the connection; in memory it stays. Before Python 3.12 the last one of a file also moves the WAL into
        it, which may flush the disk.
        """
        if self.path is not None:
            with self.lock, suppress(sqlite3.Error):  # of a disk that has failed
                self.connection.close()

    def transaction(self) -> Transaction:
        """All or nothing. Raises OutboxBusyError, having written nothing, if the lock cannot be had in time."""
        return Transaction(self)

    def let_go(self) -> None:
        """This thread was interrupted: what it was about to write is not written, and it holds nothing."""
        if self.lock.acquire(blocking=False):
            self._roll_back()
            let_go(self.turn, self.lock)

    def begin(self) -> None:
        """For Transaction. Raises OutboxBusyError and sqlite3.Error, having begun nothing."""
        self._take_turn()
        try:
            self.connection.execute("BEGIN IMMEDIATE")
        except BaseException:
            self._roll_back()
            self.turn.release()
            raise

    def finish(self, commit: bool) -> None:
        """For Transaction. Raises sqlite3.Error, having written nothing, if it cannot be committed."""
        try:
            if commit:
                self.connection.execute("COMMIT")
        finally:
            self._roll_back()
            self.turn.release()

    def _take_turn(self) -> None:
        """No other thread of this process writes."""
        if not self.turn.acquire(timeout=self._patience):
            raise OutboxBusyError("another thread writes")

    def _roll_back(self) -> None:
        """What has not been committed."""
        try:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
        except sqlite3.Error:  # it is closed
            pass

    def change(self, sql: str, *values: Any) -> int:
        """Run one statement in a transaction; the number of rows it changed."""
        with self.transaction():
            return self.connection.execute(sql, values).rowcount

    def change_many(self, sql: str, values: list[tuple[Any, ...]]) -> int:
        """Run one statement with each of `values`, in a transaction; the number of rows it changed."""
        with self.transaction():
            return self.connection.executemany(sql, values).rowcount

    def read(self, sql: str, *values: Any) -> list[Any]:
        """What one statement finds, as of one moment."""
        with self.lock:
            try:
                return self.connection.execute(sql, values).fetchall()
            except (sqlite3.Error, UnicodeDecodeError) as error:
                raise as_ours(error) from error

    def rows(self, table: str, columns: str = "*") -> list[dict[str, Any]]:
        """All rows of `table`, by column, in the order of its first one."""
        with self.lock, translated():
            found = self.connection.execute(f"SELECT {columns} FROM {table} ORDER BY 1")
            names = [description[0] for description in found.description]
            return [dict(zip(names, row, strict=True)) for row in found]

    def changed(self) -> bool:
        """Whether somebody else has written since the last call."""
        before, self._seen = self._seen, self.read("PRAGMA data_version")
        return before != self._seen

    def checkpoint(self) -> None:
        """Move all of the WAL into the file, and leave nothing in the WAL. Raises OutboxBusyError if somebody who reads
        is in the way for longer than the patience."""
        if self.read("PRAGMA wal_checkpoint(TRUNCATE)")[0][0]:
            raise OutboxBusyError("another program reads it")

    def copy_to(self, path: Path) -> None:
        """Write all that it holds to a new file. A thread that may wait for a disk."""
        with self.lock, translated(), closing(sqlite3.connect(path)) as copy:
            self.connection.backup(copy)

    def move_all(self) -> None:
        """Move all of a WAL that has no name any more into the file, without a flush, for which no exit has time."""
        self.read("PRAGMA synchronous = OFF")
        self.read("PRAGMA wal_checkpoint(PASSIVE)")

    def sync(self) -> None:
        """Make every commit so far survive a power cut, without the write lock. A thread that may wait for a disk."""
        if self.path is None:
            return
        try:
            wal = os.open(f"{self.path}-wal", os.O_RDWR)
        except (FileNotFoundError, NotADirectoryError):
            return
        try:  # SQLite puts no lock on this file, so opening and closing it by hand takes none away
            flush(wal)
            size = os.fstat(wal).st_size
        finally:
            os.close(wal)
        if size > CHECKPOINT_SIZE:
            self.make_room()

    def make_room(self) -> None:
        """Have the WAL written from its beginning again: there is room on a full disk. As `sync`.

        The first write after a checkpoint begins the WAL anew, and flushes its header: were that lost in a power cut,
        frames of before and after would mix. It is ours: nobody's frame comes between, and none waits for the flush.
        """
        with self.lock:
            self._take_turn()
            try:
                self.read("PRAGMA wal_checkpoint(PASSIVE)")
                with self.transaction():
                    self.connection.execute(f"PRAGMA user_version = {VERSION}")  # as it was; SQLite writes it anyway
            finally:
                self.turn.release()

    def hold_reserve(self) -> None:
        """Hold RESERVE bytes free, in the file and in its WAL. As `sync`. Raises OutboxError if the disk is full."""
        if self.path is None:
            return
        try:
            size_of_wal = os.stat(f"{self.path}-wal").st_size
        except OSError:  # it was removed, or cannot be looked at
            return
        (pages,), (page_size,) = self.read("PRAGMA freelist_count")[0], self.read("PRAGMA page_size")[0]
        missing = pages * page_size < RESERVE
        if missing or size_of_wal < RESERVE:
            with self.transaction():
                size = RESERVE * 3 // 2 if missing else RESERVE  # with some to spare: this is not for every new end
                self.change("INSERT INTO meta VALUES ('reserve', zeroblob(?))", size)
                self.change("DELETE FROM meta WHERE key = 'reserve'")
            self.make_room()
