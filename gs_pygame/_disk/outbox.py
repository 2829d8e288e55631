"""The outbox: open sessions, ends, receipts and counters. Knows no clock, no thread, no network.

An Outbox is one connection. Each thread has its own (`another()`), except that an outbox in memory is shared.
Every method is one transaction unless it is called inside `transaction()`.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from .._messages import End, EndSessionResponse, Reason
from .._player.lifecycle import Progress
from .accounts import Accounts
from .database import HELPER_PATIENCE
from .rows import END_COLUMNS, end_of, is_sound, response_of

GAME_PATIENCE = 0.005
"""Seconds that a write in a frame may wait for another process; past that the keeper takes it over."""

MAX_ENDS = 10_000
"""Ends kept at most: a session every ten minutes for 70 days without a network."""

MAX_BYTES = 50 * 1024 * 1024
"""Bytes of ends kept at most; a guest on the player's disk stays small."""

MAX_RECEIPTS = 100
"""Delivered ends kept, for status() and for on_delivered at a later start."""

_SIZE = f"min(max(CAST(bytes AS INTEGER), 0), {256 * 1024})"  # no end is larger, whatever its row says


@dataclass(frozen=True, slots=True)
class Numbered:
    """What the outbox gave a session at its start. `number` 0: none, in memory."""

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


