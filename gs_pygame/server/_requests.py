"""The requests: what each checks, and what it does when it has been let through.

Answers and errors have the names that GameSparks' SDKs look for; what no source says is decided here, and said in the
README. Blocking, since it asks the store and hashes passwords.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import select
from sqlalchemy.engine import Connection

from . import _metrics, _players
from ._erasure import erase_installation
from ._json import JSON, encode
from ._players import Client, Player
from ._protocol import EndSessionRequest, Measured, RequestError, parse_request, parse_script_data, read_text, response
from ._store import Store
from ._tables import events
from ._times import format_millis

Finish = Callable[[JSON], JSON]
"""What the response's script makes of an answer."""

Process = Callable[[Finish], JSON]
"""Does what a checked request asks for."""

AUTHENTICATION = ".AuthenticationResponse"
"""The class that SDKs expect of the answer to each of the three requests that log a player in."""

HASHING = ("RegistrationRequest", "AuthenticationRequest")
"""Those that come with a password."""

NOBODY = RequestError({"authentication": "NOTAUTHORIZED"})
_UNRECOGNISED = RequestError({"DETAILS": "UNRECOGNISED"})
_MAX_NAME = 255  # characters of a user's, a device's or an event's name


@dataclass(slots=True)
class Caller:
    """Who asks. `client`: the connection, or over REST whoever came with a token; None is whoever knows the secret, who
    may speak for any player, and need not say for which. `game`: as in `_players`."""

    client: Client | None = None
    player_id: str | None = None
    game: str = ""


class Requests:
    """By name. Any thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._passwords = PasswordHasher()
        self.handlers: dict[str, Callable[[JSON, Caller], JSON | Process]] = {
            "DeviceAuthenticationRequest": self._device_authentication,
            "RegistrationRequest": self._registration,
            "AuthenticationRequest": self._authentication,
            "EndSessionRequest": self._end_session,
            "AnalyticsRequest": self._analytics,
            "LogEventRequest": self._log_event,
            "AccountDetailsRequest": self._account_details,
            "ErasureRequest": self._erasure,
        }

    def end_of_itself(self, connection: Connection, client: Client, at: int, reason: str) -> Client:
        """A session that nobody asked to end."""
        measured = replace(_by_our_clock(Measured(), client, at), reason=reason)
        end = EndSessionRequest(f"end of {client.session_id}", client.player_id, measured, {}, client.game or None)
        self._store.record_within(connection, [(end, response(end))])
        return _players.ended(connection, client)

    # Logging in

    def _device_authentication(self, body: JSON, caller: Caller) -> Process:
        device, system = _texts(body, "deviceId", "deviceOS")
        shown = read_text(body.get("displayName")) or ""

        def process(finish: Finish) -> JSON:
            with self._store.transaction() as connection:
                player, new = _players.player_of_device(
                    connection, caller.game, f"{system} {device}", shown, self._store.now()
                )
                answer = self._log_in(connection, body, caller, player, new)
            return finish(answer)

        return process

    def _registration(self, body: JSON, caller: Caller) -> Process:
        name, password = _texts(body, "userName", "password")
        shown = read_text(body.get("displayName")) or name

        def process(finish: Finish) -> JSON:
            hashed = self._passwords.hash(password)
            with self._store.transaction() as connection:
                player = _players.register(connection, caller.game, name, hashed, shown, self._store.now())
                if player is None:
                    raise RequestError({"USERNAME": "TAKEN"})
                answer = self._log_in(connection, body, caller, player, True)
            return finish(answer)

        return process

    def _authentication(self, body: JSON, caller: Caller) -> Process:
        name, password = _texts(body, "userName", "password")

        def process(finish: Finish) -> JSON:
            player = self._player_with_password(caller.game, name, password)
            with self._store.transaction() as connection:
                answer = self._log_in(connection, body, caller, player, False)
            return finish(answer)

        return process

    def _player_with_password(self, game: str, name: str, password: str) -> Player:
        with self._store.transaction() as connection:
            player = _players.player_named(connection, game, name)
        hashed = player.password_hash if player else None
        nobodys = self._nobodys
        try:
            self._passwords.verify(hashed or nobodys, password)
        except VerificationError:
            raise _UNRECOGNISED from None
        if player is None or hashed is None:
            raise _UNRECOGNISED
        return player

    @cached_property
    def _nobodys(self) -> str:
        """What an unknown name's password is held against: it takes as long as a known one's."""
        return self._passwords.hash("nobody's")

    def _log_in(self, connection: Connection, body: JSON, caller: Caller, player: Player, new: bool) -> JSON:
        """A session starts with the login, unless the client was in one that was nobody's; another player's ends."""
        now = self._store.now()
        client = caller.client or client_over_rest(connection, caller.game, player.id, now)
        if client.player_id not in (None, player.id) and client.session_id is not None:
            client = self.end_of_itself(connection, client, now, "explicit")
        client = _players.logged_in(connection, _players.playing(connection, client, now), player.id)
        if caller.client is not None:
            caller.client = client
        caller.player_id = player.id
        return {
            **envelope(body),
            "authToken": _players.issue_token(connection, player.id, now),
            "userId": player.id,
            "displayName": player.display_name,
            "newPlayer": new,
            "scriptData": {},
        }

    # A player's requests

    def _end_session(self, body: JSON, caller: Caller) -> JSON | Process:
        """Once: a repeat is answered by the first answer. Over REST it need not say whose it is (an end that waited on
        a disk says so in its own words)."""
        if caller.client is not None:
            _player_of(caller)
        request = replace(parse_request(body, caller.game), player_id=caller.player_id)
        with self._store.reading() as connection:
            first = self._store.first_answer(connection, request)
            if caller.client is not None:  # it may have another connection, or have ended by itself
                caller.client = _players.find_client(connection, caller.game, caller.client.id)

        def process(finish: Finish) -> JSON:
            measured = self._measured(request, caller.client)
            answer = finish(response(measured))  # before it is kept: what a script makes of it is what a repeat gets
            with self._store.transaction() as connection:
                kept = self._store.record_within(connection, [(measured, answer)])[0]
                if caller.client is not None:
                    caller.client = _players.ended(connection, caller.client)
            _metrics.ended(is_new=kept is answer)
            return kept

        if first is not None:
            _metrics.ended(is_new=False)
        return first or process

    def _measured(self, request: EndSessionRequest, client: Client | None) -> EndSessionRequest:
        """With the server's own clock, where the client did not say how long it was."""
        if client is None or request.session.active_ms is not None:
            return request
        return replace(request, session=_by_our_clock(request.session, client, self._store.now()))

    def _analytics(self, body: JSON, caller: Caller) -> Process:
        return self._keep_event(body, caller, "key")

    def _log_event(self, body: JSON, caller: Caller) -> Process:
        return self._keep_event(body, caller, "eventKey")

    def _keep_event(self, body: JSON, caller: Caller, field: str) -> Process:
        player_id = _player_of(caller)
        request_id, key = _texts(body, "requestId", field)
        parse_script_data(body)
        row = {
            "owner": f"player {player_id} of {caller.game}" if caller.game else f"player {player_id}",
            "request_id": request_id,
            "received_at": self._store.now(),
            "player_id": player_id,
            "key": key,
            "body": encode(body),
        }
        mine = (events.c.owner == row["owner"]) & (events.c.request_id == request_id)

        def process(finish: Finish) -> JSON:
            with self._store.transaction() as connection:
                if connection.execute(select(events.c.key).where(mine)).first() is None:
                    connection.execute(events.insert().values(row))
                self._play(connection, caller)
            return finish({**envelope(body), "scriptData": {}})

        return process

    def _account_details(self, body: JSON, caller: Caller) -> Process:
        player_id = _player_of(caller)

        def process(finish: Finish) -> JSON:
            with self._store.transaction() as connection:
                self._play(connection, caller)
                player = _players.player_with_id(connection, caller.game, player_id)
            shown = player.display_name if player else ""
            return finish({**envelope(body), "userId": player_id, "displayName": shown, "scriptData": {}})

        return process

    def _erasure(self, body: JSON, caller: Caller) -> Process:
        """gs_pygame's own, at a player's denial. Whoever knows the random id of an installation may ask for it; no
        other id will do, since a player's can be guessed."""
        (installation,) = _texts(body, "installationId")
        try:
            installation = str(uuid.UUID(installation))
        except ValueError:
            raise RequestError({"installationId": "must be a UUID"}) from None

        def process(finish: Finish) -> JSON:
            erased = erase_installation(self._store, installation)
            return finish({**envelope(body), "sessions": erased["sessions"], "scriptData": {}})

        return process

    def _play(self, connection: Connection, caller: Caller) -> None:
        """After an EndSessionRequest the next request starts another session."""
        if caller.client is not None:
            caller.client = _players.playing(connection, caller.client, self._store.now())


