"""What each request does, whichever way it came: over WebSocket or REST.

Blocking, since it asks the store, hashes passwords and runs Cloud Code: never called on the event loop. Answers and
errors have the names that GameSparks' SDKs look for; what no source says is decided here, and said in the README.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import select
from sqlalchemy.engine import Connection

from . import _players
from ._cloud_code import Call, CloudCode, Outcome
from ._players import Client, Player
from ._protocol import (
    JSON,
    EndSessionRequest,
    Measured,
    RequestError,
    encode,
    format_millis,
    parse_request,
    parse_script_data,
    read_text,
    response,
)
from ._store import Store
from ._tables import events

log = logging.getLogger("gs_pygame.server.cloud_code")

Finish = Callable[[JSON], JSON]
"""What the response's script makes of an answer."""

Process = Callable[[Finish], JSON]
"""Does what a checked request asks for."""

AUTHENTICATION = ".AuthenticationResponse"
"""The class that SDKs expect of the answer to each of the three requests that log a player in."""

_NOBODY = RequestError({"authentication": "NOTAUTHORIZED"})
_UNRECOGNISED = RequestError({"DETAILS": "UNRECOGNISED"})
_AT_ONCE = 100  # sessions that end by themselves in one commit
_MAX_NAME = 255  # characters of a user's, a device's or an event's name


@dataclass(slots=True)
class Caller:
    """Who asks. `client`: the connection, or over REST whoever came with a token; None is whoever knows the secret, who
    may speak for any player, and need not say for which."""

    client: Client | None = None
    player_id: str | None = None


