"""The ended sessions on disk: one row for each requestId of a player, written before it is acknowledged.

SQLAlchemy Core over one SQLite connection that threads use in turn: SQLite has one writer anyway. Each transaction
begins IMMEDIATE, so that a second server on the same file waits instead of failing half way.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from typing import Any

from sqlalchemy import create_engine, event, func, select
from sqlalchemy.engine import URL, Connection, Engine, Row, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import StaticPool

from .._base.errors import GsPygameError
from ._gaps import Gap, GapTotals, count_gaps, find_gaps, keep_account
from ._protocol import JSON, EndSessionRequest, Measured, encode
from ._tables import create_tables, sessions

_APPLICATION_ID = 0x67737079  # "gspy", in the file's header: tells our file from any other SQLite file
_VERSION = 2  # of the tables, in the file's header as well
_BUSY_TIMEOUT = 10.0  # seconds to wait for another process on the same file

_measured_names = [field.name for field in fields(Measured)]


class ServerError(GsPygameError):
    """The server cannot start. The message is one sentence for whoever started it; it holds no secret."""


@dataclass(frozen=True, slots=True)
class Received:
    """A stored request. `received_at` is in microseconds since 1970 and strictly increasing across a store."""

    request: EndSessionRequest
    received_at: int


@dataclass(frozen=True, slots=True)
class Totals:
    """Over the whole store. `players` counts different player ids; `active_ms` sums what is known."""

    sessions: int
    players: int
    active_ms: int


class Store:
    """Ended sessions. Every method may be called from any thread. Made by open_store()."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()

    def record(self, request: EndSessionRequest, answer: JSON) -> JSON:
        """Keep `request` with its `answer`, and return that answer once both are durable.

        A requestId that its player has used changes nothing and returns the answer stored first.
        """
        with self.transaction() as connection:
            return self.record_within(connection, request, answer)

    def record_within(self, connection: Connection, request: EndSessionRequest, answer: JSON) -> JSON:
        """`record` as a part of a transaction."""
        first = self.first_answer(connection, request)
        if first is not None:
            return first
        last: int | None = connection.execute(select(func.max(sessions.c.received_at))).scalar()
        row = {
            "owner": request.owner,
            "request_id": request.request_id,
            "received_at": max(self.now(), (last or 0) + 1),
            "player_id": request.player_id,
            **asdict(request.session),
            "script_data": encode(request.script_data),
            "answer": encode(answer),
        }
        connection.execute(sessions.insert().values(row))
        keep_account(connection, request)
        return answer

    def first_answer(self, connection: Connection, request: EndSessionRequest) -> JSON | None:
        """What was answered to this requestId of this player before. None if nothing was."""
        mine = (sessions.c.owner == request.owner) & (sessions.c.request_id == request.request_id)
        first: str | None = connection.execute(select(sessions.c.answer).where(mine)).scalar()
        return None if first is None else dict(json.loads(first))

    def after(self, received_at: int, limit: int) -> list[Received]:
        """At most `limit` sessions received after (exclusive, microseconds) `received_at`, oldest first."""
        newer = select(sessions).where(sessions.c.received_at > received_at)
        with self.transaction() as connection:
            rows = connection.execute(newer.order_by(sessions.c.received_at).limit(limit)).all()
        return [_received(row) for row in rows]

    def latest(self, limit: int) -> list[Received]:
        """At most `limit` sessions, newest first."""
        with self.transaction() as connection:
            rows = connection.execute(select(sessions).order_by(sessions.c.received_at.desc()).limit(limit)).all()
        return [_received(row) for row in rows]

    def totals(self) -> Totals:
        counts = select(
            func.count(),
            func.count(sessions.c.player_id.distinct()),
            func.coalesce(func.sum(sessions.c.active_ms), 0),
        ).select_from(sessions)
        with self.transaction() as connection:
            return Totals(*connection.execute(counts).one())

    def gaps(self, limit: int) -> list[Gap]:
        """At most `limit` installations that have missing or repeated numbers, worst first."""
        with self.transaction() as connection:
            return find_gaps(connection, limit)

    def gap_totals(self) -> GapTotals:
        with self.transaction() as connection:
            return count_gaps(connection)

    def close(self) -> None:
        """Close the file. Idempotent; nothing that was acknowledged depends on it."""
        with self._lock:
            self._engine.dispose()

    def now(self) -> int:
        """The wall clock in microseconds since 1970."""
        return _now()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """What is done within is done as a whole."""
        with self._lock, self._engine.begin() as connection:
            yield connection


def open_store(url: str) -> Store:
    """Open, and create if need be, the store at `sqlite:///FILE`, or in memory at `sqlite://`.

    Raises ServerError for another kind of URL, a file that cannot be written, or one that is not this server's.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ServerError("the database must be given as sqlite:///FILE") from None
    if parsed != URL.create("sqlite", database=parsed.database):  # no driver, no host, no user, no query
        raise ServerError(f"the database must be given as sqlite:///FILE and no more, not as {parsed.drivername}://...")
    options = {"check_same_thread": False, "timeout": _BUSY_TIMEOUT}
    engine = create_engine(parsed, poolclass=StaticPool, connect_args=options, hide_parameters=True)
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    try:
        with engine.begin() as connection:
            _claim(connection, parsed.database or "in memory")
        _use_wal(engine)
    except (DBAPIError, ServerError) as error:
        engine.dispose()
        if isinstance(error, DBAPIError):
            raise ServerError(f"the database {parsed.database} cannot be used: {error.orig}") from None
        raise
    return Store(engine)


def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # SQLAlchemy begins transactions below, not the sqlite3 module
    connection.execute("PRAGMA synchronous=FULL")  # a commit is on disk before it is acknowledged


def _on_begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _claim(connection: Connection, name: str) -> None:
    """Make the tables that are missing; leave a file alone that is another program's or a newer version's."""
    owner = connection.exec_driver_sql("PRAGMA application_id").scalar()
    version = connection.exec_driver_sql("PRAGMA user_version").scalar()
    if owner == _APPLICATION_ID and version != _VERSION:
        raise ServerError(f"the database {name} was written by another version of this server")
    if owner != _APPLICATION_ID and connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar():
        raise ServerError(f"the database {name} belongs to another program")
    create_tables(connection)
    connection.exec_driver_sql(f"PRAGMA application_id={_APPLICATION_ID}")
    connection.exec_driver_sql(f"PRAGMA user_version={_VERSION}")


def _use_wal(engine: Engine) -> None:
    """Switch the file to write-ahead logging, which SQLite allows only outside a transaction."""
    raw = engine.raw_connection()
    try:
        raw.cursor().execute("PRAGMA journal_mode=WAL")
    finally:
        raw.close()


def _received(row: Row[Any]) -> Received:
    values = row._mapping
    request = EndSessionRequest(
        request_id=values["request_id"],
        player_id=values["player_id"],
        session=Measured(**{name: values[name] for name in _measured_names}),
        script_data=json.loads(values["script_data"]),
    )
    return Received(request, values["received_at"])


def _now() -> int:
    return time.time_ns() // 1000
