"""The outbox: one row for each session, from its start to its receipt. Knows no clock, no thread, no network.

An Outbox has one connection. Each thread has its own (`another()`), except that an outbox in memory is shared.
Every method is one transaction unless it is called inside `transaction()`. A session is found by its state: few are
open, and what is delivered is at the head of the queue, so that no second index need be written in a frame.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .._base.messages import End, EndSessionResponse, Reason
from .._base.patience import HELPER_PATIENCE
from .._player.lifecycle import Progress
from .accounts import Accounts
from .database import Database
from .opening import opened
from .queue import Queue
from .rows import END_COLUMNS, end_of, is_sound, response_of
from .schema import INSTALLATION, UNTOLD
from .upkeep import Upkeep

MAX_LINES = 8
"""Runs of which it is kept how their line to the server is: copies that play at the same time are few."""

_ROW = 256
"""Bytes of a row beside the game's own data."""

_END = len(END_COLUMNS.split(", "))
"""Where the installation stands in what is read of an end."""

_FIRST = "number = (SELECT number FROM sessions WHERE state = ? AND session_id = ? ORDER BY number LIMIT 1)"

_UNTOLD = f"FROM sessions INDEXED BY untold WHERE {UNTOLD}"


@dataclass(frozen=True, slots=True)
class Numbered:
    """What the outbox gave a session at its start. `number` 0: none, in memory."""

    number: int
    previous_id: str | None
    player_id: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """A delivered end, and what the server said."""

    end: End
    response: EndSessionResponse


