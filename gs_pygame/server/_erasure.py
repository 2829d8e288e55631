"""All that is kept of a player: shown to them, erased at their wish; and what is too old, which goes by itself.

Any thread.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Table, func, or_, select
from sqlalchemy.engine import Connection

from ._gaps import erase_sessions
from ._json import JSON
from ._rollups import forget, forget_before
from ._store import Store
from ._tables import clients, events, labels, players, sessions, tokens
from ._times import format_micros

AT_ONCE = 500
"""Rows that are too old and go in one transaction: nobody waits long for it."""


def kept_of(store: Store, id: str) -> JSON | None:
    """Of a player, or of an installation, whose id is a player's that nobody has named. None if nothing is."""
    with store.reading() as connection:
        return _kept_of(connection, id)


def erase(store: Store, id: str) -> JSON:
    """How many rows of each kind there were. A repeat finds none."""
    with store.transaction() as connection:
        store.take_turn(connection)
        return _erase(connection, id)


def erase_installation(store: Store, id: str) -> JSON:
    """As `erase`, but for nobody who has played elsewhere under that id, or has an account of it: a player's id may be
    a UUID too, and others know it."""
    with store.transaction() as connection:
        store.take_turn(connection)
        elsewhere = select(sessions.c.player_id).where(
            sessions.c.player_id == id, sessions.c.installation_id.is_distinct_from(id)
        )
        account = select(players.c.id).where(players.c.id == id)
        if any(connection.execute(query.limit(1)).first() for query in (elsewhere, account)):
            return {"sessions": 0}
        return _erase(connection, id)


def erase_older(store: Store, before: int) -> int:
    """At most AT_ONCE sessions and as many events received before then (microseconds since 1970), the oldest. How many
    there were."""
    with store.transaction() as connection:
        store.take_turn(connection)
        return _erase_older(connection, before)


def _kept_of(connection: Connection, id: str) -> JSON | None:
    account = connection.execute(select(players).where(players.c.id == id)).first()
    columns = func.min(sessions.c.received_at), func.max(sessions.c.received_at), func.sum(sessions.c.active_ms)
    count, first, last, active_ms = connection.execute(select(func.count(), *columns).where(_sessions_of(id))).one()
    sent = connection.execute(select(func.count()).select_from(events).where(events.c.player_id == id)).scalar_one()
    if account is None and not count and not sent:
        return None
    return {
        "id": id,
        "displayName": account.display_name if account else None,
        "userName": account.user_name if account else None,
        "createdAt": format_micros(account.created_at) if account else None,
        "sessions": count,
        "activeMs": int(active_ms or 0),
        "firstReceivedAt": format_micros(first) if count else None,
        "lastReceivedAt": format_micros(last) if count else None,
        "events": sent,
    }


def _erase(connection: Connection, id: str) -> JSON:
    doomed = {
        events: events.c.player_id == id,
        tokens: tokens.c.player_id == id,
        clients: clients.c.player_id == id,
        players: players.c.id == id,
    }
    forget(connection, [id])
    theirs = select(sessions.c.received_at).where(_sessions_of(id))
    connection.execute(labels.delete().where(labels.c.received_at.in_(theirs)))
    rows = {table.name: connection.execute(table.delete().where(which)).rowcount for table, which in doomed.items()}
    return {"sessions": erase_sessions(connection, _sessions_of(id)), **rows}


def _erase_older(connection: Connection, before: int) -> int:
    last_session, last_event = (_last_of_the_oldest(connection, table, before) for table in (sessions, events))
    forget_before(connection, last_session + 1)
    old_events = events.delete().where(events.c.received_at <= last_event)
    return erase_sessions(connection, sessions.c.received_at <= last_session) + connection.execute(old_events).rowcount


def _last_of_the_oldest(connection: Connection, table: Table, before: int) -> int:
    """-1 if there is none."""
    times = select(table.c.received_at).where(table.c.received_at < before).order_by(table.c.received_at).limit(AT_ONCE)
    last: int | None = connection.execute(select(func.max(times.subquery().c.received_at))).scalar()
    return -1 if last is None else last


def _sessions_of(id: str) -> ColumnElement[bool]:
    return or_(sessions.c.player_id == id, sessions.c.installation_id == id)
