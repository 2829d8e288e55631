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

faults = Table(  # one row, or none: what an author has switched on
    "faults",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("until", BigInteger, nullable=False),  # microseconds since 1970
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
    Column("erased", BigInteger, nullable=False),  # numbers that were here, and were erased or are too old
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
    Index("events_by_received_at", "received_at"),
)

Index("sessions_by_player", sessions.c.player_id, sessions.c.received_at)

# Gaps are found in the index alone; the rows, with all their script data, are not read.
Index("sessions_by_number", sessions.c.installation_id, sessions.c.number, sessions.c.id)

# What is known of the sessions as a whole, added up by `_rollups`. A game, version or platform that nobody named is
# empty; a day is the number of days since 1970, in UTC.

rollup = Table(  # one row: how far it is added up
    "rollup",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("received_at", BigInteger, nullable=False),  # of the last session that is in it
    Column("gaps", Text, nullable=False),  # JSON, the totals over all installations
    Column("gaps_at", BigInteger, nullable=False),  # what received_at was when they were counted
)

labels = Table(  # by which lists skip sessions without reading them, with all their script data
    "labels",
    metadata,
    Column("received_at", BigInteger, primary_key=True, autoincrement=False),  # the session's
    Column("game", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("platform", Text, nullable=False),
    sqlite_with_rowid=False,  # it is read from end to end, in this order
)

days = Table(
    "days",
    metadata,
    Column("day", BigInteger, primary_key=True, autoincrement=False),
    Column("game", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("platform", Text, primary_key=True),
    Column("sessions", BigInteger, nullable=False),
    Column("of_players", BigInteger, nullable=False),  # sessions that name their player
    Column("active_ms", BigInteger, nullable=False),
    Column("reasons", Text, nullable=False),  # JSON, sessions by reason
    Column("lengths", Text, nullable=False),  # JSON, sessions by bucket of their active time: see _histogram
    Column("lateness", Text, nullable=False),  # JSON, sessions by bucket of the time from their end to its arrival
)

player_days = Table(  # a day on which a player ended a session
    "player_days",
    metadata,
    Column("player_id", Text, primary_key=True),
    Column("game", Text, primary_key=True),
    Column("day", BigInteger, primary_key=True, autoincrement=False),
    Column("sessions", BigInteger, nullable=False),
    Column("active_ms", BigInteger, nullable=False),
    Column("version", Text, nullable=False),  # of what was received last that day; so is platform
    Column("platform", Text, nullable=False),
    Column("span", BigInteger, nullable=False),  # days for which it stays the player's latest, the day itself included
    Index("player_days_by_day", "day", "span", "game", "version", "platform"),
)

newcomers = Table(  # each player once, with the first of their days
    "newcomers",
    metadata,
    Column("player_id", Text, primary_key=True),
    Column("game", Text, primary_key=True),
    Column("day", BigInteger, nullable=False),
    Column("version", Text, nullable=False),
    Column("platform", Text, nullable=False),
    Column("d1", BigInteger, nullable=False),  # 1 if they played on the day after it; so for 7 and 30 days
    Column("d7", BigInteger, nullable=False),
    Column("d30", BigInteger, nullable=False),
    Index("newcomers_by_day", "day", "game", "version", "platform", "d1", "d7", "d30"),
)
