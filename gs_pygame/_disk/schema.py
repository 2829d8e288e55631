"""The outbox's tables."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import cache

from .._base.errors import OutboxDamagedError, OutboxTooNewError

VERSION = 1
"""Of the tables, in `PRAGMA user_version`."""

INDEX = "sessions_queue"

FURTHEST = 2**52
"""The number of no session: what says that it is more is damage, and is not counted on from. Half of what all readers
of JSON agree on."""

NEWEST = f"SELECT coalesce(max(number), 0) FROM sessions WHERE number < {FURTHEST}"
"""The number of the session that was started last; 0 before the first."""

INSTALLATION = "(SELECT value FROM meta WHERE key = 'installation_id')"
"""Read in one statement with the sessions that are its: another copy may end it, and begin the next."""

UNTOLD = "told = 0"
"""Of a session: its receipt is to be told to the game."""

TABLES = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID",
    # One row for each session, from its start to its receipt; what follows `started_at` says how far it has got.
    # `answer`: what the first destination said; `told`: 0 while on_delivered has not been called for that, then 1.
    """
    CREATE TABLE sessions (
        number INTEGER PRIMARY KEY, session_id TEXT NOT NULL, run TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('open', 'waiting', 'ready', 'delivered', 'rejected')),
        bytes INTEGER NOT NULL, told INTEGER, previous_id TEXT,
        player_id TEXT NOT NULL, started_at REAL NOT NULL, active REAL NOT NULL DEFAULT 0, wall REAL NOT NULL DEFAULT 0,
        reason TEXT NOT NULL DEFAULT 'abnormal',
        script_data TEXT NOT NULL, about TEXT NOT NULL, counters TEXT, answer TEXT
    )
    """,
    # Backwards, since then what becomes ready lies beside what was open: a frame changes one page less.
    f"CREATE INDEX {INDEX} ON sessions (state DESC, number, bytes)",
    f"CREATE INDEX untold ON sessions (run) WHERE {UNTOLD}",
    # How far one destination has got with a ready end, if anything has happened; most ends have no row.
    # `place`: the end's number, or if it was sent to the back of the queue, that of the newest session then.
    # `strikes`: server errors (5xx) in a row; `passes`: how often others were let pass because of them.
    """
    CREATE TABLE progress (
        destination TEXT NOT NULL, number INTEGER NOT NULL, session_id TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('ready', 'delivered', 'rejected')),
        place INTEGER NOT NULL, passes INTEGER NOT NULL, strikes INTEGER NOT NULL, answer TEXT,
        PRIMARY KEY (number, destination)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX tried ON progress (destination) WHERE state = 'ready'",
)


def version_of(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def refuse_newer(connection: sqlite3.Connection) -> None:
    """Raises OutboxTooNewError if a newer gs_pygame wrote the file."""
    version = version_of(connection)
    if version > VERSION:
        raise OutboxTooNewError(f"the outbox has schema version {version}; this gs_pygame knows up to {VERSION}")


def refuse_foreign(connection: sqlite3.Connection) -> None:
    """Raises OutboxDamagedError if somebody put code of theirs into the file: it would run, for ever if they like,
    with every statement of ours."""
    if connection.execute("SELECT 1 FROM sqlite_master WHERE type IN ('trigger', 'view')").fetchone():
        raise OutboxDamagedError("there are triggers or views in the outbox, which are not ours")


def refuse_altered(connection: sqlite3.Connection) -> None:
    """Raises OutboxDamagedError if the tables are not as they were made: a flipped bit can rename a column."""
    if _schema_of(connection) != _as_made():
        raise OutboxDamagedError("the outbox's tables are not as they were made")


def _schema_of(connection: sqlite3.Connection) -> list[tuple[str, ...]]:
    return connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name").fetchall()


@cache
def _as_made() -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        make(made)
        return _schema_of(made)


def make(connection: sqlite3.Connection) -> None:
    """Make the tables if there are none, in one transaction. Raises OutboxDamagedError if others are in their way."""
    if version_of(connection) == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        refuse_newer(connection)
        if version_of(connection) != VERSION:  # again: another copy of the game may have been quicker
            for statement in TABLES:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except sqlite3.OperationalError as error:
        _roll_back(connection)
        if any(word in str(error) for word in ("already exists", "no such", "may not be altered")):
            raise OutboxDamagedError(str(error)) from error
        raise
    except BaseException:
        _roll_back(connection)
        raise


def _roll_back(connection: sqlite3.Connection) -> None:
    """What came up may have done so just after the commit; then nothing is to be taken back."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")
