"""What is still to go to one destination, first in first out, and how far that has got with each end.

An end lies in the outbox once, and is ready until each destination has settled it: has it, or refuses it for good. With
one destination that is over at once; with several, what one of them has settled is a row of `progress`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .._base.messages import End, EndSessionResponse
from .accounts import Accounts
from .database import Database
from .rows import END_COLUMNS, is_sound
from .schema import INSTALLATION

_NUMBER = END_COLUMNS.split(", ").index("number")

_SAME = "progress.number = sessions.number AND progress.session_id = sessions.session_id"
_OURS = f"progress.destination = ? AND {_SAME}"

_READY = f"""
SELECT {END_COLUMNS}, {INSTALLATION}, 0 AS strikes, 0 AS passes, number AS place FROM sessions
WHERE state = 'ready' AND NOT EXISTS (
    SELECT 1 FROM progress WHERE {_OURS} AND progress.state IN ('ready', 'delivered', 'rejected')
)
ORDER BY number LIMIT ?
"""
_TRIED = f"""
SELECT {END_COLUMNS}, {INSTALLATION}, strikes, passes, place
FROM (
    SELECT number AS its_number, session_id AS its_id, strikes, passes, place FROM progress
    WHERE destination = ? AND state = 'ready'
) CROSS JOIN sessions ON number = its_number AND session_id = its_id
WHERE state = 'ready' ORDER BY place, passes, number LIMIT ?
"""
_QUEUE = f"SELECT * FROM ({_READY}) UNION ALL SELECT * FROM ({_TRIED}) ORDER BY place, passes, number LIMIT ?"

_UNSETTLED = f"""
FROM sessions WHERE number = ? AND session_id = ? AND state = 'ready'
AND NOT EXISTS (SELECT 1 FROM progress WHERE {_OURS} AND progress.state IN ('delivered', 'rejected'))
"""
_PUT = f"INSERT OR REPLACE INTO progress SELECT ?, number, session_id, ?, ?, ?, ?, ? {_UNSETTLED}"


@dataclass(frozen=True, slots=True)
class Queued:
    """A ready end, its record with the destination, and where it lies."""

    end: End
    strikes: int
    passes: int
    place: int
    row: int


class Queue:
    """Of the destination `name`, one of `among`, of which the first one's receipts are told to the game.

    `end_of`: makes an end of a row. `set_aside`: rejects ends that make no sense, by their numbers.
    """

    def __init__(
        self,
        database: Database,
        accounts: Accounts,
        end_of: Callable[[tuple[Any, ...]], End],
        set_aside: Callable[[list[int]], None],
        name: str,
        among: Sequence[str],
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._end_of = end_of
        self._set_aside = set_aside
        self._name = name
        self._among = tuple(among)
        self.is_told = name == self._among[0]

    def ready(self, limit: int) -> list[Queued]:
        """The next ends to go, first in first out. One that makes no sense is set aside: it would be first for ever."""
        while True:
            queue, senseless = [], []
            for row in self._database.read(_QUEUE, self._name, limit, self._name, limit, limit):
                *_, strikes, passes, place = row
                end = self._end_of(row)
                if is_sound(end):
                    record = (strikes, passes, place)
                    if not all(type(number) is int for number in record):  # damaged: as if it had none
                        record = (0, 0, row[_NUMBER])
                    queue.append(Queued(end, *record, row[_NUMBER]))
                else:
                    senseless.append(row[_NUMBER])
            if not senseless:
                return queue
            self._set_aside(senseless)

    def is_ready(self, queued: Queued) -> bool:
        """Whether this end is still to go: it may have been erased, or delivered."""
        return bool(self._database.read(f"SELECT 1 {_UNSETTLED}", *self._where(queued)))

    def note_attempt(self) -> None:
        """Whatever comes of it, something may get there."""
        self._accounts.note_tried(self._name)

    def deliver(self, delivered: list[tuple[Queued, EndSessionResponse]], run: str) -> None:
        """It has these; of the first destination's answers `run` is to tell its game. In as little time as can be:
        meanwhile a frame may wait."""
        answered = [(queued, response.to_json()) for queued, response in delivered]
        with self._database.transaction():
            if len(self._among) > 1:
                self._settle(answered, "delivered", run)
                return
            values = [(answer, run, queued.row, queued.end.session_id) for queued, answer in answered]
            sql = (
                "UPDATE sessions SET state = 'delivered', answer = ?, run = ?, told = 0 "
                "WHERE number = ? AND session_id = ? AND state = 'ready'"
            )
            changed = self._database.change_many(sql, values)
            self._accounts.count("delivered", changed)
            self._accounts.count_for(self._name, "delivered", changed)

    def reject(self, queued: Queued, error: str) -> None:
        """It refused it for good: it is kept, with its words."""
        with self._database.transaction():
            self._settle([(queued, error)], "rejected", "")

    def strike(self, queued: Queued, strikes: int) -> None:
        """Remember how many server errors in a row this end has met."""
        self._put(queued, "ready", queued.place, queued.passes, strikes, None)

    def send_to_back(self, queued: Queued) -> None:
        """Others were delivered where this end meets errors: it goes last, with a clean slate."""
        self._put(queued, "ready", self._accounts.newest(), queued.passes + 1, 0, None)

    def _put(self, queued: Queued, *record: object) -> bool:
        return self._database.change(_PUT, self._name, *record, *self._where(queued)) == 1

    def _where(self, queued: Queued) -> tuple[int, str, str]:
        """What _UNSETTLED asks for."""
        return queued.row, queued.end.session_id, self._name

    def _settle(self, answered: list[tuple[Queued, str]], state: str, run: str) -> None:
        new = [
            (queued, answer)
            for queued, answer in answered
            if self._put(queued, state, queued.place, queued.passes, queued.strikes, answer)
        ]
        self._accounts.count_for(self._name, state, len(new))
        if self.is_told:
            told = 0 if state == "delivered" else None
            sql = "UPDATE sessions SET answer = ?, run = ?, told = ? WHERE number = ?"
            self._database.change_many(sql, [(answer, run, told, queued.row) for queued, answer in new])
        conclude(self._database, self._accounts, [(q.row, q.end.session_id) for q, _ in new], self._among)


def conclude(database: Database, accounts: Accounts, ends: Sequence[tuple[int, str]], among: Sequence[str]) -> None:
    """Of these ready ends, by number and session, those that all of `among` have settled are over: delivered, or
    rejected, if one of them refused it."""
    over: Counter[str] = Counter()
    for number, session_id in ends:
        sql = "SELECT destination, state FROM progress WHERE number = ? AND session_id = ? AND state != 'ready'"
        states = dict(database.read(sql, number, session_id))
        if all(name in states for name in among):
            state = "rejected" if any(states[name] == "rejected" for name in among) else "delivered"
            sql = "UPDATE sessions SET state = ? WHERE number = ? AND session_id = ? AND state = 'ready'"
            over[state] += database.change(sql, state, number, session_id)
            if state == "delivered":
                database.change("DELETE FROM progress WHERE number = ? AND session_id = ?", number, session_id)
    for state, count in over.items():
        accounts.count(state, count)
