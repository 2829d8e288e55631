"""The outbox's tables, and how an older file becomes a newer one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import cache

from .._errors import OutboxDamagedError, OutboxTooNewError

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID",
        # One row for each session that is being played right now, by whichever run.
        """
        CREATE TABLE sessions (
            session_id TEXT PRIMARY KEY, run TEXT NOT NULL, number INTEGER NOT NULL, previous_id TEXT,
            player_id TEXT NOT NULL, started_at REAL NOT NULL, script_data TEXT NOT NULL, about TEXT NOT NULL
        ) WITHOUT ROWID
        """,
        # `strikes`: server errors (5xx) in a row; `passes`: how often others were let pass because of them.
        # `told`: 0 while on_delivered has not been called for a receipt.
        """
        CREATE TABLE ends (
            seq INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL UNIQUE, run TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('waiting', 'ready', 'delivered', 'rejected')),
            bytes INTEGER NOT NULL, strikes INTEGER NOT NULL DEFAULT 0, passes INTEGER NOT NULL DEFAULT 0,
            told INTEGER NOT NULL DEFAULT 0, number INTEGER, previous_id TEXT, player_id TEXT NOT NULL,
            started_at REAL NOT NULL, active REAL NOT NULL, wall REAL NOT NULL, reason TEXT NOT NULL,
            script_data TEXT NOT NULL, about TEXT NOT NULL, answer TEXT
        )
        """,
        "CREATE INDEX ends_queue ON ends (state, seq, bytes)",
    ),
    ("ALTER TABLE ends ADD COLUMN counters TEXT",),
)
"""Each step takes a file from the version of its index to the next; `PRAGMA user_version` holds the version."""


def version_of(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def refuse_newer(connection: sqlite3.Connection) -> None:
    """Raises OutboxTooNewError if a newer gs_pygame wrote the file."""
    version, latest = version_of(connection), len(MIGRATIONS)
    if version > latest:
        raise OutboxTooNewError(f"the outbox has schema version {version}; this gs_pygame knows up to {latest}")


def refuse_foreign(connection: sqlite3.Connection) -> None:
    """Raises OutboxDamagedError if somebody put code of theirs into the file: it would run, for ever if they like,
    with every statement of ours."""
    if connection.execute("SELECT 1 FROM sqlite_master WHERE type IN ('trigger', 'view')").fetchone():
        raise OutboxDamagedError("there are triggers or views in the outbox, which are not ours")


def refuse_altered(connection: sqlite3.Connection) -> None:
    """Raises OutboxDamagedError if the tables are not as they were made: a flipped bit can rename a column."""
    if _schema_of(connection) != _as_made(MIGRATIONS):
        raise OutboxDamagedError("the outbox's tables are not as they were made")


def _schema_of(connection: sqlite3.Connection) -> list[tuple[str, ...]]:
    return connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name").fetchall()


@cache
def _as_made(migrations: tuple[tuple[str, ...], ...]) -> list[tuple[str, ...]]:
    """How `migrations`, which are MIGRATIONS, make them."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        migrate(made)
        return _schema_of(made)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to the newest version in one transaction.

    Raises, altering nothing: OutboxTooNewError; OutboxDamagedError if its tables are not those of its version.
    """
    latest = len(MIGRATIONS)
    if version_of(connection) == latest:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        refuse_newer(connection)
        for step in MIGRATIONS[version_of(connection) :]:  # again: another copy of the game may have been quicker
            for statement in step:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {latest}")
        connection.execute("COMMIT")
    except sqlite3.OperationalError as error:
        connection.execute("ROLLBACK")
        if any(word in str(error) for word in ("already exists", "duplicate column", "no such", "may not be altered")):
            raise OutboxDamagedError(str(error)) from error
        raise
    except BaseException:
        connection.execute("ROLLBACK")
        raise