class Outbox:
    """One connection to the outbox at `path`, or one in memory. Opening it may raise any OutboxError.

    `patience`: seconds that each later write may wait for another one; `opening_patience`: this once. `turn`: what the
    connections of one process to the same file have in common.
    """

    def __init__(
        self,
        path: Path | None,
        patience: float = HELPER_PATIENCE,
        opening_patience: float = HELPER_PATIENCE,
        turn: threading.RLock | None = None,
    ) -> None:
        self.path = path
        self.durable = path is not None
        self._known: dict[str, int] = {}  # in memory: the numbers that a disk gave before
        self._database = database = Database(opened(path, opening_patience), path, opening_patience, turn)
        self._accounts = Accounts(database)
        self.transaction, self.changed, self.close = database.transaction, database.changed, database.close
        self.let_go = database.let_go
        self.sync, self.make_room, self.checkpoint = database.sync, database.make_room, database.checkpoint
        self.hold_reserve, self.wait_at_most = database.hold_reserve, database.wait_at_most
        upkeep = Upkeep(database, self._accounts)
        self.counts, self.prune, self.erase = self._accounts.counts, upkeep.prune, upkeep.erase
        self.drop_older = upkeep.drop_older
        self.destinations, self.note_destinations = self._accounts.destinations, self._accounts.note_destinations
        self.adopt, self.take_in, self.rows = upkeep.adopt, upkeep.take_in, database.rows
        self.take_progress = upkeep.take_progress
        self.account_for_merge, self.account_for_damage = upkeep.account_for_merge, upkeep.account_for_damage
        self.copy_to, self.move_all = database.copy_to, database.move_all
        try:
            self._accounts.get("installation_id")  # finds damage now, and not in a frame
            self.wait_at_most(patience)
        except BaseException:
            self.close()
            raise

    def another(self, patience: float = HELPER_PATIENCE) -> Outbox:
        """A connection for another thread; in memory there is but one."""
        return self if self.path is None else Outbox(self.path, patience, turn=self._database.turn)

    @property
    def installation_id(self) -> str:
        """The anonymous id of this installation."""
        return self._accounts.installation()

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

        A session that is open here, or has the number that is known, keeps what it has. In memory it has the number
        that a disk gave it before, or 0: none.
        """
        with self.transaction():
            query = "SELECT number, state, previous_id, player_id FROM sessions WHERE number = ? AND session_id = ?"
            here = self._played(session_id) or self._database.read(query, known_number, session_id)
            for number, _, previous, player in here:
                self.withdraw(session_id)
                return Numbered(self._known.get(session_id, number), previous, player)
            if previous_id is None:
                newest = self._database.read("SELECT session_id FROM sessions ORDER BY number DESC LIMIT 1")
                previous_id = newest[0][0] if newest and isinstance(newest[0][0], str) else None
            number = self._accounts.next_number()
            player_id = player_id or self.installation_id
            size = len(script_data) + len(about) + _ROW
            self._database.change(
                "INSERT INTO sessions (number, session_id, run, state, bytes, previous_id, player_id, "
                "started_at, script_data, about) VALUES (?, ?, ?, 'open', ?, ?, ?, ?, ?, ?)",
                *(number, session_id, run, size, previous_id, player_id, started_at, script_data, about),
            )
        if not self.durable:
            number = self._known[session_id] = known_number
        return Numbered(number, previous_id, player_id)

    def save(
        self,
        session_id: str,
        reason: Reason,
        active: float,
        wall: float,
        script_data: str,
        ready: bool = False,
        about: str | None = None,
    ) -> None:
        """Write the open session's end as waiting; saved again, only its reason and script data change. `ready`: its
        session is over, as if it were released next. `about`: if there is more to say than at its start."""
        to = "ready" if ready else "waiting"
        with self.transaction():
            for number, state, *_ in self._played(session_id):
                changed: dict[str, Any] = {"state": to, "reason": reason, "script_data": script_data}
                if about is not None:
                    changed["about"] = about
                if state == "open":
                    changed |= {"active": active, "wall": wall, "counters": self._accounts.counters()}
                columns = ", ".join(f"{column} = ?" for column in changed)
                self._database.change(
                    f"UPDATE sessions SET {columns}, bytes = length(coalesce(?, about)) + ? WHERE number = ?",
                    *(*changed.values(), about, len(script_data) + _ROW, number),
                )

    def _played(self, session_id: str) -> list[tuple[Any, ...]]:
        """Number, state, previous id and player of the session if it is open or its end waits, else nothing."""
        query = "SELECT number, state, previous_id, player_id FROM sessions WHERE state = '{}' AND session_id = ?"
        return self._database.read(
            f"{query.format('open')} UNION ALL {query.format('waiting')}", session_id, session_id
        )

    def withdraw(self, session_id: str) -> bool:
        """Take a waiting end away again, unless it has been taken away. False if it has gone."""
        sql = f"UPDATE sessions SET state = 'open' WHERE {_FIRST}"
        if self._database.change(sql, "waiting", session_id) == 1:
            return True
        return bool(self._database.read("SELECT 1 FROM sessions WHERE state = 'open' AND session_id = ?", session_id))

    def release(self, session_id: str) -> None:
        """Make a waiting end ready to go; its session is over."""
        self._database.change(f"UPDATE sessions SET state = 'ready' WHERE {_FIRST}", "waiting", session_id)

    def set_player(self, session_id: str, player_id: str) -> None:
        """The open session is this player's from now on. Ends already on disk keep theirs."""
        with self.transaction():
            for number, *_ in self._played(session_id):
                self._database.change("UPDATE sessions SET player_id = ? WHERE number = ?", player_id, number)

    # After a death

    def unfinished_runs(self) -> list[str]:
        """The runs that have open sessions, dead or alive."""
        query = "SELECT DISTINCT run FROM sessions WHERE state IN ('open', 'waiting')"
        return [row[0] for row in self._database.read(query)]

    def recover(self, run: str, progress: Progress | None) -> int:
        """Finish what a dead run left: a waiting end as it is, an open session at its last heartbeat. How many."""
        query = (
            "SELECT session_id, state, script_data FROM sessions WHERE run = ? AND state IN ('open', 'waiting') "
            "ORDER BY number"
        )
        with self.transaction():
            left = self._database.read(query, run)
            for session_id, state, script_data in left:
                if state == "open":
                    known = progress is not None and progress.session_id == session_id
                    active, wall = (progress.active, progress.wall) if progress and known else (0.0, 0.0)
                    self.save(session_id, "abnormal", active, wall, script_data, ready=True)
                else:
                    self.release(session_id)
        return len(left)

    # Delivery

    def unsent(self) -> bool:
        """Whether an end waits, or is ready. Costs the same however many there are."""
        one = "EXISTS (SELECT 1 FROM sessions WHERE state = ?)"
        return bool(self._database.read(f"SELECT {one} OR {one}", "ready", "waiting")[0][0])

    def is_ready(self) -> bool:
        """Whether there is an end that not all have settled."""
        return bool(self._database.read("SELECT EXISTS (SELECT 1 FROM sessions WHERE state = 'ready')")[0][0])

    def ready(self, limit: int) -> list[End]:
        """The next ends that not all have settled, in the order in which they began."""
        query = f"SELECT {END_COLUMNS}, {INSTALLATION} FROM sessions WHERE state = 'ready' ORDER BY number LIMIT ?"
        return [end for row in self._database.read(query, limit) if is_sound(end := self._end(row))]

    def queue(self, name: str, among: Sequence[str]) -> Queue:
        """What is to go to the destination of that name, one of `among`."""
        return Queue(self._database, self._accounts, self._end, self._set_aside, name, among)

    def _set_aside(self, senseless: list[int]) -> None:
        with self.transaction():
            for number in senseless:
                if self._database.change(
                    "UPDATE sessions SET state = 'rejected', answer = 'the record on disk is damaged' "
                    "WHERE number = ? AND state = 'ready'",
                    number,
                ):
                    self._accounts.count("rejected")

    def _end(self, row: tuple[Any, ...]) -> End:
        end = end_of(row, str(row[_END]))
        if self.durable:
            return end
        return replace(end, number=self._known.get(end.session_id) or None, counters=None)

    def deliver(self, session_id: str, response: EndSessionResponse, run: str = "") -> None:
        """All have it: the end becomes a receipt, of which `run` is to tell its game."""
        self._settle(session_id, "delivered", response.to_json(), run, 0)

    def reject(self, session_id: str, error: str) -> None:
        """It was refused for good: it is kept, with the words of who did."""
        self._settle(session_id, "rejected", error, "", None)

    def _settle(self, session_id: str, state: str, answer: str, run: str, told: int | None) -> None:
        with self.transaction():
            sql = f"UPDATE sessions SET state = ?, answer = ?, run = ?, told = ? WHERE {_FIRST}"
            if self._database.change(sql, state, answer, run, told, "ready", session_id):
                self._accounts.count(state)

    def untold(self, run: str = "", alive: Collection[str] = ()) -> list[Receipt]:
        """Receipts that on_delivered has not been called for, oldest first: from now on `run` is to do it. Not those
        that another run in `alive` is to tell of."""
        query = f"SELECT {END_COLUMNS}, {INSTALLATION}, answer, run, number {_UNTOLD} ORDER BY number"
        with self.transaction():
            rows = [row for row in self._database.read(query) if row[-2] not in alive]
            for *_, number in rows:
                self._database.change("UPDATE sessions SET run = ? WHERE number = ?", run, number)
        return self._receipts([row[:-2] for row in rows])

    def _receipts(self, rows: list[tuple[Any, ...]]) -> list[Receipt]:
        read = [(self._end(row), response_of(row[-1])) for row in rows]
        return [Receipt(end, response) for end, response in read if response and is_sound(end)]

    def told(self, session_ids: list[str]) -> None:
        """on_delivered has been called for these."""
        with self.transaction():
            untold = dict(self._database.read(f"SELECT session_id, number {_UNTOLD}"))
            told = [(untold[session_id],) for session_id in session_ids if session_id in untold]
            self._database.change_many("UPDATE sessions SET told = 1 WHERE number = ?", told)

    def receipts_for(self, run: str) -> dict[str, int]:
        """The sessions of whose receipts `run` is to tell, and has not told, and where they lie. Only reads."""
        return dict(self._database.read(f"SELECT session_id, number {_UNTOLD} AND run = ? ORDER BY number", run))

    def receipts(self, numbers: list[int]) -> list[Receipt]:
        """The receipts that lie there. Only reads."""
        query = f"SELECT {END_COLUMNS}, {INSTALLATION}, answer FROM sessions WHERE number = ? AND {UNTOLD}"
        return self._receipts([row for number in numbers for row in self._database.read(query, number)])

    def say_line(self, run: str, line: str) -> None:
        """Whoever delivers for `run` says how the line to the server is."""
        with self.transaction():
            lines = {**self._lines(), run: line}
            self._accounts.put("lines", json.dumps(dict(list(lines.items())[-MAX_LINES:])))

    def line_of(self, run: str) -> str | None:
        """What was said last for `run`."""
        line = self._lines().get(run)
        return line if isinstance(line, str) else None

    def _lines(self) -> dict[str, Any]:
        try:
            lines = json.loads(self._accounts.get("lines"))
        except (TypeError, ValueError, RecursionError):
            return {}
        return lines if isinstance(lines, dict) else {}
