"""The tables on disk are this version's: made anew, or brought there by Alembic from what an earlier version left.

Whoever changes `_tables` adds a revision to `migrations/versions`; a test holds the two against each other.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Column, MetaData, String, Table, insert, inspect, select
from sqlalchemy.engine import Connection

from .._base.errors import GsPygameError
from ._tables import clock, metadata

HEAD = "0002"
"""The newest revision."""

MIGRATIONS = Path(__file__).with_name("migrations")

_versions = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))  # Alembic's own


class ServerError(GsPygameError):
    """The server cannot start. The message is one sentence for whoever started it; it holds no secret."""


def bring_up_to_date(connection: Connection, name: str) -> None:
    """As a part of a transaction. `name`: of the database, for people. Raises ServerError: a later version wrote it."""
    if not inspect(connection).has_table(_versions.name):
        metadata.create_all(connection)
        _versions.create(connection)
        connection.execute(insert(_versions).values(version_num=HEAD))
        connection.execute(insert(clock).values(id=1, received_at=0))
    elif connection.execute(select(_versions.c.version_num)).scalar() != HEAD:
        _migrate(connection, name)


def _migrate(connection: Connection, name: str) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError:  # it knows no such revision
        raise ServerError(f"the database {name} was written by a later version of this server") from None
