"""The way of a request, whichever way it came: who asks, the author's scripts before and after it, and its answer.

Blocking, since it asks the store and runs Cloud Code: called on a worker thread, never on the event loop.
"""

from __future__ import annotations

import logging
import uuid

from . import _metrics, _players
from ._cloud_code import Call, CloudCode, Outcome
from ._json import JSON
from ._pools import PASSWORD, SCRIPT
from ._protocol import EndSessionRequest, RequestError, parse_player_id, parse_request, read_text
from ._requests import HASHING, NOBODY, Caller, Process, Requests, client_over_rest, envelope, read_token, request_name
from ._store import Store

_AT_ONCE = 100  # sessions that end by themselves in one commit
log = logging.getLogger("gs_pygame.server.cloud_code")


class Dispatcher:
    """Answers requests. Any thread."""

    def __init__(self, store: Store, cloud_code: CloudCode | None = None) -> None:
        self._store = store
        self._cloud_code = cloud_code
        self._requests = Requests(store)
        self._handlers = self._requests.handlers

    def knows(self, name: str) -> bool:
        return name in self._handlers

    def answer(self, body: JSON, caller: Caller) -> JSON:
        """The answer to a decoded request. Logs `caller` in if it is a request to do so."""
        answer = self._answer(body, caller, runs_scripts=True)
        name = request_name(body)
        _metrics.answered(name if self.knows(name) else "other", "error" in answer)
        return answer

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
            _metrics.SCRIPTS.labels(name, "error" if outcome.error and "script" in outcome.error else "ok").inc()
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
            if _players.player_with_id(connection, caller.game, str(player_id)) is None:
                raise RequestError({"playerId": "UNRECOGNISED"})
            client = client_over_rest(connection, caller.game, str(player_id), self._store.now())
            return Caller(client, player_id, caller.game)

    def answer_over_rest(self, name: str, body: JSON, game: str = "") -> JSON:
        """The answer to a request whose name the path says, and whose game key and secret say."""
        try:
            if body.get("@class") != f".{name}":
                raise RequestError({"@class": f"must be .{name}"})
            caller = self._caller_over_rest(body, game)
        except RequestError as error:
            return {**envelope({**body, "@class": f".{name}"}), "error": error.fields}
        return self.answer(body, caller)

    def waiting_end(self, name: str, body: JSON, game: str = "") -> EndSessionRequest | None:
        """An end that waited on a disk, and says itself whose and how long it was: all that there is to do is to keep
        it. None for any other request. Does not block."""
        if name != "EndSessionRequest" or read_token(body) is not None or self._has_scripts(name):
            return None
        try:
            return parse_request(body, game)
        except RequestError:
            return None

    def kind_of(self, name: str) -> str | None:
        """Of `_pools`: what a request takes."""
        return PASSWORD if name in HASHING else SCRIPT if self._has_scripts(name) else None

    def _has_scripts(self, name: str) -> bool:
        code, response = self._cloud_code, f"{name.removesuffix('Request')}Response"
        return code is not None and (code.has(name) or code.has(response))

    def connect(self, body: JSON, game: str = "") -> tuple[Caller, JSON]:
        """A client that has shown to know the secret, on any worker: as who it was, if it says so rightly. And what it
        is told of that; one that is not told of its player forgets them."""
        token, said = read_token(body), read_text(body.get("sessionId"))
        with self._store.transaction() as connection:
            self._store.take_turn(connection)  # its session may just be ending by itself
            now = self._store.now()
            player_id = _players.player_of_token(connection, game, token) if token else None
            client = _players.find_client(connection, game, said) if said else None
            if client is None or client.player_id not in (None, player_id):
                client = _players.new_client(connection, game, player_id, now)
            client = _players.logged_in(connection, _players.playing(connection, client, now), player_id)
            _players.seen(connection, [client.id], now)
        known = {"authToken": token, "userId": player_id} if player_id else {}
        return Caller(client, player_id, game), {"sessionId": client.id, **known}

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
                self._requests.end_of_itself(connection, client, seen_at, "disconnect")
        return len(gone)

    def _caller_over_rest(self, body: JSON, game: str) -> Caller:
        token = read_token(body)
        if token is None:
            return Caller(player_id=parse_player_id(body), game=game)
        with self._store.transaction() as connection:
            player_id = _players.player_of_token(connection, game, token)
            if player_id is None:
                raise NOBODY
            return Caller(client_over_rest(connection, game, player_id, self._store.now()), player_id, game)


def _session_of(caller: Caller, body: JSON) -> str | None:
    """The session that is played, or that the body is about."""
    if caller.client is not None:
        return caller.client.session_id
    data = body.get("scriptData")
    session = data.get("session") if isinstance(data, dict) else None
    return read_text(session.get("id")) if isinstance(session, dict) else None
