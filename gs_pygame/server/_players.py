"""Who plays: players, the tokens by which they come back, and clients with the session that each is in.

`game`: the server's name for the game whose key and secret a request came with; empty where it has one game.
Functions over a transaction of the store's. Times are microseconds since 1970.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.engine import Connection, Row
from sqlalchemy.exc import IntegrityError

from ._tables import clients, players, tokens


@dataclass(frozen=True, slots=True)
class Player:
    id: str
    display_name: str
    password_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Client:
    """An SDK's connection, or a player over REST. `session_id`, `started_at`: of the session that is played, if one is;
    after an EndSessionRequest the next request starts another."""

    id: str
    game: str
    player_id: str | None = None
    session_id: str | None = None
    started_at: int = 0


def player_of_device(
    connection: Connection, game: str, device: str, display_name: str, now: int
) -> tuple[Player, bool]:
    """The player of this device, and whether there was none before."""
    known = connection.execute(select(players).where(players.c.game == game, players.c.device == device)).first()
    if known is not None:
        return Player(known.id, known.display_name), False
    made = Player(str(uuid.uuid4()), display_name)
    row = {"id": made.id, "game": game, "device": device, "display_name": display_name, "created_at": now}
    connection.execute(players.insert().values(row))
    return made, True


def register(
    connection: Connection, game: str, user_name: str, password_hash: str, display_name: str, now: int
) -> Player | None:
    """A new player; None if the name is taken."""
    made = Player(str(uuid.uuid4()), display_name, password_hash)
    row = {
        "id": made.id,
        "game": game,
        "user_name": user_name,
        "password_hash": password_hash,
        "display_name": display_name,
        "created_at": now,
    }
    try:
        with connection.begin_nested():
            connection.execute(players.insert().values(row))
    except IntegrityError:
        return None
    return made


def player_named(connection: Connection, game: str, user_name: str) -> Player | None:
    return _player(connection, game, players.c.user_name == user_name)


def player_with_id(connection: Connection, game: str, id: str) -> Player | None:
    return _player(connection, game, players.c.id == id)


def issue_token(connection: Connection, player_id: str, now: int) -> str:
    """What the player comes back with. Only its digest is kept."""
    token = secrets.token_urlsafe(32)
    connection.execute(tokens.insert().values(digest=_digest(token), player_id=player_id, created_at=now))
    return token


def player_of_token(connection: Connection, game: str, token: str) -> str | None:
    owner = players.join(tokens, tokens.c.player_id == players.c.id)
    theirs = select(players.c.id).select_from(owner).where(tokens.c.digest == _digest(token), players.c.game == game)
    found: str | None = connection.execute(theirs).scalar()
    return found


def find_client(connection: Connection, game: str, id: str) -> Client | None:
    row = connection.execute(select(clients).where(clients.c.id == id, clients.c.game == game)).first()
    return None if row is None else _client(row)


def new_client(connection: Connection, game: str, player_id: str | None, now: int, id: str | None = None) -> Client:
    """A client that begins to play now."""
    made = Client(id or str(uuid.uuid4()), game, player_id)
    connection.execute(clients.insert().values(id=made.id, game=game, player_id=player_id, seen_at=now))
    return playing(connection, made, now)


def playing(connection: Connection, client: Client, now: int) -> Client:
    """`client` in a session: the one that it is in, or one that starts now."""
    if client.session_id is not None:
        return client
    return _update(connection, replace(client, session_id=str(uuid.uuid4()), started_at=now))


def ended(connection: Connection, client: Client) -> Client:
    """`client` in no session."""
    return _update(connection, replace(client, session_id=None, started_at=0))


def logged_in(connection: Connection, client: Client, player_id: str | None) -> Client:
    """`client` as this player's."""
    return _update(connection, replace(client, player_id=player_id))


def seen(connection: Connection, ids: Sequence[str], now: int) -> None:
    """These clients are there."""
    connection.execute(clients.update().where(clients.c.id.in_(ids)).values(seen_at=now))


def left(connection: Connection, before: int, limit: int) -> list[tuple[Client, int]]:
    """Clients in a session that have not been seen since `before`, and when they were."""
    rows = select(clients).where(clients.c.seen_at < before, clients.c.session_id.is_not(None)).limit(limit)
    return [(_client(row), row.seen_at) for row in connection.execute(rows)]


def _client(row: Row[Any]) -> Client:
    return Client(row.id, row.game, row.player_id, row.session_id, row.started_at or 0)


def _update(connection: Connection, client: Client) -> Client:
    values = {"player_id": client.player_id, "session_id": client.session_id, "started_at": client.started_at or None}
    connection.execute(clients.update().where(clients.c.id == client.id).values(values))
    return client


def _player(connection: Connection, game: str, which: ColumnElement[bool]) -> Player | None:
    row = connection.execute(select(players).where(players.c.game == game, which)).first()
    return None if row is None else Player(row.id, row.display_name, row.password_hash)


def _digest(token: str) -> str:
    """A token is random, so one round of a hash tells nobody anything."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
