"""The outbox: one SQLite file of open sessions, ends and counters. Knows no clock, no thread, no network.

An Outbox is one connection. Each thread has its own (`another()`), except that an outbox in memory is shared.
Every method is one transaction unless it is called inside `transaction()`.

Durability: a commit survives the death of the process at once (WAL, synchronous NORMAL), and a power cut as soon as
the keeper has called `sync()`. Nobody holds the write lock while the disk is flushed.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ._errors import OutboxBusyError, OutboxDamagedError, OutboxError
from ._lifecycle import Progress
from ._messages import End, EndSessionResponse, Reason
from ._schema import migrate, refuse_newer

GAME_PATIENCE = 0.005
"""Seconds that a write in a frame may wait for another process; past that the keeper takes it over."""

HELPER_PATIENCE = 5.0
"""Seconds that helpers, and opening the file, may wait for another process."""

MAX_ENDS = 10_000
"""Ends kept at most: a session every ten minutes for 70 days without a network."""

MAX_BYTES = 50 * 1024 * 1024
"""Bytes of ends kept at most; a guest on the player's disk stays small."""

MAX_RECEIPTS = 100
"""Delivered ends kept, for status() and for on_delivered at a later start."""

CHECKPOINT_PAGES = 1000
"""Pages in the WAL from which the keeper moves them into the database (SQLite's own default)."""

_END_COLUMNS = "session_id, number, previous_id, player_id, started_at, active, wall, reason, script_data, about"


@dataclass(frozen=True, slots=True)
class Numbered:
    """What the outbox gave a session at its start."""

    number: int
    previous_id: str | None
    player_id: str


@dataclass(frozen=True, slots=True)
class Queued:
    """A ready end, and its record with the server."""

    end: End
    strikes: int
    passes: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """A delivered end, and what the server said."""

    end: End
    response: EndSessionResponse


@dataclass(frozen=True, slots=True)
class Counts:
    """What lies in the outbox, and what has left it since the installation. `oldest` is Unix time in seconds."""

    waiting: int
    ready: int
    rejected: int
    delivered: int
    dropped: dict[str, int]
    oldest: float | None


@contextmanager
def _translated() -> Iterator[None]:
    """The one place where SQLite's errors become ours."""
    try:
        yield
    except sqlite3.Error as error:
        if type(error) is sqlite3.DatabaseError:  # SQLITE_CORRUPT and SQLITE_NOTADB alone have no class of their own
            raise OutboxDamagedError(str(error)) from error
        if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):  # Python 3.10 gives no error code
            raise OutboxBusyError(str(error)) from error
        raise OutboxError(str(error)) from error


