"""The ended sessions: one row for each requestId of a player, written before it is acknowledged. SQLAlchemy Core."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import BigInteger, Select, bindparam, case, func, select, tuple_
from sqlalchemy.engine import Connection, Row

from . import _rows
from ._database import Database, open_database
from ._gaps import Gap, GapTotals, count_gaps, find_gaps, keep_accounts
from ._json import JSON, encode
from ._protocol import EndSessionRequest, Measured
from ._query import Query
from ._tables import admins, clock, sessions

Pair = tuple[EndSessionRequest, JSON]
"""A request and its answer, if it is the first."""

_measured_names = [field.name for field in fields(Measured)]

_first = select(sessions.c.owner, sessions.c.request_id, sessions.c.received_at, sessions.c.answer).where(
    tuple_(sessions.c.owner, sessions.c.request_id).in_(bindparam("keys", expanding=True))
)
_next = clock.c.received_at + bindparam("count", type_=BigInteger)
_now_given = bindparam("now", type_=BigInteger)
_tick = (
    clock.update()
    .values(received_at=case((_next > _now_given, _next), else_=_now_given))
    .returning(clock.c.received_at)
)


@dataclass(frozen=True, slots=True)
class Received:
    """A stored request. `received_at` is in microseconds since 1970 and strictly increasing across a store."""

    request: EndSessionRequest
    received_at: int


@dataclass(frozen=True, slots=True)
class Totals:
    """Over the whole store. `players` counts different player ids; `active_ms` sums what is known."""

    sessions: int
    players: int
    active_ms: int


class Store:
    """Ended sessions. Every method may be called from any thread. Made by open_store()."""

    def __init__(self, database: Database) -> None:
        self.transaction = database.transaction
        self.reading = database.reading
        self._database = database

    def record(self, request: EndSessionRequest, answer: JSON) -> JSON:
        """Keep `request` with its `answer`, and return that answer once both are durable.

        A requestId that its player has used changes nothing and returns the answer stored first.
        """
        return self.record_all([(request, answer)])[0]

    def record_all(self, pairs: Sequence[Pair]) -> list[JSON]:
        """The same for many, in one commit."""
        with self.transaction() as connection:
            return self.record_within(connection, pairs)

    def record_within(self, connection: Connection, pairs: Sequence[Pair]) -> list[JSON]:
        """The same as a part of a transaction.

        Of several workers one at a time: each begins with the row of the clock, which the database locks until the
        commit. So times rise in the order of the commits, and nobody who reads page after page misses one.
        """
        rows = [_row(request, answer) for request, answer in pairs]
        last = self._take_times(connection, len(pairs))
        times = range(last - len(pairs) + 1, last + 1)
        for received_at, row in zip(times, rows, strict=True):
            row["received_at"] = received_at
        added = _rows.add(connection, sessions, rows, _rows.leave)
        if added:
            keep_accounts(connection, [request for request, _ in pairs])
        if added == len(pairs):
            return [answer for _, answer in pairs]
        first = self._first(connection, [request for request, _ in pairs])
        kept = [first[request.owner, request.request_id] for request, _ in pairs]
        return [
            answer if one.received_at == received_at else json.loads(one.answer)
            for received_at, one, (_, answer) in zip(times, kept, pairs, strict=True)
        ]

    def first_answer(self, connection: Connection, request: EndSessionRequest) -> JSON | None:
        """What was answered to this requestId of this player before. None if nothing was."""
        found = [*self._first(connection, [request]).values()]
        return json.loads(found[0].answer) if found else None

    def _first(self, connection: Connection, requests: list[EndSessionRequest]) -> dict[tuple[str, str], Any]:
        """What is kept of these requestIds, by their owners."""
        keys = [(request.owner, request.request_id) for request in requests]
        return {(row.owner, row.request_id): row for row in connection.execute(_first, {"keys": keys})}

    def take_turn(self, connection: Connection) -> None:
        """Until the commit nobody else records anything, nor takes a turn."""
        connection.execute(_tick, {"count": 0, "now": 0})

    def _take_times(self, connection: Connection, count: int) -> int:
        """The last of so many moments in which nothing else is received."""
        now = self.now()
        last: int = connection.execute(_tick, {"count": count, "now": now}).scalar_one()
        return last

    def find(self, query: Query) -> list[Received]:
        """What was asked for, in that order."""
        with self.reading() as connection:
            return [_received(row) for row in connection.execute(_matching(query))]

    def latest(self, limit: int) -> list[Received]:
        """At most `limit` sessions, newest first."""
        return self.find(Query(newest_first=True, limit=limit))

    def totals(self) -> Totals:
        counts = select(
            func.count(),
            func.count(sessions.c.player_id.distinct()),
            func.coalesce(func.sum(sessions.c.active_ms), 0),
        ).select_from(sessions)
        with self.reading() as connection:
            return Totals(*map(int, connection.execute(counts).one()))

    def gaps(self, limit: int) -> list[Gap]:
        """At most `limit` installations that have missing or repeated numbers, worst first."""
        with self.reading() as connection:
            return find_gaps(connection, limit)

    def gap_totals(self) -> GapTotals:
        with self.reading() as connection:
            return count_gaps(connection)

    def keep_admin(self, digest: str) -> str:
        """Keep the digest of an admin token, unless there is one. The one that is kept."""
        with self.transaction() as connection:
            self.take_turn(connection)
            kept: str | None = connection.execute(select(admins.c.digest)).scalar()
            if kept is None:
                connection.execute(admins.insert().values(id=1, digest=digest))
        return kept or digest

    def now(self) -> int:
        """The wall clock in microseconds since 1970."""
        return _now()

    def close(self) -> None:
        """Idempotent; nothing that was acknowledged depends on it."""
        self._database.close()


def open_store(url: str) -> Store:
    """Open, and create if need be, the store at `sqlite:///FILE`, in memory at `sqlite://`, or at `postgresql://...`.

    Raises ServerError for another kind of URL, a database that cannot be used, or one that is not this server's.
    """
    return Store(open_database(url))


def _matching(query: Query) -> Select[Any]:
    columns = {
        func.coalesce(sessions.c.game, sessions.c.app): query.game,
        sessions.c.player_id: query.player,
        sessions.c.reason: query.reason,
        sessions.c.app_version: query.version,
        sessions.c.platform: query.platform,
    }
    wanted = select(sessions).where(*(column == value for column, value in columns.items() if value is not None))
    if query.since is not None:
        wanted = wanted.where(sessions.c.received_at >= query.since)
    if query.until is not None:
        wanted = wanted.where(sessions.c.received_at < query.until)
    order = sessions.c.received_at.desc() if query.newest_first else sessions.c.received_at
    return wanted.order_by(order).limit(query.limit)


def _row(request: EndSessionRequest, answer: JSON) -> dict[str, Any]:
    """All but the moment."""
    return {
        "owner": request.owner,
        "request_id": request.request_id,
        "game": request.game,
        "player_id": request.player_id,
        **{name: getattr(request.session, name) for name in _measured_names},
        "script_data": encode(request.script_data),
        "answer": encode(answer),
    }


def _received(row: Row[Any]) -> Received:
    values = row._mapping
    request = EndSessionRequest(
        request_id=values["request_id"],
        player_id=values["player_id"],
        session=Measured(**{name: values[name] for name in _measured_names}),
        script_data=json.loads(values["script_data"]),
        game=values["game"],
    )
    return Received(request, values["received_at"])


def _now() -> int:
    return time.time_ns() // 1000
