"""What keeps the outbox small, and right: bounds, erasure, and rows that are taken over from another one."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from typing import Any

from .._base.errors import OutboxBusyError, OutboxDiskError
from .._base.patience import HELPER_PATIENCE
from .accounts import Accounts, Counts
from .database import Database
from .queue import conclude
from .rows import END_COLUMNS, end_of, is_sound

MAX_ENDS = 10_000
"""Ends kept at most: a session every ten minutes for 70 days without a network."""

MAX_BYTES = 50 * 1024 * 1024
"""Bytes of ends kept at most; a guest on the player's disk stays small."""

MAX_RECEIPTS = 100
"""Delivered ends kept, for status() and for on_delivered at a later start."""

AT_ONCE = 100_000
"""Sessions that are erased in one commit, where the disk has room for it: more than are kept."""

_SETTLED = "WHERE sessions.state = 'ready' AND progress.state != 'ready'"

_ORPHANS = (
    "FROM progress WHERE NOT EXISTS (SELECT 1 FROM sessions WHERE sessions.number = progress.number "
    "AND sessions.session_id = progress.session_id AND sessions.state IN ('ready', 'rejected'))"
)

_LESS_NEEDED = (
    "EXISTS (SELECT 1 FROM progress WHERE progress.number = sessions.number "
    "AND progress.session_id = sessions.session_id AND progress.state = 'delivered') DESC, "
)

_SIZE = f"min(max(CAST(bytes AS INTEGER), 0), {256 * 1024})"  # no end is larger, whatever its row says


