"""Rows that are written many at a time: the statement is compiled once, and a row costs what the driver takes for it.

SQLAlchemy's own way with many rows looks at each value of each row, which takes longer than SQLite needs to keep it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.engine import Connection

Conflict = Callable[[Any], Any]
"""What an insert does about a row whose key is there."""

_INSERTS: dict[str, Callable[[Table], Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_DIALECTS = {"sqlite": sqlite.dialect(paramstyle="named"), "postgresql": PGDialect_psycopg()}  # type: ignore[no-untyped-call]


def add(connection: Connection, table: Table, rows: Sequence[dict[str, Any]], conflict: Conflict) -> int:
    """Insert these rows, each with all of the table's columns; how many were inserted or changed."""
    if not rows:
        return 0
    statement = _compiled(connection.dialect.name, table, conflict)
    return connection.exec_driver_sql(statement, rows, {"preserve_rowcount": True}).rowcount


def leave(insert: Any) -> Any:
    """What is there stays."""
    return insert.on_conflict_do_nothing(index_elements=insert.table.primary_key.columns)


def replace(insert: Any) -> Any:
    """The new row in its place."""
    key = insert.table.primary_key.columns
    new = {column.name: column for column in insert.excluded if column.name not in key}
    return insert.on_conflict_do_update(index_elements=key, set_=new)


@cache
def _compiled(database: str, table: Table, conflict: Conflict) -> str:
    return str(conflict(_INSERTS[database](table)).compile(dialect=_DIALECTS[database]))
