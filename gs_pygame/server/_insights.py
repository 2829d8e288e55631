"""What the pages say of the sessions, read from what `_rollups` has added up, and from the latest rows.

Nothing here goes through all sessions, nor writes.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.engine import Connection

from ._gaps import GapTotals
from ._rollups import MONTH, RETURNS, player_key
from ._store import Store
from ._sums import Sums
from ._tables import clients, days, labels, newcomers, player_days, rollup, sessions

SEEN = 60
"""Seconds since a client was there, for which it counts as playing."""

_CHOICES = 100  # of games, versions or platforms that a filter offers
_SECOND = 1_000_000  # microseconds
_DAY = 24 * 3600 * _SECOND


@dataclass(frozen=True, slots=True)
class View:
    """What is looked at: days from `first` to `last` (since 1970), and of these what has the names that are given."""

    first: int
    last: int
    game: str | None = None
    version: str | None = None
    platform: str | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """`monthly`: players of the thirty days that end with this one."""

    day: int
    sessions: int
    players: int
    new: int
    monthly: int

    @property
    def returning(self) -> int:
        return max(0, self.players - self.new)


@dataclass(frozen=True, slots=True)
class Return:
    """Of `new` players, those who were here again `after` days."""

    after: int
    new: int
    returned: int


@dataclass(frozen=True, slots=True)
class Choices:
    """What there is to choose from, the most sessions first."""

    games: list[str]
    versions: list[str]
    platforms: list[str]


@dataclass(frozen=True, slots=True)
class Playing:
    """A player who is there now, since `started_at` (microseconds)."""

    player_id: str | None
    game: str
    started_at: int


@dataclass(frozen=True, slots=True)
class Shown:
    """A session in a list. `received_at` is in microseconds since 1970."""

    received_at: int
    game: str | None
    player_id: str | None
    number: int | None
    started_at: str | None
    ended_at: str | None
    active_ms: int | None
    reason: str | None
    version: str | None
    platform: str | None
    script_data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Overview:
    """`behind`: seconds for which the oldest session that is not added up has been waiting. `is_empty`: no session has
    ever come."""

    choices: Choices
    total: Sums
    versions: dict[str, Sums]
    platforms: dict[str, Sums]
    days: list[Day]
    returns: list[Return]
    gaps: GapTotals
    playing: list[Playing]
    playing_count: int
    behind: float
    is_empty: bool


@dataclass(frozen=True, slots=True)
class History:
    """A player's `days` with their sessions, within a view; the sums are of all time."""

    first_day: int | None
    days_played: int
    sessions: int
    active_ms: int
    days: list[tuple[int, int]]


