"""A damaged outbox: set aside under another name, what can still be read is carried over, a new one is begun."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from .._base.errors import OutboxDamagedError, OutboxDiskError, OutboxError
from .._base.log import log
from .lock import FileLock
from .opening import FILES
from .outbox import Outbox
from .runs import any_alive
from .schema import INDEX, refuse_foreign
from .upkeep import MAX_BYTES


def mark_damaged(path: Path) -> None:
    """SQLite found the file at `path` malformed while it was in use: the next start is to set it aside."""
    with suppress(OSError):
        _mark(path).touch(mode=0o600)


def open_or_replace(path: Path, runs: Path, open_outbox: Callable[[], Outbox]) -> Outbox:
    """The outbox at `path`; if it is damaged, a new one with what could be saved. Raises OutboxError and OSError.

    While another copy of the game (its run file lies in `runs`) has the damaged file open, it is left alone.
    """
    if not os.path.exists(_mark(path)):
        try:
            return open_outbox()
        except OutboxDamagedError:
            mark_damaged(path)
    lock = FileLock(path.with_name("salvage.lock"))
    try:
        if os.path.exists(_mark(path)):  # else another copy that started with us has just done it
            if any_alive(runs):
                raise OutboxDamagedError("the file is damaged, and another copy of the game still has it open")
            aside = _replace(path)
            log.error("gs_pygame: the outbox was damaged; what could be read was saved, the rest is kept as %s", aside)
        return open_outbox()
    finally:
        lock.close()


def remove_damaged(path: Path) -> None:
    """Remove what was set aside of the outbox at `path`, and the mark on it. Raises OSError."""
    for aside in path.parent.glob(f"{path.name}.damaged*"):
        aside.unlink()


def remove_whole(path: Path) -> None:
    """Remove a database with all its files. Raises OSError."""
    for suffix in FILES:
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def _mark(path: Path) -> Path:
    return path.with_name(f"{path.name}.damaged")


def _replace(path: Path) -> Path:
    """Put a whole new outbox in the place of the damaged one, which stays there until then: any step may be the last
    of this process, and the next start begins anew, or goes on. Where the damaged one is kept."""
    begun = path.with_name(f"{path.name}.damaged-begun")
    whole = path.with_name(f"{path.name}.damaged-mended")
    if not whole.exists():
        remove_whole(begun)
        with closing(Outbox(begun)) as outbox:
            _carry_over(path, outbox)
            outbox.checkpoint()
        os.replace(begun, whole)
        remove_whole(begun)
    aside = path.with_name(f"{path.name}.damaged-{time.time_ns()}")
    for suffix in FILES:
        with suppress(FileNotFoundError):
            os.replace(f"{path}{suffix}", f"{aside}{suffix}")
    os.replace(whole, path)
    _mark(path).unlink()
    return aside


def _carry_over(damaged: Path, outbox: Outbox) -> None:
    """Copy what a plain SELECT still reads. Raises OutboxDiskError: the next start is to try again."""
    _lengthen(damaged)
    with closing(sqlite3.connect(damaged, isolation_level=None)) as old:
        old.text_factory = lambda data: data.decode("utf-8", "replace")
        for table in ("meta", "sessions", "progress"):
            for row in _readable(old, table):
                try:
                    outbox.adopt(table, row)
                except OutboxDiskError:
                    raise
                except OutboxError:  # no row of ours
                    continue
        numbers, _ = _read_until_damage(old, f"SELECT number FROM sessions INDEXED BY {INDEX}")
    outbox.account_for_damage(max((row["number"] for row in numbers), default=0))


def _lengthen(damaged: Path) -> None:
    """Of a file that was cut off SQLite reads nothing; of one whose end is empty, all that is not there.

    The size is in its header (sqlite.org/fileformat2.html, 1.3). Nobody else has it open.
    """
    with suppress(OSError), damaged.open("r+b") as file:
        header = file.read(100)
        size = int.from_bytes(header[16:18], "big") * int.from_bytes(header[28:32], "big")
        if header.startswith(b"SQLite format 3") and file.seek(0, os.SEEK_END) < size <= 2 * MAX_BYTES:
            file.truncate(size)


def _readable(old: sqlite3.Connection, table: str) -> list[dict[str, Any]]:
    """The rows of `table` from its beginning up to the damage, and from there to its end; some may come twice."""
    head, whole = _read_until_damage(old, f"SELECT * FROM {table} ORDER BY 1")
    if whole:
        return head
    tail, _ = _read_until_damage(old, f"SELECT * FROM {table} ORDER BY 1 DESC")
    return head + tail[::-1]


def _read_until_damage(old: sqlite3.Connection, query: str) -> tuple[list[dict[str, Any]], bool]:
    """The rows, and whether they are all."""
    rows: list[dict[str, Any]] = []
    try:
        refuse_foreign(old)
        found = old.execute(query)
        columns = [description[0] for description in found.description]
        for row in found:
            rows.append(dict(zip(columns, row, strict=True)))
    except (sqlite3.Error, UnicodeDecodeError, OutboxDamagedError):  # SQLite's messages quote the damage
        return rows, False
    return rows, True
