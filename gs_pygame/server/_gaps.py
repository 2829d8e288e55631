"""Which sessions never came: the numbers missing from an installation's 1, 2, 3 ..., set against what it says of them.

A number is missing if it is not here and is below the highest that is, or among those the installation says it has
started. That may be in order: the session is still played (`open`; of several copies of a game one ends first), its end
has yet to be sent (`queued`), was refused for good (`rejected`) or given up for a cause (`dropped`). What all of these
leave over is `unaccounted`: at least so many ends are lost.

SQL that PostgreSQL takes as well.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Float, Select, and_, case, cast, func, or_, select
from sqlalchemy.engine import Connection

from . import _rows
from ._json import JSON, encode
from ._protocol import Counters, EndSessionRequest, counters_of
from ._tables import accounts, sessions

MAX_RANGES = 50
"""Ranges of missing numbers that are listed for one installation; they are counted beyond."""


@dataclass(frozen=True, slots=True)
class Gap:
    """An installation with numbers missing or repeated.

    `received` counts different numbers, `last` is the highest number known of: `missing_count` is what they differ by.
    `missing` has the first and the last number of each range, those that were erased among them; `missing_count` is
    without these. `open`, `queued`, `rejected` and `dropped` are what the
    installation said last. `repeated` counts numbers that several sessions bear: a data folder was copied, or restored.
    """

    installation_id: str
    player_id: str | None  # of the session with the highest number
    received: int
    last: int
    missing: list[tuple[int, int]]
    missing_count: int
    open: int
    queued: int
    rejected: int
    dropped: dict[str, int]
    erased: int
    unaccounted: int
    repeated: int


@dataclass(frozen=True, slots=True)
class GapTotals:
    """Over all installations. `lost` counts missing numbers that are not expected any more; `unaccounted` is a part of
    it. `installations` are those that have lost or repeated some.
    """

    installations: int
    lost: int
    unaccounted: int
    repeated: int


def keep_accounts(connection: Connection, requests: Sequence[EndSessionRequest]) -> None:
    """Keep what each installation says along with its requests, unless it has said something newer.

    Ends arrive in any order. The newest is told by `started` and then `delivered`, which only rise (`ended` does not:
    an end is withdrawn when its player returns in time); of equals the one received last counts.
    """
    newest: dict[str, Counters] = {}
    for request in requests:
        counters, installation = counters_of(request), request.session.installation_id
        if counters is None or installation is None:
            continue
        if installation not in newest or _age(counters) >= _age(newest[installation]):
            newest[installation] = counters
    if newest:
        _rows.add(connection, accounts, [{**_account(*one), "erased": 0} for one in newest.items()], _keep_newer)


def erase_sessions(connection: Connection, which: ColumnElement[bool]) -> int:
    """Erase those that `which` chooses. Their numbers do not count as missing after it. How many there were."""
    affected = select(sessions.c.installation_id).where(which, sessions.c.installation_id.is_not(None)).distinct()
    before = {installation: _numbers_of(connection, installation) for (installation,) in connection.execute(affected)}
    count = connection.execute(sessions.delete().where(which)).rowcount
    for installation, numbers in before.items():
        left = _numbers_of(connection, installation)
        theirs = accounts.c.installation_id == installation
        if not left:
            connection.execute(accounts.delete().where(theirs))
            continue
        more = accounts.update().where(theirs).values(erased=accounts.c.erased + numbers - left)
        if not connection.execute(more).rowcount:
            connection.execute(accounts.insert().values(**_account(installation, Counters()), erased=numbers - left))
    return count


def _numbers_of(connection: Connection, installation: str) -> int:
    count = select(func.count(sessions.c.number.distinct())).where(sessions.c.installation_id == installation)
    return connection.execute(count).scalar_one()


def _age(counters: Counters) -> tuple[int, int]:
    return counters.started or 0, counters.delivered or 0


def _account(installation: str, counters: Counters) -> dict[str, Any]:
    started, delivered = _age(counters)
    return {
        "installation_id": installation,
        "started": started,
        "delivered": delivered,
        "open": counters.open,
        "queued": counters.queued,
        "rejected": counters.rejected,
        "dropped": encode(counters.dropped),
        "accounted": counters.accounted,
    }


def _keep_newer(insert: Any) -> Any:
    """How many of an installation's numbers were erased stays, whatever it says."""
    said, known = insert.excluded, accounts.c
    is_newer = or_(said.started > known.started, and_(said.started == known.started, said.delivered >= known.delivered))
    new = {column.name: column for column in said if column.name not in ("installation_id", "erased")}
    return insert.on_conflict_do_update(index_elements=[known.installation_id], set_=new, where=is_newer)


