"""An outbox that somebody else has made: nothing raises into the game, nothing hangs, later sessions are delivered."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from gs_pygame._disk import schema
from gs_pygame._disk.outbox import Outbox
from gs_pygame._settings import Settings
from gs_pygame.testing import Player

Hostility = Callable[[Path], None]

PLANTED = (
    "INSERT INTO sessions (session_id, run, state, bytes, number, player_id, started_at, active, wall, reason, "
    "script_data, about) VALUES ('00000000-0000-4000-8000-000000000001', 'run', 'ready', 300, 1, 'ada', 1.8e9, 1.0,"
    " 1.0, 'quit', '{}', '{}')"
)
RECORD = "INSERT INTO progress VALUES ('fake', 1, '00000000-0000-4000-8000-000000000001', 'ready', 1, 0, 3, NULL)"
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
MAKING = list(schema.TABLES)
VERSION = f"PRAGMA user_version = {schema.VERSION}"


def does(*statements: str) -> Hostility:
    """An outbox as ours is, and then this."""

    def do(path: Path) -> None:
        Outbox(path).close()
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.create_function("boom", 0, lambda: 1, deterministic=True)
            db.execute("PRAGMA ignore_check_constraints = ON")
            for statement in statements:
                db.execute(statement)

    return do


def of(*statements: str) -> Hostility:
    """A database that was never ours, with our version."""

    def do(path: Path) -> None:
        path.parent.mkdir()
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.create_function("boom", 0, lambda: 1, deterministic=True)
            for statement in (*statements, VERSION):
                db.execute(statement)

    return do


def ours(table: str, old: str, new: str) -> str:
    """What makes a table of ours, with `old` replaced."""
    (found,) = [statement for statement in MAKING if f"CREATE TABLE {table} " in statement]
    assert old in found
    return found.replace(old, new)


def instead(table: str, statement: str) -> tuple[str, ...]:
    """Our tables, one of them replaced by another thing."""
    rest = [other for other in MAKING if not any(f"{word} {table} " in other for word in ("TABLE", "ON"))]
    return (*rest, statement)


def rewritten(old: str, new: str) -> tuple[str, ...]:
    """The schema's own text is changed, past SQLite's parser."""
    return (
        "PRAGMA writable_schema = ON",
        f"UPDATE sqlite_master SET sql = replace(sql, '{old}', '{new}')",
        "PRAGMA writable_schema = OFF",
    )


def empty(path: Path) -> None:
    path.parent.mkdir()
    path.touch()


def a_folder(path: Path) -> None:
    (path / "inside").mkdir(parents=True)


def wal_of_another(path: Path) -> None:
    """The log of a database of somebody else's lies beside ours."""
    Outbox(path).close()
    other = path.with_name("other")
    with closing(sqlite3.connect(other, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE t (x)")
        db.execute("INSERT INTO t VALUES (randomblob(20000))")
        shutil.copy(f"{other}-wal", f"{path}-wal")


def huge_pages(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA page_size = 65536")
        db.execute("VACUUM")


HOSTILE: dict[str, Hostility] = {
    "nothing in it": empty,
    "a folder": a_folder,
    "pages of 64 KB": huge_pages,
    "the WAL of another database": wal_of_another,
    "version below 0": does("PRAGMA user_version = -1"),
    "version far above": does("PRAGMA user_version = 2147483647"),
    "version 0 over our tables": does("PRAGMA user_version = 0"),
    "version 1 over our tables": does("PRAGMA user_version = 1"),
    "tables are missing": does("DROP TABLE sessions"),
    "no tables": of(),
    "another table of that name": of("CREATE TABLE meta (b)", "CREATE TABLE sessions (c)"),
    "more columns": does("ALTER TABLE sessions ADD COLUMN more TEXT"),
    "more columns that must not be null": does("ALTER TABLE meta ADD COLUMN more TEXT NOT NULL DEFAULT ''"),
    "number at its end": does(PLANTED, f"UPDATE sessions SET number = {2**63 - 1}"),
    "number below 0": does(PLANTED, "UPDATE sessions SET number = -5"),
    "place is text": does(PLANTED, RECORD, "UPDATE progress SET place = 'first'"),
    "a record of no state": does(PLANTED, RECORD, "UPDATE progress SET state = 'sent'"),
    "a record of another session": does(PLANTED, RECORD, "UPDATE progress SET session_id = 'x', state = 'delivered'"),
    "floor at its end": does(PLANTED, f"INSERT INTO meta VALUES ('floor', {2**63 - 1})"),
    "floor is text": does(PLANTED, "INSERT INTO meta VALUES ('floor', 'many')"),
    "a huge blob": does(PLANTED, f"UPDATE sessions SET script_data = zeroblob({30 * 2**20})"),
    "text for numbers": does(PLANTED, "UPDATE sessions SET bytes = 'x', active = 'y', wall = 'z', started_at = 'w'"),
    "trigger that forbids": does("CREATE TRIGGER t BEFORE INSERT ON sessions BEGIN SELECT RAISE(ABORT, 'no'); END"),
    "trigger that rolls back": does(
        "CREATE TRIGGER t BEFORE INSERT ON sessions BEGIN SELECT RAISE(ROLLBACK, 'no'); END"
    ),
    "trigger that ignores": does("CREATE TRIGGER t BEFORE INSERT ON sessions BEGIN SELECT RAISE(IGNORE); END"),
    "trigger that deletes": does("CREATE TRIGGER t AFTER INSERT ON sessions BEGIN DELETE FROM sessions; END"),
    "trigger on a receipt": does("CREATE TRIGGER t BEFORE UPDATE ON sessions BEGIN SELECT RAISE(ABORT, 'no'); END"),
    "trigger on the counters": does("CREATE TRIGGER t AFTER UPDATE ON meta BEGIN UPDATE meta SET value = 'x'; END"),
    "trigger without end": does(f"CREATE TRIGGER t BEFORE INSERT ON sessions BEGIN {ENDLESS}; END"),
    "a view for the ends": of(
        *instead("sessions", "CREATE VIEW sessions AS SELECT 1 AS session_id, 'ready' AS state, 1 AS number")
    ),
    "a view without end": of(*instead("sessions", f"CREATE VIEW sessions AS {ENDLESS}")),
    "a view for the counters": of(*instead("meta", "CREATE VIEW meta AS SELECT 'installation_id' AS key, 1 AS value")),
    "a virtual table for the ends": of(
        *instead("sessions", "CREATE VIRTUAL TABLE sessions USING fts5(session_id, state, number)")
    ),
    "a check that calls a function": of(
        *instead("sessions", ours("sessions", "answer TEXT", "answer TEXT, CHECK (boom())"))
    ),
    "a check that never holds": of(
        *instead("sessions", ours("sessions", "answer TEXT", "answer TEXT, CHECK (number < 0)"))
    ),
    "a generated column that raises": does(
        "ALTER TABLE sessions ADD COLUMN g AS (json_extract(reason, '$')) VIRTUAL", "CREATE INDEX i ON sessions (g)"
    ),
    "an index that calls a function": does("CREATE INDEX i ON sessions (boom())"),
    "an index that allows one": does("CREATE UNIQUE INDEX i ON sessions (1 + 0 * number)"),
    "an index that raises": does("CREATE INDEX i ON sessions (json(about || '}'))"),
    "a foreign key": does(
        "CREATE TABLE k (x)", *rewritten("run TEXT NOT NULL,", "run TEXT NOT NULL REFERENCES k (x),")
    ),
    "the schema is no SQL": does(*rewritten("CREATE TABLE sessions", "CREATE TABEL ends")),
    "the schema names another table": does(*rewritten("CREATE TABLE sessions", "CREATE TABLE enden")),
    "text in UTF-16": of("PRAGMA encoding = 'UTF-16'", *MAKING),
    "a collation nobody knows": does(*rewritten("session_id TEXT NOT NULL", "session_id TEXT NOT NULL COLLATE x")),
}


@pytest.mark.timeout(30)
@pytest.mark.parametrize("hostility", HOSTILE)
def test_a_hostile_outbox(tmp_path: Path, hostility: str) -> None:
    """The game starts and ends twice on it: each time its session is delivered, once."""
    folder = tmp_path / "data"
    HOSTILE[hostility](folder / "outbox.sqlite3")
    for _ in range(2):
        player = Player(frame=lambda: None)
        with player.plugin(
            Settings(data_dir=folder, hook=False, on_delivered=lambda session, response: None)
        ) as plugin:
            plugin.update()
            assert plugin.session is not None
            mine = plugin.session.id
            player.clock.advance(1)
            plugin.end_session({"a": 1})
            plugin.update()
            player.clock.advance(30)
            plugin.status()
            plugin.flush(0)
            plugin.start_session()
        assert [end.session_id for end in player.ends].count(mine) == 1
