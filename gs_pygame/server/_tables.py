"""The tables on disk."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, MetaData, Table, Text
from sqlalchemy.engine import Connection

_metadata = MetaData()

sessions = Table(
    "sessions",
    _metadata,
    Column("request_id", Text, primary_key=True),
    Column("received_at", BigInteger, nullable=False, unique=True),  # microseconds since 1970
    Column("player_id", Text),
    Column("id", Text),
    Column("previous_id", Text),
    Column("number", BigInteger),
    Column("installation_id", Text),
    Column("started_at", Text),  # RFC 3339, UTC, milliseconds; so is ended_at
    Column("ended_at", Text),
    Column("active_ms", BigInteger),
    Column("wall_ms", BigInteger),
    Column("reason", Text),
    Column("script_data", Text, nullable=False),  # JSON, whole, as it came
    Column("answer", Text, nullable=False),  # JSON, what a repeat gets again
)

accounts = Table(  # what each installation last said of its sessions
    "accounts",
    _metadata,
    Column("installation_id", Text, primary_key=True),
    Column("started", BigInteger, nullable=False),
    Column("delivered", BigInteger, nullable=False),
    Column("open", BigInteger, nullable=False),
    Column("queued", BigInteger, nullable=False),
    Column("rejected", BigInteger, nullable=False),
    Column("dropped", Text, nullable=False),  # JSON, by cause
    Column("accounted", BigInteger, nullable=False),  # the sum of the four above
)

# Gaps are found in the index alone; the rows, with all their script data, are not read.
_by_number = Index("sessions_by_number", sessions.c.installation_id, sessions.c.number, sessions.c.id)


def create_tables(connection: Connection) -> None:
    """Make what is missing. A file of version 0.1.0 has `sessions` alone, and a server of that version can go on
    using what this makes of it.
    """
    _metadata.create_all(connection)
    _by_number.create(connection, checkfirst=True)  # create_all() passes over the indexes of a table that exists
