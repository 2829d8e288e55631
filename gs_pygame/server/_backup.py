"""A copy of the database in a file of its own, made while servers use it."""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from ._schema import ServerError

_BUSY_TIMEOUT = 10.0  # seconds


def back_up(database: str, file: Path) -> None:
    """Copy what was committed when it begins into `file`, which must not exist. Nobody waits for it. Only this user can
    read it, and when this returns it is whole and on disk. Raises ServerError."""
    try:
        url = make_url(database)
    except (ArgumentError, ValueError):
        raise ServerError("the database must be given as sqlite:///FILE or postgresql://USER@HOST/NAME") from None
    if url.get_backend_name() == "postgresql":
        raise ServerError("PostgreSQL has its own backup, which needs no stop either: pg_dump --format=custom")
    source = Path(url.database or ":memory:")
    if not source.is_file():
        raise ServerError(f"there is no database {source} to back up")
    try:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError as error:
        raise ServerError(f"the backup {file} cannot be begun: {error.strerror}") from None
    try:
        _copy(source, file)
    except (sqlite3.Error, OSError) as error:
        file.unlink()
        raise ServerError(f"the database {source} cannot be backed up: {error}") from None
    print(f"gs-pygame serve: {source} is backed up in {file}", file=sys.stderr, flush=True)


def _copy(source: Path, file: Path) -> None:
    """VACUUM INTO reads in one transaction, however much is written meanwhile, and fills an empty file."""
    with closing(sqlite3.connect(source, timeout=_BUSY_TIMEOUT, isolation_level=None)) as database:
        database.execute("VACUUM INTO ?", [str(file)])
    with closing(sqlite3.connect(file)) as copy:
        [[verdict]] = copy.execute("PRAGMA integrity_check(1)").fetchall()
    if verdict != "ok":
        raise sqlite3.DatabaseError(f"its copy is damaged: {verdict}")
    _flush(file)
    if sys.platform != "win32":
        _flush(file.parent)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