class Outbox:
    """One connection to the outbox. Safe to share between threads; opening may raise any OutboxError."""

    def __init__(self, path: Path | None, patience: float = HELPER_PATIENCE) -> None:
        """Open or create the file at `path`, or an outbox in memory if it is None.

        `patience`: seconds that each later write may wait for another process.
        """
        self.path = path
        self._lock = threading.RLock()
        self._within = False
        if path is not None:
            self._make_private(path)
        with _translated():
            self._db = sqlite3.connect(
                path or ":memory:", timeout=HELPER_PATIENCE, isolation_level=None, check_same_thread=False
            )
            try:
                refuse_newer(self._db)  # before anything could alter the file
                mode = self._to_wal()
                # Without WAL every commit would flush the disk in a frame; OFF still survives the process.
                self._db.execute(f"PRAGMA synchronous = {'NORMAL' if mode == 'wal' else 'OFF'}")
                self._db.execute("PRAGMA wal_autocheckpoint = 0")
                self._db.execute("PRAGMA secure_delete = ON")  # off in many builds; erase() could not make up for it
                migrate(self._db)
                self.installation_id = self._installation()
                self._db.execute(f"PRAGMA busy_timeout = {round(patience * 1000)}")
            except BaseException:
                self._db.close()
                raise

    @staticmethod
    def _make_private(path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):  # before SQLite does: the -wal and -shm files take their mode from this one
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))

    def _to_wal(self) -> str:
        """Here SQLite waits for nobody: copies that start together on a new file would find it locked."""
        deadline = time.monotonic() + HELPER_PATIENCE
        while True:
            try:
                return str(self._db.execute("PRAGMA journal_mode = WAL").fetchone()[0])
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
            time.sleep(0.005)

    def _installation(self) -> str:
        found = self._db.execute("SELECT value FROM meta WHERE key = 'installation_id'").fetchone()
        if found is None:
            self._db.execute("INSERT OR IGNORE INTO meta VALUES ('installation_id', ?)", (str(uuid.uuid4()),))
            found = self._db.execute("SELECT value FROM meta WHERE key = 'installation_id'").fetchone()
        return str(found[0])

    @property
    def durable(self) -> bool:
        return self.path is not None

    def another(self, patience: float = HELPER_PATIENCE) -> Outbox:
        """A connection for another thread; in memory there is but one."""
        return self if self.path is None else Outbox(self.path, patience)

    def close(self) -> None:
        """Close the connection. The last one of a file also moves the WAL into it, which may flush the disk."""
        if self.path is not None:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing. Raises OutboxBusyError, having written nothing, if the lock cannot be had in time."""
        with self._lock, _translated():
            if self._within:
                yield
                return
            self._db.execute("BEGIN IMMEDIATE")
            self._within = True
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            finally:
                self._within = False

    def _change(self, sql: str, *values: Any) -> int:
        """Run one statement in a transaction; the number of rows it changed."""
        with self.transaction():
            return self._db.execute(sql, values).rowcount

    def _read(self, sql: str, *values: Any) -> list[Any]:
        with self._lock, _translated():
            return self._db.execute(sql, values).fetchall()

    def _meta(self, key: str) -> Any:
        rows = self._read("SELECT value FROM meta WHERE key = ?", key)
        return rows[0][0] if rows else None

    def _count(self, key: str, by: int = 1) -> None:
        self._change("INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = value + ?2", key, by)

    # The lifecycle's decisions

    def start(
        self,
        run: str,
        session_id: str,
        started_at: float,
        player_id: str | None,
        script_data: str,
        about: str,
        previous_id: str | None,
    ) -> Numbered:
        """Give the session the next number and write it down as open. No `player_id`: the installation plays."""
        with self.transaction():
            self._count("last_number")
            numbered = Numbered(
                number=self._meta("last_number"),
                previous_id=previous_id or self._meta("last_session_id"),
                player_id=player_id or self.installation_id,
            )
            self._change("INSERT OR REPLACE INTO meta VALUES ('last_session_id', ?)", session_id)
            self._change(
                "INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                session_id,
                run,
                numbered.number,
                numbered.previous_id,
                numbered.player_id,
                started_at,
                script_data,
                about,
            )
        return numbered

    def save(self, session_id: str, reason: Reason, active: float, wall: float, script_data: str) -> None:
        """Write the open session's end as waiting; saved again, only its reason and script data change."""
        with self.transaction():
            self._change("UPDATE sessions SET script_data = ? WHERE session_id = ?", script_data, session_id)
            self._insert_end(session_id, reason, active, wall)

    def _insert_end(self, session_id: str, reason: Reason, active: float, wall: float) -> None:
        self._change(
            """
            INSERT INTO ends (session_id, run, state, bytes, number, previous_id, player_id, started_at, active, wall,
                              reason, script_data, about)
            SELECT session_id, run, 'waiting', length(script_data) + length(about) + 256, number, previous_id,
                   player_id, started_at, ?, ?, ?, script_data, about
            FROM sessions WHERE session_id = ?
            ON CONFLICT (session_id) DO UPDATE
            SET reason = excluded.reason, script_data = excluded.script_data, bytes = excluded.bytes
            WHERE state = 'waiting'
            """,
            active,
            wall,
            reason,
            session_id,
        )

    def withdraw(self, session_id: str) -> bool:
        """Take a waiting end away again. False if it has gone already."""
        return self._change("DELETE FROM ends WHERE session_id = ? AND state = 'waiting'", session_id) == 1

    def release(self, session_id: str) -> None:
        """Make a waiting end ready to go; its session is over."""
        with self.transaction():
            self._change("UPDATE ends SET state = 'ready' WHERE session_id = ? AND state = 'waiting'", session_id)
            self._change("DELETE FROM sessions WHERE session_id = ?", session_id)

    def set_player(self, session_id: str, player_id: str) -> None:
        """The open session is this player's from now on. Ends already on disk keep theirs."""
        self._change("UPDATE sessions SET player_id = ? WHERE session_id = ?", player_id, session_id)

    # After a death

    def unfinished_runs(self) -> list[str]:
        """The runs that have open sessions, dead or alive."""
        return [row[0] for row in self._read("SELECT DISTINCT run FROM sessions")]

    def recover(self, run: str, progress: Progress | None) -> int:
        """Finish what a dead run left: a waiting end as it is, an open session at its last heartbeat. How many."""
        with self.transaction():
            left = [row[0] for row in self._read("SELECT session_id FROM sessions WHERE run = ? ORDER BY number", run)]
            for session_id in left:
                if not self._read("SELECT 1 FROM ends WHERE session_id = ?", session_id):
                    known = progress is not None and progress.session_id == session_id
                    active, wall = (progress.active, progress.wall) if progress and known else (0.0, 0.0)
                    self._insert_end(session_id, "abnormal", active, wall)
                self.release(session_id)
        return len(left)

    # Delivery

    def ready(self, limit: int) -> list[Queued]:
        """The next ends to go, first in first out."""
        rows = self._read(
            f"SELECT {_END_COLUMNS}, strikes, passes FROM ends WHERE state = 'ready' ORDER BY seq LIMIT ?", limit
        )
        return [Queued(self._end(row), row[-2], row[-1]) for row in rows]

    def _end(self, row: tuple[Any, ...]) -> End:
        session_id, number, previous_id, player_id, started_at, active, wall, reason, script_data, about = row[:10]
        return End(
            session_id=session_id,
            number=number if self.durable else None,
            previous_id=previous_id,
            installation_id=self.installation_id,
            player_id=player_id,
            started_at=started_at,
            active=active,
            wall=wall,
            reason=reason,
            script_data=script_data,
            about=about,
        )

    def deliver(self, session_id: str, response: EndSessionResponse) -> None:
        """The server has it: the end becomes a receipt."""
        self._settle(session_id, "delivered", response.to_json())

    def reject(self, session_id: str, error: str) -> None:
        """The server refused it for good: it is kept, with the server's words."""
        self._settle(session_id, "rejected", error)

    def _settle(self, session_id: str, state: str, answer: str) -> None:
        with self.transaction():
            if self._change(
                "UPDATE ends SET state = ?, answer = ? WHERE session_id = ? AND state = 'ready'",
                state,
                answer,
                session_id,
            ):
                self._count(state)

    def strike(self, session_id: str, strikes: int) -> None:
        """Remember how many server errors in a row this end has met."""
        self._change("UPDATE ends SET strikes = ? WHERE session_id = ?", strikes, session_id)

    def send_to_back(self, session_id: str) -> None:
        """Others were delivered where this end meets errors: it goes last, with a clean slate."""
        self._change(
            "UPDATE ends SET strikes = 0, passes = passes + 1, seq = (SELECT max(seq) + 1 FROM ends) "
            "WHERE session_id = ?",
            session_id,
        )

    def untold(self) -> list[Receipt]:
        """Receipts that on_delivered has not been called for, oldest first."""
        rows = self._read(
            f"SELECT {_END_COLUMNS}, answer FROM ends WHERE state = 'delivered' AND told = 0 ORDER BY seq"
        )
        return [Receipt(self._end(row), EndSessionResponse.from_json(row[-1])) for row in rows]

    def told(self, session_ids: list[str]) -> None:
        """on_delivered has been called for these."""
        with self.transaction():
            for session_id in session_ids:
                self._change("UPDATE ends SET told = 1 WHERE session_id = ?", session_id)

    # Housekeeping

    def counts(self) -> Counts:
        """What lies here. Reads an index: about 0.1 ms for each thousand ends."""
        states = dict(self._read("SELECT state, count(*) FROM ends GROUP BY state"))
        totals = dict(self._read("SELECT key, value FROM meta WHERE key = 'delivered' OR key LIKE 'dropped:%'"))
        oldest = self._read("SELECT min(started_at + wall) FROM ends WHERE state IN ('waiting', 'ready')")[0][0]
        return Counts(
            waiting=states.get("waiting", 0),
            ready=states.get("ready", 0),
            rejected=states.get("rejected", 0),
            delivered=totals.pop("delivered", 0),
            dropped={key.partition(":")[2]: value for key, value in totals.items()},
            oldest=oldest,
        )

    def prune(self, max_ends: int = MAX_ENDS, max_bytes: int = MAX_BYTES) -> None:
        """Keep within the bounds: old receipts go first, then rejected ends, ready ends last. Drops are counted."""
        receipts = "SELECT seq FROM ends WHERE state = 'delivered' ORDER BY seq DESC LIMIT -1 OFFSET ?"
        if self._read(receipts, MAX_RECEIPTS):
            self._change(f"DELETE FROM ends WHERE seq IN ({receipts})", MAX_RECEIPTS)
        for state in ("delivered", "rejected", "ready"):
            count, size = self._read("SELECT count(*), coalesce(sum(bytes), 0) FROM ends")[0]
            victims = []
            for seq, bytes_ in self._read("SELECT seq, bytes FROM ends WHERE state = ? ORDER BY seq", state):
                if count <= max_ends and size <= max_bytes:
                    break
                victims.append(seq)
                count, size = count - 1, size - bytes_
            if not victims:
                continue
            with self.transaction():
                dropped = sum(
                    self._change("DELETE FROM ends WHERE seq = ? AND state = ?", seq, state) for seq in victims
                )
                if state != "delivered":
                    self._count("dropped:full", dropped)

    def sync(self) -> None:
        """Make every commit so far survive a power cut, without the write lock. The keeper's thread."""
        if self.path is None:
            return
        try:
            wal = os.open(f"{self.path}-wal", os.O_RDWR)
        except FileNotFoundError:
            return
        try:  # SQLite puts no lock on this file, so opening and closing it by hand takes none away
            getattr(os, "fdatasync", os.fsync)(wal)
            large = os.fstat(wal).st_size > CHECKPOINT_PAGES * 4096
        finally:
            os.close(wal)
        if large:
            self._read("PRAGMA wal_checkpoint(PASSIVE)")
            # The first writer after a checkpoint begins the WAL anew and flushes its header: not in a frame.
            self._change("UPDATE meta SET value = value WHERE key = 'installation_id'")

    def erase(self) -> None:
        """Remove everything the player did, beyond recovery, and count what was never sent. The keeper's thread."""
        with self.transaction():
            unsent = self._read(
                "SELECT count(*) FROM (SELECT session_id FROM sessions UNION "
                "SELECT session_id FROM ends WHERE state IN ('waiting', 'ready'))"
            )[0][0]
            self._change("DELETE FROM sessions")
            self._change("DELETE FROM ends")
            if unsent:
                self._count("dropped:consent", unsent)
        self._read("PRAGMA wal_checkpoint(TRUNCATE)")
