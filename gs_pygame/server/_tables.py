"""The tables on disk. Whoever changes them adds a revision to `migrations/versions`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, MetaData, Table, Text, UniqueConstraint

metadata = MetaData()

sessions = Table(
    "sessions",
    metadata,
    Column("owner", Text, primary_key=True),  # within whom a requestId is one: see EndSessionRequest.owner
    Column("request_id", Text, primary_key=True),
    Column("received_at", BigInteger, nullable=False, unique=True),  # microseconds since 1970
    Column("game", Text),
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
    Column("app", Text),
    Column("app_version", Text),
    Column("platform", Text),
    Column("python", Text),
    Column("pygame", Text),
    Column("sdk", Text),
    Column("script_data", Text, nullable=False),  # JSON, whole, as it came
    Column("answer", Text, nullable=False),  # JSON, what a repeat gets again
)

clock = Table(  # one row: what was received last
    "clock",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("received_at", BigInteger, nullable=False),
)

admins = Table(  # one row: the digest of the admin token
    "admins",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("digest", Text, nullable=False),
)

accounts = Table(  # what each installation last said of its sessions
    "accounts",
    metadata,
    Column("installation_id", Text, primary_key=True),
    Column("started", BigInteger, nullable=False),
    Column("delivered", BigInteger, nullable=False),
    Column("open", BigInteger, nullable=False),
    Column("queued", BigInteger, nullable=False),
    Column("rejected", BigInteger, nullable=False),
    Column("dropped", Text, nullable=False),  # JSON, by cause
    Column("accounted", BigInteger, nullable=False),  # the sum of the four above
)

players = Table(
    "players",
    metadata,
    Column("id", Text, primary_key=True),
    Column("game", Text, nullable=False),  # empty where the server has one game
    Column("user_name", Text),
    Column("device", Text),  # its system and id; a player has a name or a device
    Column("password_hash", Text),
    Column("display_name", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),  # microseconds since 1970, as all times below
    UniqueConstraint("game", "user_name", name="players_by_user_name"),
    UniqueConstraint("game", "device", name="players_by_device"),
)

tokens = Table(  # what a player's SDK keeps to come back without a password
    "tokens",
    metadata,
    Column("digest", Text, primary_key=True),  # of the token, which nobody can read here
    Column("player_id", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

clients = Table(  # an SDK's connection by its sessionId, which outlives a socket and the worker that had it
    "clients",
    metadata,
    Column("id", Text, primary_key=True),
    Column("game", Text, nullable=False),
    Column("player_id", Text),
    Column("session_id", Text),  # of the session that is played; an EndSessionRequest ends it
    Column("started_at", BigInteger),  # of that session
    Column("seen_at", BigInteger, nullable=False),  # when it was connected last, or over REST asked for something
    Index("clients_by_seen_at", "seen_at"),
)

events = Table(
    "events",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("request_id", Text, primary_key=True),
    Column("received_at", BigInteger, nullable=False),
    Column("player_id", Text),
    Column("key", Text, nullable=False),
    Column("body", Text, nullable=False),  # JSON, whole, as it came
)

Index("sessions_by_player", sessions.c.player_id, sessions.c.received_at)

# Gaps are found in the index alone; the rows, with all their script data, are not read.
Index("sessions_by_number", sessions.c.installation_id, sessions.c.number, sessions.c.id)