def request_name(body: JSON) -> str:
    """`EndSessionRequest` of `.EndSessionRequest`; what is no class at all has no name."""
    name = body.get("@class")
    return name[1:] if isinstance(name, str) and name.startswith(".") else ""


def envelope(body: JSON) -> JSON:
    """What every answer to this request carries: its class, and the requestId by which the client knows it."""
    name = request_name(body)
    kind = AUTHENTICATION if name in _LOGINS else f".{name.removesuffix('Request')}Response" if name else ".Error"
    request_id = body.get("requestId")
    return {"@class": kind, **({"requestId": request_id} if isinstance(request_id, str) else {})}


_LOGINS = ("DeviceAuthenticationRequest", *HASHING)


def read_token(body: JSON) -> str | None:
    """The `authToken` that came along. SDKs keep and send "0" where they have none."""
    token = read_text(body.get("authToken"))
    return None if token == "0" else token


def _texts(body: JSON, *names: str) -> list[str]:
    """These parts of the body. Raises RequestError that names each that is no text, or a long one."""
    values = {name: read_text(body.get(name)) for name in names}
    wrong = {name: "REQUIRED" for name, value in values.items() if value is None}
    long = {name: "TOO LONG" for name, value in values.items() if value is not None and len(value) > _MAX_NAME}
    if wrong or long:
        raise RequestError({**wrong, **long})
    return [value for value in values.values() if value is not None]


def _player_of(caller: Caller) -> str:
    if caller.player_id is None:
        raise NOBODY
    return caller.player_id


def client_over_rest(connection: Connection, game: str, player_id: str, now: int) -> Client:
    """Where a player has one session at a time."""
    id = f"rest {player_id}"
    known = _players.find_client(connection, game, id)
    if known is None:
        return _players.new_client(connection, game, player_id, now, id)
    _players.seen(connection, [id], now)
    return known


def _by_our_clock(said: Measured, client: Client, now: int) -> Measured:
    """A session that ends now. A client in none ends one that had no time to begin."""
    started = client.started_at if client.session_id is not None else now
    length = max(0, now - started) // 1000
    return replace(
        said,
        id=said.id or client.session_id,
        started_at=said.started_at or format_millis(started),
        ended_at=said.ended_at or format_millis(now),
        active_ms=length,
        wall_ms=length if said.wall_ms is None else said.wall_ms,
        reason=said.reason or "explicit",
    )