def find_gaps(connection: Connection, limit: int) -> list[Gap]:
    """At most `limit` installations that have missing or repeated numbers, worst first."""
    rows = connection.execute(_worst.limit(limit)).all()
    holes: dict[str, list[tuple[int, int]]] = {row.installation_id: [] for row in rows}
    for installation, first, last in connection.execute(_holes_of(list(holes))):
        holes[installation].append((first, last))
    return [
        Gap(
            installation_id=row.installation_id,
            player_id=row.player_id,
            received=row.received,
            last=row.last,
            missing=(holes[row.installation_id] + _tail(row.highest, row.last))[:MAX_RANGES],
            missing_count=row.missing,
            open=row.open,
            queued=row.queued,
            rejected=row.rejected,
            dropped=json.loads(row.dropped),
            erased=row.erased,
            unaccounted=row.unaccounted,
            repeated=row.repeated,
        )
        for row in rows
    ]


def count_gaps(connection: Connection) -> GapTotals:
    """How much is lost, over all."""
    return GapTotals(*(int(total or 0) for total in connection.execute(_totals).one()))


def gap_item(gap: Gap) -> JSON:
    """One element of `GET /gaps`."""
    return {
        "installationId": gap.installation_id,
        "playerId": gap.player_id,
        "received": gap.received,
        "last": gap.last,
        "missing": gap.missing,
        "missingCount": gap.missing_count,
        "open": gap.open,
        "queued": gap.queued,
        "rejected": gap.rejected,
        "dropped": gap.dropped,
        "erased": gap.erased,
        "unaccounted": gap.unaccounted,
        "repeated": gap.repeated,
    }


def _tail(highest: int, last: int) -> list[tuple[int, int]]:
    return [(highest + 1, last)] if highest < last else []


def _positive(value: ColumnElement[int]) -> ColumnElement[int]:
    return case((value > 0, value), else_=0)


def _sum(value: ColumnElement[int]) -> ColumnElement[float]:
    """As floating point, since clients may lie so much that 64 bits overflow."""
    return func.sum(cast(value, Float))


_numbers = (
    select(
        sessions.c.installation_id,
        sessions.c.number,
        case((func.min(sessions.c.id) < func.max(sessions.c.id), 1), else_=0).label("repeated"),
    )
    .where(sessions.c.installation_id.is_not(None), sessions.c.number.is_not(None))
    .group_by(sessions.c.installation_id, sessions.c.number)
    .subquery()
)
_received = (
    select(
        _numbers.c.installation_id,
        func.count().label("received"),
        func.max(_numbers.c.number).label("highest"),
        func.sum(_numbers.c.repeated).label("repeated"),
    )
    .group_by(_numbers.c.installation_id)
    .subquery()
)
_known = (
    select(
        _received,
        case((accounts.c.started > _received.c.highest, accounts.c.started), else_=_received.c.highest).label("last"),
        func.coalesce(accounts.c.dropped, "{}").label("dropped"),
        *(
            func.coalesce(column, 0).label(column.name)
            for column in (
                accounts.c.open,
                accounts.c.queued,
                accounts.c.rejected,
                accounts.c.accounted,
                accounts.c.erased,
            )
        ),
    )
    .outerjoin_from(_received, accounts, accounts.c.installation_id == _received.c.installation_id)
    .subquery()
)
_missing = _known.c.last - _known.c.received - _known.c.erased
_lost = _positive(_missing - _known.c.open - _known.c.queued)
_unaccounted = _positive(_missing - _known.c.accounted)
_repeated = _known.c.repeated

_worst = (
    select(
        _known,
        _missing.label("missing"),
        _unaccounted.label("unaccounted"),
        select(func.max(sessions.c.player_id))
        .where(sessions.c.installation_id == _known.c.installation_id, sessions.c.number == _known.c.highest)
        .scalar_subquery()
        .label("player_id"),
    )
    .where(or_(_missing > 0, _repeated > 0))
    .order_by(_unaccounted.desc(), _lost.desc(), _repeated.desc(), _missing.desc(), _known.c.installation_id)
)
_totals = select(func.count(), _sum(_lost), _sum(_unaccounted), _sum(_repeated)).where(or_(_lost > 0, _repeated > 0))


def _holes_of(installations: list[str]) -> Select[Any]:
    """The ranges between the numbers received, of each installation at most MAX_RANGES, in order."""
    before = func.lag(sessions.c.number).over(partition_by=sessions.c.installation_id, order_by=sessions.c.number)
    steps = (
        select(
            sessions.c.installation_id,
            (func.coalesce(before, 0) + 1).label("first"),
            (sessions.c.number - 1).label("last"),
        )
        .where(sessions.c.installation_id.in_(installations), sessions.c.number.is_not(None))
        .subquery()
    )
    rank = func.row_number().over(partition_by=steps.c.installation_id, order_by=steps.c.first)
    holes = select(steps, rank.label("rank")).where(steps.c.first <= steps.c.last).subquery()
    return (
        select(holes.c.installation_id, holes.c.first, holes.c.last)
        .where(holes.c.rank <= MAX_RANGES)
        .order_by(holes.c.installation_id, holes.c.first)
    )
