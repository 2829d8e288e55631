"""How the outbox's file is opened, or made: privately, with a write-ahead log, and with our tables or not at all."""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from urllib.parse import quote

from .._base.errors import OutboxBusyError, OutboxDamagedError, OutboxDiskError, OutboxError
from .._base.patience import HELPER_PATIENCE
from .private import make_folder, own
from .schema import VERSION, make, refuse_altered, refuse_foreign, refuse_newer, version_of

CHECKPOINT_SIZE = 1000 * 4096
"""Bytes of WAL from which it is moved into the database (SQLite's own default, in pages), and to which it is cut."""

FILES = ("-wal", "-shm", "")
"""What a database's files are called, beyond its path: without its WAL it would be another one."""

_TOLD_BY = {"locked": OutboxBusyError, "is full": OutboxDiskError, "disk I/O error": OutboxDiskError}
"""What SQLite's messages hold (sqlite3_errstr); Python 3.10 gives no error codes."""

_text = partial(str, encoding="utf-8", errors="replace")  # a damaged text is one bad value, not a failed query


@contextmanager
def translated() -> Iterator[None]:
    """The one place where SQLite's errors become ours."""
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise as_ours(error) from error


def as_ours(error: sqlite3.Error | UnicodeDecodeError) -> OutboxError:
    """What SQLite's `error` is to us."""
    if isinstance(error, UnicodeDecodeError):  # of a message in which SQLite quotes the damage
        return OutboxDamagedError(str(error))
    if type(error) is sqlite3.DatabaseError:  # SQLITE_CORRUPT and SQLITE_NOTADB alone have no class of their own
        return OutboxDamagedError(str(error))
    if getattr(error, "sqlite_errorname", "") == "SQLITE_IOERR_SHORT_READ":  # before Python 3.11: a disk's error
        return OutboxDamagedError("the file, or its WAL, has been cut off")
    if isinstance(error, sqlite3.OperationalError):
        for word, kind in _TOLD_BY.items():
            if word in str(error):
                return kind(str(error))
    return OutboxError(str(error))


def opened(path: Path | None, patience: float) -> sqlite3.Connection:
    """Open or make the file at `path`, or a database in memory. May raise any OutboxError.

    Nothing is flushed: in a WAL without a frame there is none of before to mix with those to come, whatever of them a
    power cut leaves. So the first frame, whose header would be flushed, is written here, and not in a frame of the
    game's.
    """
    is_new = path is None or not _has_frames(path)
    if path is not None:
        _make_private(path)
    with translated():
        db = sqlite3.connect(path or ":memory:", timeout=patience, isolation_level=None, check_same_thread=False)
        db.text_factory = _text
        try:
            refuse_newer(db)  # before anything could alter the file
            if sys.version_info >= (3, 12):  # the last one to close would give the WAL's room to a full disk
                db.setconfig(sqlite3.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, True)
            db.execute(f"PRAGMA synchronous = {'OFF' if is_new else 'NORMAL'}")
            mode = _to_wal(db, patience)
            db.execute("PRAGMA wal_autocheckpoint = 0")
            db.execute(f"PRAGMA journal_size_limit = {CHECKPOINT_SIZE}")
            if sys.platform == "darwin":
                db.execute("PRAGMA fullfsync = ON")  # as `flush`
            db.execute("PRAGMA secure_delete = ON")  # off in many builds; erase() could not make up for it
            make(db)
            refuse_altered(db)
            if mode != "wal":  # every commit would flush the disk in a frame; OFF still survives the process
                db.execute("PRAGMA synchronous = OFF")
            elif is_new:
                db.execute(f"PRAGMA user_version = {VERSION}")
                db.execute("PRAGMA synchronous = NORMAL")
        except BaseException:
            db.close()
            raise
    return db


def looked_into(path: Path) -> sqlite3.Connection:
    """Open the file at `path` for reading: nothing is made or written. Raises FileNotFoundError and OutboxError."""
    if not path.exists():
        raise FileNotFoundError(f"there is no outbox in {path.parent}: no such game was played here")
    with translated():
        db = sqlite3.connect(f"{_uri(path)}?mode=ro", uri=True, timeout=HELPER_PATIENCE, check_same_thread=False)
        db.text_factory = _text
        try:
            refuse_newer(db)
            refuse_foreign(db)
            if version_of(db) == VERSION:  # else it is being made
                refuse_altered(db)
        except BaseException:
            db.close()
            raise
    return db


def is_open_elsewhere(path: Path) -> bool:
    """Whether anybody has the file at `path` open, of whom SQLite knows, or Windows, which would not let it be removed.
    A connection of this process counts."""
    if sys.platform == "win32":
        for suffix in FILES:
            try:
                os.rename(f"{path}{suffix}", f"{path}{suffix}")  # as it is, if nobody has it
            except FileNotFoundError:
                continue
            except OSError:
                return True
    try:
        with closing(sqlite3.connect(f"{_uri(path)}?mode=rw", uri=True, timeout=0, isolation_level=None)) as db:
            db.execute("PRAGMA locking_mode = EXCLUSIVE")
            db.execute("BEGIN IMMEDIATE")
    except sqlite3.Error as error:  # else there is none, or it is damaged
        return isinstance(as_ours(error), OutboxBusyError)
    return False


def _uri(path: Path) -> str:
    place = path.absolute().as_posix()  # on a Windows share it begins with //, which as_uri() would make a host's
    return f"file://{'' if place.startswith('/') else '/'}{quote(os.fsencode(place))}"


def _has_frames(path: Path) -> bool:
    try:
        return os.stat(f"{path}-wal").st_size > 0
    except OSError:
        return False


def _make_private(path: Path) -> None:
    make_folder(path.parent)
    for suffix in FILES:
        if os.path.islink(f"{path}{suffix}"):  # SQLite would follow it, and write into somebody else's file
            raise OutboxError(f"{path}{suffix} is a link")
    with suppress(FileExistsError):  # before SQLite does: the -wal and -shm files take their mode from this one
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        own(path)


def _to_wal(db: sqlite3.Connection, patience: float) -> str:
    """Here SQLite waits for nobody: copies that start together on a new file would find it locked."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return str(db.execute("PRAGMA journal_mode = WAL").fetchone()[0])
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
        time.sleep(0.005)