class Dispatcher:
    """Answers requests. Any thread."""

    def __init__(self, store: Store, cloud_code: CloudCode | None = None) -> None:
        self._store = store
        self._cloud_code = cloud_code
        self._passwords = PasswordHasher()
        self._handlers: dict[str, Callable[[JSON, Caller], JSON | Process]] = {
            "DeviceAuthenticationRequest": self._device_authentication,
            "RegistrationRequest": self._registration,
            "AuthenticationRequest": self._authentication,
            "EndSessionRequest": self._end_session,
            "AnalyticsRequest": self._analytics,
            "LogEventRequest": self._log_event,
            "AccountDetailsRequest": self._account_details,
        }

    def knows(self, name: str) -> bool:
        return name in self._handlers

    def answer(self, body: JSON, caller: Caller) -> JSON:
        """The answer to a decoded request. Logs `caller` in if it is a request to do so."""
        return self._answer(body, caller, runs_scripts=True)

    def _answer(self, body: JSON, caller: Caller, runs_scripts: bool) -> JSON:
        """Checked, the request's script, done, the response's script."""
        handler = self._handlers.get(request_name(body))
        try:
            if handler is None:
                raise RequestError({"@class": f"must be one of {', '.join(f'.{known}' for known in self._handlers)}"})
            process = handler(body, caller)
            if isinstance(process, dict):
                return process
            if self._cloud_code is None or not runs_scripts:
                return process(lambda answer: answer)
            return self._answer_with_scripts(self._cloud_code, body, caller, process)
        except RequestError as error:
            return {**envelope(body), "error": error.fields}

    def _answer_with_scripts(self, cloud_code: CloudCode, body: JSON, caller: Caller, process: Process) -> JSON:
        def run(name: str, data: JSON) -> Outcome:
            outcome = cloud_code.run(name, Call(data, caller.player_id, _session_of(caller, body)), send)
            for level, text in outcome.log:
                log.log(getattr(logging, level.upper()), "%s: %s", name, text)
            return outcome

        def send(request: JSON, as_player: str | None, runs_scripts: bool) -> JSON:
            """A request of a script's own."""
            request = {"requestId": f"script {uuid.uuid4()}", **request}
            try:
                sender = self._caller_as(caller, as_player)
            except RequestError as error:
                return {**envelope(request), "error": error.fields}
            return self._answer(request, sender, runs_scripts)

        def finish(answer: JSON) -> JSON:
            answer = {**answer, "scriptData": {**set_on_request, **answer.get("scriptData", {})}}
            name = answer["@class"][1:]
            if cloud_code.has(name):
                outcome = run(name, answer)
                answer["scriptData"] |= outcome.script_data
                if outcome.error is not None:
                    answer["error"] = outcome.error
            return answer

        set_on_request: JSON = {}
        if cloud_code.has(request_name(body)):
            outcome = run(request_name(body), body)
            if outcome.error is not None:
                return {**envelope(body), "error": outcome.error, "scriptData": outcome.script_data}
            set_on_request = outcome.script_data
        return process(finish)

    def _caller_as(self, caller: Caller, player_id: str | None) -> Caller:
        """Who sends a script's request: the script's own caller, or another player, as over REST."""
        if player_id in (None, caller.player_id):
            return caller
        with self._store.transaction() as connection:
            if _players.player_with_id(connection, str(player_id)) is None:
                raise RequestError({"playerId": "UNRECOGNISED"})
            return Caller(_client_over_rest(connection, str(player_id), self._store.now()), player_id)

    def answer_over_rest(self, name: str, body: JSON) -> JSON:
        """The answer to a request whose name the path says."""
        try:
            if body.get("@class") != f".{name}":
                raise RequestError({"@class": f"must be .{name}"})
            caller = self._caller_over_rest(body)
        except RequestError as error:
            return {**envelope({**body, "@class": f".{name}"}), "error": error.fields}
        return self.answer(body, caller)

    def waiting_end(self, name: str, body: JSON) -> EndSessionRequest | None:
        """An end that waited on a disk, and says itself whose and how long it was: all that there is to do is to keep
        it. None for any other request. Does not block."""
        if name != "EndSessionRequest" or read_token(body) is not None or self._has_scripts(name):
            return None
        try:
            return parse_request(body)
        except RequestError:
            return None

    def _has_scripts(self, name: str) -> bool:
        code, response = self._cloud_code, f"{name.removesuffix('Request')}Response"
        return code is not None and (code.has(name) or code.has(response))

    def connect(self, body: JSON) -> tuple[Caller, JSON]:
        """A client that has shown to know the secret, on any worker: as who it was, if it says so rightly. And what it
        is told of that; one that is not told of its player forgets them."""
        token, said = read_token(body), read_text(body.get("sessionId"))
        with self._store.transaction() as connection:
            self._store.take_turn(connection)  # its session may just be ending by itself
            now = self._store.now()
            player_id = _players.player_of_token(connection, token) if token else None
            client = _players.find_client(connection, said) if said else None
            if client is None or client.player_id not in (None, player_id):
                client = _players.new_client(connection, player_id, now)
            client = _players.logged_in(connection, _players.playing(connection, client, now), player_id)
            _players.seen(connection, [client.id], now)
        known = {"authToken": token, "userId": player_id} if player_id else {}
        return Caller(client, player_id), {"sessionId": client.id, **known}

    def seen(self, clients: list[str]) -> None:
        """These were connected until now."""
        with self._store.transaction() as connection:
            _players.seen(connection, clients, self._store.now())

    def end_left(self, after: float, connected: list[str]) -> int:
        """End the sessions of clients that have been gone for `after` seconds, at the moment when they went; not of
        those that are `connected`. How many; of several workers each does a part."""
        with self._store.transaction() as connection:
            self._store.take_turn(connection)
            now = self._store.now()
            _players.seen(connection, connected, now)
            gone = _players.left(connection, now - round(after * 1e6), _AT_ONCE)
            for client, seen_at in gone:
                self._end_of_itself(connection, client, seen_at, "disconnect")
        return len(gone)

    def _end_of_itself(self, connection: Connection, client: Client, at: int, reason: str) -> Client:
        measured = replace(_by_our_clock(Measured(), client, at), reason=reason)
        end = EndSessionRequest(f"end of {client.session_id}", client.player_id, measured, {})
        self._store.record_within(connection, [(end, response(end))])
        return _players.ended(connection, client)

    def _caller_over_rest(self, body: JSON) -> Caller:
        token = read_token(body)
        if token is None:
            return Caller(player_id=read_text(body.get("playerId")))
        with self._store.transaction() as connection:
            player_id = _players.player_of_token(connection, token)
            if player_id is None:
                raise _NOBODY
            return Caller(_client_over_rest(connection, player_id, self._store.now()), player_id)

    # Logging in

    def _device_authentication(self, body: JSON, caller: Caller) -> Process:
        device, system = _texts(body, "deviceId", "deviceOS")
        shown = read_text(body.get("displayName")) or ""

        def process(finish: Finish) -> JSON:
            with self._store.transaction() as connection:
                player, new = _players.player_of_device(connection, f"{system} {device}", shown, self._store.now())
                answer = self._log_in(connection, body, caller, player, new)
            return finish(answer)

        return process

    def _registration(self, body: JSON, caller: Caller) -> Process:
        name, password = _texts(body, "userName", "password")
        shown = read_text(body.get("displayName")) or name

        def process(finish: Finish) -> JSON:
            hashed = self._passwords.hash(password)
            with self._store.transaction() as connection:
                player = _players.register(connection, name, hashed, shown, self._store.now())
                if player is None:
                    raise RequestError({"USERNAME": "TAKEN"})
                answer = self._log_in(connection, body, caller, player, True)
            return finish(answer)

        return process

    def _authentication(self, body: JSON, caller: Caller) -> Process:
        name, password = _texts(body, "userName", "password")

        def process(finish: Finish) -> JSON:
            player = self._player_with_password(name, password)
            with self._store.transaction() as connection:
                answer = self._log_in(connection, body, caller, player, False)
            return finish(answer)

        return process

    def _player_with_password(self, name: str, password: str) -> Player:
        with self._store.transaction() as connection:
            player = _players.player_named(connection, name)
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
        client = caller.client or _client_over_rest(connection, player.id, now)
        if client.player_id not in (None, player.id) and client.session_id is not None:
            client = self._end_of_itself(connection, client, now, "explicit")
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
        request = replace(parse_request(body), player_id=caller.player_id)
        with self._store.reading() as connection:
            first = self._store.first_answer(connection, request)
            if caller.client is not None:  # it may have another connection, or have ended by itself
                caller.client = _players.find_client(connection, caller.client.id)

        def process(finish: Finish) -> JSON:
            measured = self._measured(request, caller.client)
            answer = finish(response(measured))  # before it is kept: what a script makes of it is what a repeat gets
            with self._store.transaction() as connection:
                answer = self._store.record_within(connection, [(measured, answer)])[0]
                if caller.client is not None:
                    caller.client = _players.ended(connection, caller.client)
            return answer

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
            "owner": f"player {player_id}",
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
                player = _players.player_with_id(connection, player_id)
            shown = player.display_name if player else ""
            return finish({**envelope(body), "userId": player_id, "displayName": shown, "scriptData": {}})

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


_LOGINS = ("DeviceAuthenticationRequest", "RegistrationRequest", "AuthenticationRequest")


def read_token(body: JSON) -> str | None:
    """The `authToken` that came along. SDKs keep and send "0" where they have none."""
    token = read_text(body.get("authToken"))
    return None if token == "0" else token


def _session_of(caller: Caller, body: JSON) -> str | None:
    """The session that is played, or that the body is about."""
    if caller.client is not None:
        return caller.client.session_id
    data = body.get("scriptData")
    session = data.get("session") if isinstance(data, dict) else None
    return read_text(session.get("id")) if isinstance(session, dict) else None


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
        raise _NOBODY
    return caller.player_id


def _client_over_rest(connection: Connection, player_id: str, now: int) -> Client:
    """Where a player has one session at a time."""
    id = f"rest {player_id}"
    known = _players.find_client(connection, id)
    if known is None:
        return _players.new_client(connection, player_id, now, id)
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