class Upkeep:
    def __init__(self, database: Database, accounts: Accounts) -> None:
        self._database = database
        self._accounts = accounts

    def prune(self, among: Sequence[str], max_ends: int = MAX_ENDS, max_bytes: int = MAX_BYTES) -> None:
        """Keep within the bounds: old receipts go first, then rejected ends, then ready ends that a destination has
        already, other ready ends last. Drops are counted. The newest session stays, since the next number is counted
        from it. `among`: the destinations that there are now; what another one lacks holds nothing up any more."""
        self._settle_up(among)
        with self._database.transaction():  # else an erase in between would leave how many there were
            newest = self._accounts.newest()
            self._accounts.floor(newest)  # in case its row is damaged one day
        receipts = "SELECT number FROM sessions WHERE state = 'delivered' ORDER BY number DESC LIMIT -1 OFFSET ?"
        if self._database.read(receipts, MAX_RECEIPTS):
            self._database.change(f"DELETE FROM sessions WHERE number IN ({receipts})", MAX_RECEIPTS)
        for state in ("delivered", "rejected", "ready"):
            total = f"SELECT count(*), coalesce(sum({_SIZE}), 0) FROM sessions WHERE state != 'open'"
            count, size = self._database.read(total)[0]
            if count <= max_ends and size <= max_bytes:
                continue
            victims = []
            order = f"{_LESS_NEEDED}number" if state == "ready" else "number"
            queue = f"SELECT number, {_SIZE} FROM sessions WHERE state = ? AND number < ? ORDER BY {order}"
            for number, bytes_ in self._database.read(queue, state, newest):
                if count <= max_ends and size <= max_bytes:
                    break
                victims.append(number)
                count, size = count - 1, size - bytes_
            if not victims:
                continue
            with self._database.transaction():
                if state == "ready":
                    self._count_lost(victims, among)
                drop = "DELETE FROM sessions WHERE number = ? AND state = ?"
                dropped = sum(self._database.change(drop, number, state) for number in victims)
                if state != "delivered":
                    self._accounts.count("dropped:full", dropped)
                if state == "rejected":
                    self._accounts.count("rejected", -dropped)

    def drop_older(self, before: float) -> None:
        """Drop what ended before that Unix time, in seconds, while the player has not chosen. It is counted."""
        where = "WHERE state IN ('ready', 'rejected') AND started_at + wall < ? AND number < ?"
        if not self._database.read(f"SELECT 1 FROM sessions {where} LIMIT 1", before, self._accounts.newest()):
            return
        with self._database.transaction():
            newest = self._accounts.newest()
            refused = f"SELECT count(*) FROM sessions {where} AND state = 'rejected'"
            self._accounts.count("rejected", -self._database.read(refused, before, newest)[0][0])
            self._accounts.count(
                "dropped:pending", self._database.change(f"DELETE FROM sessions {where}", before, newest)
            )

    def _settle_up(self, among: Sequence[str]) -> None:
        """Conclude what all of `among` have settled, as an update of the game may leave it, and remove what is known of
        ends that are no more."""
        marks = ", ".join("?" * len(among))
        query = (
            f"SELECT number, session_id FROM progress JOIN sessions USING (number, session_id) {_SETTLED} "
            f"AND destination IN ({marks}) GROUP BY number, session_id HAVING count(*) = ?"
        )
        if over := self._database.read(query, *among, len(among)):  # else nobody's write waits for this
            with self._database.transaction():
                conclude(self._database, self._accounts, over, among)
        if orphans := self._database.read(f"SELECT destination, number {_ORPHANS}"):
            self._database.change_many(f"DELETE {_ORPHANS} AND destination = ? AND number = ?", orphans)

    def _count_lost(self, victims: list[int], among: Sequence[str]) -> None:
        """Of the destinations that had not settled them."""
        for name in among:
            had = {
                number
                for (number,) in self._database.read(
                    f"SELECT number FROM progress JOIN sessions USING (number, session_id) {_SETTLED} "
                    "AND destination = ?",
                    name,
                )
            }
            if lost := len(set(victims) - had):
                self._accounts.count_for(name, "dropped", lost)

    def erase(self, patience: float = HELPER_PATIENCE, but_whose: bool = False) -> None:
        """Remove everything the player did, beyond recovery, and count what was never sent; with `but_whose` all but
        the installation's id, and to whom something was sent under it. On a full disk in as many steps as the room held
        free in the WAL asks for. A thread that may wait for a disk. Raises OutboxBusyError if that takes more than
        `patience` seconds, or all is deleted and another program, which reads, still keeps it in the files: what is
        done is done, and the next call goes on."""
        give_up = time.monotonic() + patience
        size = AT_ONCE
        while True:
            try:
                if self._erase_some(size, but_whose):
                    break
            except OutboxDiskError:
                if size == 1:
                    raise
                size = max(1, size // 16)
            if size < AT_ONCE:
                self._database.make_room()
                if time.monotonic() > give_up:
                    raise OutboxBusyError("there is much of it, and little room on the disk")
        self._database.checkpoint()

    def _erase_some(self, size: int, but_whose: bool) -> bool:
        """At most `size` sessions, and with the last of them the rest. True if nothing is left."""
        some = f"number IN (SELECT number FROM sessions LIMIT {size})"
        with self._database.transaction():
            query = f"SELECT count(*) FROM sessions WHERE state IN ('open', 'waiting', 'ready') AND {some}"
            unsent = self._database.read(query)[0][0]
            is_last = self._database.change(f"DELETE FROM sessions WHERE {some}") < size
            if is_last:
                self._database.change("DELETE FROM progress")
            if is_last and not but_whose:  # the installation id, too, is the player's
                self._database.change("DELETE FROM meta WHERE key != 'dropped:consent'")
            if unsent:
                self._accounts.count("dropped:consent", unsent)
        return is_last

    def adopt(self, table: str, row: dict[str, Any]) -> bool:
        """Take over a row of another outbox, unless it makes no sense, or its number is another's. True if taken."""
        if table == "sessions" and not _makes_sense(row):
            return False
        conflict = "REPLACE" if table == "meta" else "IGNORE"  # the installation stays the same
        columns, marks = ", ".join(row), ", ".join("?" * len(row))
        sql = f"INSERT OR {conflict} INTO {table} ({columns}) VALUES ({marks})"
        return self._database.change(sql, *row.values()) == 1

    def take_in(self, row: dict[str, Any], number: int | None) -> None:
        """Take over a row of another file of this installation in the place of ours of that `number`; if there is none,
        under its own number, or if that is another session's by now, under the next."""
        with self._database.transaction():
            if number is not None:
                self._database.change("DELETE FROM sessions WHERE number = ?", number)
                row = {**row, "number": number}
            if not self.adopt("sessions", row):
                next_number = self._accounts.next_number()
                self.adopt("sessions", {**row, "number": next_number})

    def take_progress(self, row: dict[str, Any]) -> None:
        """Take over how far a destination has got, unless it has settled the same end here: what is only tried here, or
        is of another session that had this number, would have it sent again."""
        with self._database.transaction():
            self._database.change(
                "DELETE FROM progress WHERE destination = ? AND number = ? AND (session_id != ? OR state = 'ready')",
                *(row["destination"], row["number"], row["session_id"]),
            )
            self.adopt("progress", row)

    def account_for_merge(self, there: Counts) -> None:
        """All rows of another file of this installation are here: what neither has a row of was delivered."""
        with self._database.transaction():
            self._accounts.floor(max(there.started, self._accounts.counts().started))
            for cause, count in there.dropped.items():
                if count > self._accounts.counts().dropped.get(cause, 0):
                    self._accounts.put(f"dropped:{cause}", count)
            counts = self._accounts.counts()
            for name, share in there.shares.items():
                for what in ("delivered", "rejected", "dropped"):
                    more = getattr(share, what) - getattr(counts.share(name), what)
                    if more > 0:
                        self._accounts.count_for(name, what, more)
            self._accounts.put("rejected", counts.rejected)
            self._accounts.put("delivered", max(0, counts.delivered + self._accounts.missing()))

    def account_for_damage(self, highest: int) -> None:
        """Rows of a damaged outbox were adopted, and there was one of number `highest`: what is missing is counted as
        dropped."""
        with self._database.transaction():
            self._accounts.floor(max(self._accounts.newest(), highest))
            self._accounts.put("rejected", self._accounts.counts().rejected)
            lost = self._accounts.missing()
            if lost > 0:
                self._accounts.count("dropped:damage", lost)


def _makes_sense(row: dict[str, Any]) -> bool:
    try:
        uuid.UUID(row["session_id"])
        return is_sound(end_of(tuple(row[column] for column in END_COLUMNS.split(", ")), ""))
    except (KeyError, TypeError, ValueError, AttributeError):
        return False
