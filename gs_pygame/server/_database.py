"""The database: SQLite in a file, or PostgreSQL for many workers.

SQLite has one writer: threads write in turn over one connection, and each transaction begins IMMEDIATE, so that another
process on the same file waits instead of failing half way. Readers have connections of their own, and neither wait for
the writer nor make it wait (WAL). PostgreSQL has a pool; only what any system that speaks its wire understands is asked
of it.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from sqlalchemy import create_engine, event, inspect
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError, IntegrityError, ProgrammingError
from sqlalchemy.pool import QueuePool, StaticPool

from ._schema import ServerError, bring_up_to_date

_APPLICATION_ID = 0x67737079  # "gspy", in the file's header: tells our file from any other SQLite file
_BUSY_TIMEOUT = 10.0  # seconds to wait for another process on the same file
_POOL = 10  # connections to PostgreSQL for a worker; its own limit is 100 unless set
_CONNECT_TIMEOUT = 10  # seconds until PostgreSQL must have answered


class Database:
    """Transactions. Any thread. Made by open_database()."""

    def __init__(self, writer: Engine, reader: Engine, in_turn: bool) -> None:
        self._writer = writer
        self._reader = reader
        self._turn = threading.Lock() if in_turn else nullcontext()
        self._is_closed = False

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """What is done within is done as a whole, and durable afterwards."""
        with self._turn:
            if self._is_closed:
                raise DisconnectionError("the database is closed")
            with self._writer.begin() as connection:
                yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """What is read within is of one moment."""
        if self._reader is self._writer:
            with self.transaction() as connection:
                yield connection
        else:
            with self._reader.begin() as connection:
                yield connection

    def close(self) -> None:
        """When nobody writes any more: a connection of SQLite's that is closed under a thread takes the process with
        it. Idempotent."""
        with self._turn:
            self._is_closed = True
            self._writer.dispose()
            self._reader.dispose()


def open_database(url: str) -> Database:
    """Raises ServerError."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ServerError("the database must be given as sqlite:///FILE or postgresql://USER@HOST/NAME") from None
    if parsed.get_backend_name() == "postgresql":
        return _open_postgresql(parsed)
    if parsed != URL.create("sqlite", database=parsed.database):  # no driver, no host, no user, no query
        raise ServerError(
            "the database must be given as sqlite:///FILE and no more, or as postgresql://USER@HOST/NAME, "
            f"not as {parsed.drivername}://..."
        )
    return _open_sqlite(parsed)


def _open_postgresql(url: URL) -> Database:
    name = f"{url.database or url.username} at {url.host or url.query.get('host', 'this computer')}"
    try:
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            poolclass=QueuePool,
            pool_size=_POOL,
            max_overflow=0,
            pool_pre_ping=True,
            connect_args={"connect_timeout": _CONNECT_TIMEOUT},
            hide_parameters=True,
        )
        try:
            _prepare(engine, name)
        except (IntegrityError, ProgrammingError):  # another server's first start made the tables meanwhile
            _prepare(engine, name)
    except ModuleNotFoundError:
        raise ServerError("PostgreSQL needs its driver: pip install 'gs-pygame[server,postgresql]'") from None
    except DBAPIError as error:
        raise ServerError(f"the database {name} cannot be used: {error.orig}") from None
    return Database(engine, engine, in_turn=False)


def _open_sqlite(url: URL) -> Database:
    in_memory = not url.database or url.database == ":memory:"
    writer = _sqlite_engine(url, StaticPool, "IMMEDIATE")
    try:
        with writer.begin() as connection:
            _claim(connection, url.database or "in memory")
        _use_wal(writer)
    except (DBAPIError, ServerError) as error:
        writer.dispose()
        if isinstance(error, DBAPIError):
            raise ServerError(f"the database {url.database} cannot be used: {error.orig}") from None
        raise
    return Database(writer, writer if in_memory else _sqlite_engine(url, QueuePool, "DEFERRED"), in_turn=True)


def _sqlite_engine(url: URL, pool: type, begin: str) -> Engine:
    options = {"check_same_thread": False, "timeout": _BUSY_TIMEOUT}
    engine = create_engine(url, poolclass=pool, connect_args=options, hide_parameters=True)
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(f"BEGIN {begin}"))
    return engine


def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # SQLAlchemy begins transactions, not the sqlite3 module
    connection.execute("PRAGMA synchronous=FULL")  # a commit is on disk before it is acknowledged


def _claim(connection: Connection, name: str) -> None:
    """Leave a file alone that is another program's."""
    owner = connection.exec_driver_sql("PRAGMA application_id").scalar()
    if owner != _APPLICATION_ID and inspect(connection).get_table_names():
        raise ServerError(f"the database {name} belongs to another program")
    bring_up_to_date(connection, name)
    connection.exec_driver_sql(f"PRAGMA application_id={_APPLICATION_ID}")


def _prepare(engine: Engine, name: str) -> None:
    with engine.begin() as connection:
        bring_up_to_date(connection, name)


def _use_wal(engine: Engine) -> None:
    """Switch the file to write-ahead logging, which SQLite allows only outside a transaction."""
    raw = engine.raw_connection()
    try:
        raw.cursor().execute("PRAGMA journal_mode=WAL")
    finally:
        raw.close()