def overview(store: Store, view: View, playing_shown: int) -> Overview:
    """All but the list of sessions."""
    now = store.now()
    with store.reading() as connection:
        rows = connection.execute(_days_of(view)).all()
        chosen = [row for row in rows if view.version in (None, row.version) and view.platform in (None, row.platform)]
        kinds, total = _sums_by_kind(chosen), Sums()
        for sums in kinds.values():
            total.add(sums)
        gaps, behind, is_empty = _state(connection, now)
        playing, playing_count = _playing(connection, view, now, playing_shown)
        return Overview(
            choices=Choices(_games(connection, view), _named(rows, "version"), _named(rows, "platform")),
            total=total,
            versions=_sums_by((version, sums) for (version, _), sums in kinds.items()),
            platforms=_sums_by((platform, sums) for (_, platform), sums in kinds.items()),
            days=_players_by_day(connection, view, chosen),
            returns=_returns(connection, view, now // _DAY),
            gaps=gaps,
            playing=playing,
            playing_count=playing_count,
            behind=behind,
            is_empty=is_empty,
        )


def latest_sessions(
    store: Store, view: View, before: int | None, limit: int, player_id: str | None = None
) -> list[Shown]:
    """At most `limit` sessions received within the view and before (exclusive) `before`, newest first."""
    received = sessions.c.received_at
    found = select(
        received,
        func.coalesce(sessions.c.game, sessions.c.app).label("game"),
        sessions.c.player_id,
        sessions.c.number,
        sessions.c.started_at,
        sessions.c.ended_at,
        sessions.c.active_ms,
        sessions.c.reason,
        sessions.c.app_version.label("version"),
        sessions.c.platform,
        sessions.c.script_data,
    )
    if player_id is not None:
        found = found.where(sessions.c.player_id == player_id)
    asked = _is_in(view, labels)
    if asked:
        received = labels.c.received_at
        found = found.join(labels, received == sessions.c.received_at).where(*asked)
    found = found.where(received >= view.first * _DAY, received < (view.last + 1) * _DAY)
    if before is not None:
        found = found.where(received < before)
    with store.reading() as connection:
        rows = connection.execute(found.order_by(received.desc()).limit(limit)).all()
    return [_shown(row) for row in rows]


def history(store: Store, player_id: str, view: View) -> History:
    """Of a player, in the view's game or in all."""
    theirs = player_days.c.player_id == player_key(player_id)
    if view.game is not None:
        theirs = and_(theirs, player_days.c.game == view.game)
    by_day = select(player_days.c.day, func.sum(player_days.c.sessions), func.sum(player_days.c.active_ms)).where(
        theirs
    )
    with store.reading() as connection:
        rows = connection.execute(by_day.group_by(player_days.c.day).order_by(player_days.c.day)).all()
    counts = {day: int(count) for day, count, _ in rows}
    return History(
        first_day=rows[0].day if rows else None,
        days_played=len(rows),
        sessions=sum(counts.values()),
        active_ms=sum(int(active_ms) for _, _, active_ms in rows),
        days=[(day, counts.get(day, 0)) for day in range(view.first, view.last + 1)],
    )


def _shown(row: Any) -> Shown:
    return Shown(**{**row._mapping, "script_data": json.loads(row.script_data)})


def _days_of(view: View) -> Select[Any]:
    rows = select(days).where(days.c.day.between(view.first, view.last))
    return rows if view.game is None else rows.where(days.c.game == view.game)


def _games(connection: Connection, view: View) -> list[str]:
    within = select(days.c.game).where(days.c.day.between(view.first, view.last), days.c.game != "")
    most = within.group_by(days.c.game).order_by(func.sum(days.c.sessions).desc(), days.c.game).limit(_CHOICES)
    return [*connection.execute(most).scalars()]


def _named(rows: Iterable[Any], what: str) -> list[str]:
    counts: Counter[str] = Counter()
    for row in rows:
        counts[getattr(row, what)] += row.sessions
    return [name for name, _ in counts.most_common(_CHOICES) if name]


def _sums_by_kind(rows: Iterable[Any]) -> dict[tuple[str, str], Sums]:
    """By version and platform."""
    found: dict[tuple[str, str], Sums] = defaultdict(Sums)
    for row in rows:
        found[row.version, row.platform].add_row(row)
    return found


def _sums_by(names: Iterable[tuple[str, Sums]]) -> dict[str, Sums]:
    """The most sessions first."""
    found: dict[str, Sums] = defaultdict(Sums)
    for name, sums in names:
        found[name].add(sums)
    return dict(sorted(found.items(), key=lambda item: (-item[1].sessions, item[0])))


def _is_in(view: View, table: Any) -> list[ColumnElement[bool]]:
    """For a table that has the labels of games, versions and platforms."""
    named = ((table.c.game, view.game), (table.c.version, view.version), (table.c.platform, view.platform))
    return [column == name for column, name in named if name is not None]


def _players_by_day(connection: Connection, view: View, chosen: Iterable[Any]) -> list[Day]:
    """A player of a month counts under the version and platform that they had last in it.

    So each of their days counts for the thirty that begin with it, unless they play again before: for `span` days.
    """
    column = player_days.c
    spans = (
        select(column.day, column.span, func.count().label("players"))
        .where(column.day.between(view.first - MONTH + 1, view.last), *_is_in(view, player_days))
        .group_by(column.day, column.span)
    )
    first_days = (
        select(newcomers.c.day, func.count())
        .where(newcomers.c.day.between(view.first, view.last), *_is_in(view, newcomers))
        .group_by(newcomers.c.day)
    )
    played: Counter[int] = Counter()
    steps: Counter[int] = Counter()  # by which the players of a month grow on a day
    for day, span, players in connection.execute(spans):
        played[day] += players
        steps[day] += players
        steps[day + span] -= players
    new: Counter[int] = Counter()
    ended: Counter[int] = Counter()
    for day, players in connection.execute(first_days):
        new[day] = players
    for row in chosen:
        ended[row.day] += row.sessions
    all_days = range(view.first - MONTH + 1, view.last + 1)
    monthly = dict(zip(all_days, accumulate(steps[day] for day in all_days), strict=True))
    return [Day(day, ended[day], played[day], new[day], monthly[day]) for day in range(view.first, view.last + 1)]


def _returns(connection: Connection, view: View, today: int) -> list[Return]:
    """Of those whose day to return is within the view, and over."""
    column = newcomers.c
    last = min(view.last, today - 1)
    found = []
    for name, after in RETURNS.items():
        theirs = column.day.between(view.first - after, last - after)
        counts = select(func.count(), func.coalesce(func.sum(column[name]), 0)).where(theirs, *_is_in(view, newcomers))
        new, returned = connection.execute(counts).one()
        found.append(Return(after, new, int(returned)))
    return found


def _state(connection: Connection, now: int) -> tuple[GapTotals, float, bool]:
    state = connection.execute(select(rollup)).first()
    received = sessions.c.received_at
    waiting = select(func.min(received)).where(received > (state.received_at if state else 0))
    oldest = connection.execute(waiting).scalar()
    gaps = GapTotals(*json.loads(state.gaps)) if state else GapTotals(0, 0, 0, 0)
    behind = 0.0 if oldest is None else max(0, now - oldest) / _SECOND
    return gaps, behind, state is None and oldest is None


def _playing(connection: Connection, view: View, now: int, limit: int) -> tuple[list[Playing], int]:
    there = [clients.c.seen_at >= now - SEEN * _SECOND, clients.c.session_id.is_not(None)]
    if view.game is not None:
        there.append(clients.c.game.in_([view.game, ""]))  # empty where the server has one game
    count = connection.execute(select(func.count()).select_from(clients).where(*there)).scalar_one()
    columns = select(clients.c.player_id, clients.c.game, clients.c.started_at)
    rows: Sequence[Any] = connection.execute(
        columns.where(*there).order_by(clients.c.started_at.desc()).limit(limit)
    ).all()
    return [Playing(*row) for row in rows], count