class Outbox(Accounts):
    """One connection to the outbox. Opening it may raise any OutboxError."""

    def _prepare(self) -> None:
        self.installation_id = self._installation()

    def another(self, patience: float = HELPER_PATIENCE) -> Outbox:
        """A connection for another thread; in memory there is but one."""
        return self if self.path is None else Outbox(self.path, patience, turn=self._turn)

    def _installation(self) -> str:
        """The anonymous id of this installation, made at its first start."""
        found = self._meta("installation_id")
        if found is None:
            self._change("INSERT OR IGNORE INTO meta VALUES ('installation_id', ?)", str(uuid.uuid4()))
            found = self._meta("installation_id")
        return str(found)

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
        known_number: int = 0,
    ) -> Numbered:
        """Give the session the next number and write it down as open. No `player_id`: the installation plays.

        A session that is here already, open or ended, keeps what it has. In memory it has the number that the disk
        gave it before, or 0: none.
        """
        with self.transaction():
            for table in ("sessions", "ends"):
                query = f"SELECT number, previous_id, player_id FROM {table} WHERE session_id = ?"
                if here := self._read(query, session_id):
                    return Numbered(*here[0])
            self._count("last_number")
            last = self._meta("last_session_id")
            numbered = Numbered(
                number=self._meta("last_number") if self.durable else known_number,
                previous_id=previous_id or (last if isinstance(last, str) else None),
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
            self._insert_end("waiting", session_id, reason, active, wall, script_data)

    def finish(self, session_id: str, reason: Reason, active: float, wall: float, script_data: str) -> None:
        """What `save` and `release` do, in fewer steps: this is what a frame waits for."""
        with self.transaction():
            self._insert_end("ready", session_id, reason, active, wall, script_data)
            self._change("DELETE FROM sessions WHERE session_id = ?", session_id)

    def _insert_end(
        self, state: str, session_id: str, reason: Reason, active: float, wall: float, script_data: str | None
    ) -> None:
        """Without `script_data`: with the last that is known."""
        self._change(
            """
            INSERT INTO ends (session_id, run, state, bytes, number, previous_id, player_id, started_at, active, wall,
                              reason, script_data, about, counters)
            SELECT session_id, run, ?, length(said) + length(about) + 256, number, previous_id, player_id, started_at,
                   ?, ?, ?, said, about, ?
            FROM (SELECT *, coalesce(?, script_data) AS said FROM sessions WHERE session_id = ?)
            WHERE true
            ON CONFLICT (session_id) DO UPDATE
            SET state = excluded.state, reason = excluded.reason, script_data = excluded.script_data,
                bytes = excluded.bytes
            WHERE state = 'waiting'
            """,
            state,
            active,
            wall,
            reason,
            self._counters(session_id),
            script_data,
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
                    self._insert_end("waiting", session_id, "abnormal", active, wall, None)
                self.release(session_id)
        return len(left)

    # Delivery

    def ready(self, limit: int) -> list[Queued]:
        """The next ends to go, first in first out. One that makes no sense is set aside: it would be first for ever."""
        query = f"SELECT {END_COLUMNS}, strikes, passes, seq FROM ends WHERE state = 'ready' ORDER BY seq LIMIT ?"
        while True:
            queue, senseless = [], []
            for row in self._read(query, limit):
                *_, strikes, passes, seq = row
                end = self._end(row)
                if is_sound(end) and type(strikes) is type(passes) is int:
                    queue.append(Queued(end, strikes, passes))
                else:
                    senseless.append(seq)
            if not senseless:
                return queue
            self._set_aside(senseless)

    def _set_aside(self, senseless: list[int]) -> None:
        with self.transaction():
            for seq in senseless:
                if self._change(
                    "UPDATE ends SET state = 'rejected', answer = 'the record on disk is damaged' "
                    "WHERE seq = ? AND state = 'ready'",
                    seq,
                ):
                    self._count("rejected")

    def _end(self, row: tuple[Any, ...]) -> End:
        return end_of(row, self.installation_id, self.durable)

    def deliver(self, session_id: str, response: EndSessionResponse, run: str = "") -> None:
        """The server has it: the end becomes a receipt, of which `run` is to tell its game."""
        self._settle(session_id, "delivered", response.to_json(), run)

    def reject(self, session_id: str, error: str) -> None:
        """The server refused it for good: it is kept, with the server's words."""
        self._settle(session_id, "rejected", error, "")

    def _settle(self, session_id: str, state: str, answer: str, run: str) -> None:
        with self.transaction():
            if self._change(
                "UPDATE ends SET state = ?, answer = ?, run = ? WHERE session_id = ? AND state = 'ready'",
                state,
                answer,
                run,
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

    def untold(self, run: str = "", alive: Collection[str] = ()) -> list[Receipt]:
        """Receipts that on_delivered has not been called for, oldest first: from now on `run` is to do it. Not those
        that another run in `alive` is to tell of."""
        query = f"SELECT {END_COLUMNS}, answer, run, seq FROM ends WHERE state = 'delivered' AND told = 0 ORDER BY seq"
        with self.transaction():
            rows = [row for row in self._read(query) if row[-2] not in alive]
            for *_, seq in rows:
                self._change("UPDATE ends SET run = ? WHERE seq = ?", run, seq)
        read = [(self._end(row), response_of(row[-3])) for row in rows]
        return [Receipt(end, response) for end, response in read if response and is_sound(end)]

    def told(self, session_ids: list[str]) -> None:
        """on_delivered has been called for these."""
        with self.transaction():
            for session_id in session_ids:
                self._change("UPDATE ends SET told = 1 WHERE session_id = ?", session_id)

    # >>> minimal versions for the helper process: another branch brings its own

    _version = -1

    def changed(self) -> bool:
        """Whether another connection has written since the last call; the first time, True."""
        before, self._version = self._version, int(self._read("PRAGMA data_version")[0][0])
        return self._version != before

    def say_line(self, run: str, text: str) -> None:
        """What the helper of `run` last found of the line to the server."""
        self._change("INSERT OR REPLACE INTO meta VALUES (?, ?)", f"line:{run}", text)

    def line_of(self, run: str) -> str | None:
        """What `say_line` said last."""
        found = self._meta(f"line:{run}")
        return found if isinstance(found, str) else None

    def unsent(self) -> bool:
        """Whether an end waits, or is ready to go."""
        return any(self._read("SELECT 1 FROM ends WHERE state = ? LIMIT 1", state) for state in ("ready", "waiting"))

    def receipts(self, run: str) -> list[Receipt]:
        """Receipts of which `run` is to tell, and has not told. Only reads."""
        query = (
            f"SELECT {END_COLUMNS}, answer FROM ends WHERE state = 'delivered' AND told = 0 AND run = ? ORDER BY seq"
        )
        read = [(self._end(row), response_of(row[-1])) for row in self._read(query, run)]
        return [Receipt(end, response) for end, response in read if response and is_sound(end)]

    # <<<

    # Housekeeping

    def adopt(self, table: str, row: dict[str, Any]) -> bool:
        """Take over a row of a damaged outbox, unless it makes no sense, or one like it is here. True if taken."""
        row = {column: value for column, value in row.items() if column != "seq"}
        if table != "meta" and not self._makes_sense(row):
            return False
        conflict = "REPLACE" if table == "meta" else "IGNORE"  # the installation stays the same
        columns, marks = ", ".join(row), ", ".join("?" * len(row))
        return self._change(f"INSERT OR {conflict} INTO {table} ({columns}) VALUES ({marks})", *row.values()) == 1

    def _makes_sense(self, row: dict[str, Any]) -> bool:
        played = {"active": 0.0, "wall": 0.0, "reason": "abnormal", "counters": None, **row}
        try:
            uuid.UUID(row["session_id"])
            return is_sound(self._end(tuple(played[column] for column in END_COLUMNS.split(", "))))
        except (KeyError, TypeError, ValueError, AttributeError):
            return False

    def prune(self, max_ends: int = MAX_ENDS, max_bytes: int = MAX_BYTES) -> None:
        """Keep within the bounds: old receipts go first, then rejected ends, ready ends last. Drops are counted."""
        receipts = "SELECT seq FROM ends WHERE state = 'delivered' ORDER BY seq DESC LIMIT -1 OFFSET ?"
        if self._read(receipts, MAX_RECEIPTS):
            self._change(f"DELETE FROM ends WHERE seq IN ({receipts})", MAX_RECEIPTS)
        for state in ("delivered", "rejected", "ready"):
            count, size = self._read(f"SELECT count(*), coalesce(sum({_SIZE}), 0) FROM ends")[0]
            victims = []
            for seq, bytes_ in self._read(f"SELECT seq, {_SIZE} FROM ends WHERE state = ? ORDER BY seq", state):
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
                if state == "rejected":
                    self._count("rejected", -dropped)

    def erase(self) -> None:
        """Remove everything the player did, beyond recovery, and count what was never sent. The keeper's thread."""
        with self.transaction():
            unsent = self._read(
                "SELECT count(*) FROM (SELECT session_id FROM sessions UNION "
                "SELECT session_id FROM ends WHERE state IN ('waiting', 'ready'))"
            )[0][0]
            self._change("DELETE FROM sessions")
            self._change("DELETE FROM ends")
            self._change("DELETE FROM meta")  # the installation id, too, is the player's
            if unsent:
                self._count("dropped:consent", unsent)
        self.checkpoint()
