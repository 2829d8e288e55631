"""Sessions are added up by day and by player, a while after they came, so that no page has to count them.

No request waits for it: a repeated turn takes what was received since the last one, in small commits. Of several
workers one adds up at a time. A session that comes late goes to the day when it ended. What retention deletes stays
added up; a player who is forgotten is not counted as one any more, while the sums by day, which name nobody, stay.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from sqlalchemy import Table, func, select, tuple_
from sqlalchemy.engine import Connection

from . import _rows
from ._gaps import count_gaps
from ._histogram import bucket
from ._json import encode
from ._recorder import UNAVAILABLE
from ._store import Store
from ._sums import Sums
from ._tables import days, labels, newcomers, player_days, rollup, sessions
from ._times import parse_micros
from ._turns import in_thread

log = logging.getLogger("gs_pygame.server")

BATCH = 100
"""Sessions of a commit: an end that comes meanwhile waits for it."""

MONTH = 30
"""Days for which a player counts as one of the month."""

RETURNS = {"d1": 1, "d7": 7, "d30": 30}
"""The columns of `newcomers`, and the days after the first that they are about."""

REASONS = ("background", "quit", "crash", "abnormal", "suspend", "explicit", "disconnect")

_LOOK = 0.5  # seconds between two looks for what is new
_REST = 9.0  # times as long as a turn took is rest: requests have nine tenths of the time at least
_GAPS_REST = 20.0  # counting gaps reads an index over all sessions
_MAX_NAME = 100  # characters of a game, version or platform that are told apart; an index has short keys
_MAX_PLAYER = 200
_MAX_SUM = 2**53  # ms of a day: who claims more lies, and sums of days stay within 64 bits
_AFTER_FAULT = 60.0  # seconds
_DAY = 24 * 3600 * 1_000_000  # microseconds

_columns = select(
    sessions.c.received_at,
    func.coalesce(sessions.c.game, sessions.c.app, "").label("game"),
    sessions.c.player_id,
    sessions.c.ended_at,
    sessions.c.active_ms,
    sessions.c.reason,
    func.coalesce(sessions.c.app_version, "").label("version"),
    func.coalesce(sessions.c.platform, "").label("platform"),
)
_newest = select(func.max(sessions.c.received_at))
_done = select(rollup.c.received_at)

_Player = tuple[str, str]  # and the game


class _PlayerDay(NamedTuple):
    """What a row of `player_days` says of its day."""

    sessions: int = 0
    active_ms: int = 0
    version: str = ""
    platform: str = ""
    span: int = MONTH


class _First(NamedTuple):
    """What a row of `newcomers` says of its player."""

    day: int
    version: str
    platform: str
    d1: int
    d7: int
    d30: int


_NewDays = Mapping[_Player, Mapping[int, Sequence["_Ended"]]]


async def keep_rolled_up(store: Store) -> None:
    """For ever: what has come is added up within a second, unless so much comes that it has to wait."""
    await _repeat(lambda: roll_up(store) == BATCH, _REST)


async def keep_gaps_noted(store: Store) -> None:
    """For ever: what is lost is counted anew when something has come, and not more often than it can be."""
    await _repeat(lambda: note_gaps(store), _GAPS_REST)


async def _repeat(turn: Callable[[], bool], rest: float) -> None:
    """A turn says whether there is more to do at once, that is after `rest` times as long as it took."""
    while True:
        began = time.monotonic()
        more = False
        try:
            more = await in_thread(turn)
        except UNAVAILABLE:
            pass  # whoever sends an end hears of it
        except Exception:  # requests go on, and somebody must hear of it
            log.exception("gs_pygame.server: the dashboard is not up to date")
            await asyncio.sleep(_AFTER_FAULT)
        tired = rest * (time.monotonic() - began)
        await asyncio.sleep(tired if more else max(_LOOK, tired))


def roll_up(store: Store, limit: int = BATCH) -> int:
    """Add up at most `limit` of the sessions that are not yet: how many there were. Whoever else does so waits."""
    with store.reading() as connection:
        if (connection.execute(_newest).scalar() or 0) <= (connection.execute(_done).scalar() or 0):
            return 0
    with store.transaction() as connection:
        store.take_turn(connection)
        done = connection.execute(_done).scalar()
        new = _columns.where(sessions.c.received_at > (done or 0)).order_by(sessions.c.received_at).limit(limit)
        rows = connection.execute(new).all()
        if not rows:
            return 0
        ended = [_Ended.of(row) for row in rows]
        _replace(connection, labels, [(one.received_at, one.game, one.version, one.platform) for one in ended])
        _add_to_days(connection, ended)
        _add_to_players(connection, ended)
        last = rows[-1].received_at
        if done is None:
            connection.execute(rollup.insert().values(id=1, received_at=last, gaps="[0,0,0,0]", gaps_at=0))
        else:
            connection.execute(rollup.update().values(received_at=last))
    return len(rows)


def note_gaps(store: Store) -> bool:
    """Count what is lost, over all installations, unless nothing has come since. There is never more to do."""
    with store.reading() as connection:
        state = connection.execute(select(rollup)).first()
        if state is None or state.gaps_at == state.received_at:
            return False
        gaps = count_gaps(connection)
    with store.transaction() as connection:
        connection.execute(rollup.update().values(gaps=encode(astuple(gaps)), gaps_at=state.received_at))
    return False


def forget(connection: Connection, player_ids: Sequence[str]) -> None:
    """These players were never here. Within a transaction that has the store's turn and removes their sessions."""
    ids = [player_key(player_id) for player_id in player_ids]
    for table in (player_days, newcomers):
        connection.execute(table.delete().where(table.c.player_id.in_(ids)))


