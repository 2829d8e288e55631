"""The tables on disk: made anew, or brought to this version's; the migrations and the code say the same."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from server_kit import DEADLINE, end, record
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from gs_pygame.server import ServerError, _schema, open_store
from gs_pygame.server._tables import metadata

NEXT = '''
"""A version to come."""

import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{head}"


def upgrade() -> None:
    with op.batch_alter_table("sessions") as sessions:
        sessions.add_column(sa.Column("mood", sa.Text(), nullable=False, server_default="calm"))
'''


def test_the_migrations_make_these_tables(database: str) -> None:
    """From nothing to the newest revision, there is nothing left that Alembic would change."""
    driver = {"postgresql": "postgresql+psycopg", "sqlite": "sqlite"}[make_url(database).get_backend_name()]
    engine = create_engine(make_url(database).set(drivername=driver))
    config = Config()
    config.set_main_option("script_location", str(_schema.MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_the_newest_revision_is_the_one_that_new_databases_are_of() -> None:
    assert ScriptDirectory(str(_schema.MIGRATIONS)).get_heads() == [_schema.HEAD]


def test_an_earlier_versions_database_is_brought_up_to_date(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all that is in it; opened again, it is left alone."""
    with closing(open_store(database)) as store:
        record(store, end("kept"))
    migrations = tmp_path / "migrations"
    shutil.copytree(_schema.MIGRATIONS, migrations)
    (migrations / "versions" / "9999_next.py").write_text(NEXT.format(head=_schema.HEAD))
    monkeypatch.setattr(_schema, "MIGRATIONS", migrations)
    monkeypatch.setattr(_schema, "HEAD", "9999")
    for _ in range(2):
        with closing(open_store(database)) as store, store.reading() as connection:
            rows = connection.execute(text("SELECT request_id, mood FROM sessions")).all()
            assert [tuple(row) for row in rows] == [("kept", "calm")]


def test_a_later_versions_database_is_left_alone(database: str) -> None:
    with closing(open_store(database)) as store, store.transaction() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ServerError, match="later version"):
        open_store(database)


def test_servers_that_start_for_the_first_time_at_once(database: str) -> None:
    """Each can use what one of them made."""
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(lambda _number: open_store(database), range(4), timeout=DEADLINE))
    for number, store in enumerate(stores):
        record(store, end(f"r{number}"))
    assert {store.totals().sessions for store in stores} == {4}
    for store in stores:
        store.close()