def forget_before(connection: Connection, received_at: int) -> None:
    """Sessions that were received before are in the store no more. What they added up to stays."""
    connection.execute(labels.delete().where(labels.c.received_at < received_at))


def label(name: str) -> str:
    """Under which a game, a version or a platform is counted."""
    return name[:_MAX_NAME]


def player_key(player_id: str) -> str:
    """Under which a player's days are kept."""
    return player_id[:_MAX_PLAYER]


def day_of(micros: int) -> int:
    """The day of a moment: days since 1970, in UTC."""
    return micros // _DAY


@dataclass(frozen=True, slots=True)
class _Ended:
    """A session, as far as it is added up."""

    received_at: int
    game: str
    player_id: str | None
    day: int
    active_ms: int | None
    reason: str
    version: str
    platform: str
    late_ms: int | None

    @classmethod
    def of(cls, row: Any) -> _Ended:
        # No session ends after it came, whatever the player's clock says.
        ended = None if row.ended_at is None else min(parse_micros(row.ended_at), row.received_at)
        return cls(
            received_at=row.received_at,
            game=label(row.game),
            player_id=None if row.player_id is None else player_key(row.player_id),
            day=day_of(row.received_at if ended is None else ended),
            active_ms=row.active_ms,
            reason=row.reason if row.reason in REASONS else "",
            version=label(row.version),
            platform=label(row.platform),
            late_ms=None if ended is None else (row.received_at - ended) // 1000,
        )


def _add_to_days(connection: Connection, ended: Sequence[_Ended]) -> None:
    keys = {(one.day, one.game, one.version, one.platform) for one in ended}
    key = tuple_(days.c.day, days.c.game, days.c.version, days.c.platform)
    known = connection.execute(select(days).where(key.in_(keys))).all()
    tallies = defaultdict(Sums, {tuple(row[:4]): Sums.of(row) for row in known})
    for one in ended:
        tally = tallies[one.day, one.game, one.version, one.platform]
        tally.sessions += 1
        tally.of_players += one.player_id is not None
        tally.reasons[one.reason] += 1
        if one.active_ms is not None:
            tally.active_ms = min(tally.active_ms + one.active_ms, _MAX_SUM)
            tally.lengths[bucket(one.active_ms)] += 1
        if one.late_ms is not None:
            tally.lateness[bucket(one.late_ms)] += 1
    _replace(connection, days, [(*key, *tally.values()) for key, tally in tallies.items()])


def _add_to_players(connection: Connection, ended: Sequence[_Ended]) -> None:
    new: dict[_Player, dict[int, list[_Ended]]] = defaultdict(lambda: defaultdict(list))
    for one in ended:
        if one.player_id is not None:
            new[one.player_id, one.game][one.day].append(one)
    if not new:
        return
    known = _days_around(connection, new)
    firsts = _firsts(connection, new)
    changed_days, changed_firsts = [], []
    for player, theirs in new.items():
        before = known.get(player, {})
        after = _with(before, theirs)
        first = _first(firsts.get(player), after, theirs)
        changed_days += [(*player, day, *one) for day, one in after.items() if before.get(day) != one]
        if first != firsts.get(player):
            changed_firsts.append((*player, *first))
    _replace(connection, player_days, changed_days)
    _replace(connection, newcomers, changed_firsts)


def _days_around(connection: Connection, new: _NewDays) -> dict[_Player, dict[int, _PlayerDay]]:
    """The days of these players, as far as a new one can say anything about them, or they about it."""
    touched = [day for theirs in new.values() for day in theirs]
    near = player_days.c.day.between(min(touched) - MONTH, max(touched) + MONTH)
    theirs = player_days.c.player_id.in_({player_id for player_id, _ in new})
    known: dict[_Player, dict[int, _PlayerDay]] = defaultdict(dict)
    for row in connection.execute(select(player_days).where(theirs, near)).all():
        known[row[0], row[1]][row[2]] = _PlayerDay(*row[3:])
    return known


def _firsts(connection: Connection, new: _NewDays) -> dict[_Player, _First]:
    theirs = newcomers.c.player_id.in_({player_id for player_id, _ in new})
    rows = connection.execute(select(newcomers).where(theirs)).all()
    return {(row[0], row[1]): _First(*row[2:]) for row in rows}


def _with(before: Mapping[int, _PlayerDay], new: Mapping[int, Sequence[_Ended]]) -> dict[int, _PlayerDay]:
    """A player's days with the new sessions."""
    after = dict(before)
    for day, ended in new.items():
        old = after.get(day, _PlayerDay())
        after[day] = _PlayerDay(
            sessions=old.sessions + len(ended),
            active_ms=min(old.active_ms + sum(one.active_ms or 0 for one in ended), _MAX_SUM),
            version=ended[-1].version,
            platform=ended[-1].platform,
            span=old.span,
        )
    for day, following in pairwise(sorted(after)):
        span = min(MONTH, following - day)
        if after[day].span != span:
            after[day] = after[day]._replace(span=span)
    return after


def _first(old: _First | None, theirs: Mapping[int, _PlayerDay], new: Iterable[int]) -> _First:
    day = min(new) if old is None else min(old.day, *new)
    kept = old if old is not None and old.day == day else None
    returned = [int(day + age in theirs) for age in RETURNS.values()]
    if kept is not None:
        returned = [max(pair) for pair in zip(returned, kept[3:], strict=True)]
    at = theirs.get(day, kept)
    assert at is not None
    return _First(day, at.version, at.platform, *returned)


def _replace(connection: Connection, table: Table, rows: Sequence[Sequence[Any]]) -> None:
    """These rows in place of those with the same keys."""
    names = table.c.keys()
    _rows.add(connection, table, [dict(zip(names, row, strict=True)) for row in rows], _rows.replace)
