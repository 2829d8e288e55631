"""The wire of EndSessionRequest: JSON to checked values, and back. Pure: no I/O, no clock.

Names follow GameSparks. What the client measured travels in `scriptData.session` (this project's convention); it is
optional, and a part of it that is ill-typed is dropped alone: a server must not lose an end over a detail of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ._json import JSON
from ._times import format_micros, in_utc

MAX_BODY = 256 * 1024
"""Bytes of a request; GameSparks' own limit."""

_REQUEST_CLASS = ".EndSessionRequest"
_RESPONSE_CLASS = ".EndSessionResponse"
_MAX_REQUEST_ID = 128  # characters; it is a database key
_MAX_ID = 255  # characters of any other id; PostgreSQL's indexes take 2,700 bytes, two of them and a requestId
_MAX_MS = 100 * 365 * 24 * 3600 * 1000  # a hundred years; no play is longer, and sums stay within 64 bits
_MAX_NUMBER = 2**53  # beyond it JSON's readers disagree about integers
_MAX_CAUSES = 32  # a client knows a handful
_MAX_CAUSE = 64  # characters
_UNKEEPABLE = re.compile("[\0\ud800-\udfff]")


class RequestError(ValueError):
    """The body is a JSON object, but no valid request. `fields` maps each field at fault to what it must be."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name} {what}" for name, what in fields.items()))
        self.fields = dict(fields)


@dataclass(frozen=True, slots=True)
class Measured:
    """`scriptData.session`: what the client measured. None where it said nothing valid. Times are RFC 3339, UTC, ms."""

    id: str | None = None
    previous_id: str | None = None
    number: int | None = None
    installation_id: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    active_ms: int | None = None
    wall_ms: int | None = None
    reason: str | None = None
    app: str | None = None
    app_version: str | None = None
    platform: str | None = None
    python: str | None = None
    pygame: str | None = None
    sdk: str | None = None


@dataclass(frozen=True, slots=True)
class EndSessionRequest:
    """A valid request. `script_data` is whole, with its `session` part as it came. `game`: the server's name for the
    game whose key and secret it came with, if it has names for them."""

    request_id: str
    player_id: str | None
    session: Measured
    script_data: JSON
    game: str | None = None

    @property
    def owner(self) -> str:
        """Whose requestId it is: of the player or, unknown, of the installation. Those of an SDK are unique for no
        more than that (two clients that start in the same second count from 0)."""
        who = f"player {self.player_id}" if self.player_id else f"installation {self.session.installation_id}"
        return f"{who} of {self.game}" if self.game else who

    @property
    def title(self) -> str | None:
        """The game that it is listed under."""
        return self.game or self.session.app

    @property
    def counters(self) -> JSON | None:
        """As they came; see counters_of()."""
        counters = self._measured("counters")
        return counters if isinstance(counters, dict) else None

    def crash(self, name: str) -> str | None:
        """The exception's type (`exception`), or where in the game it came up (`frame`), if that came along."""
        value = self._measured(name)
        return value if isinstance(value, str) else None

    def _measured(self, name: str) -> object:
        measured = self.script_data.get("session")
        return measured.get(name) if isinstance(measured, dict) else None


@dataclass(frozen=True, slots=True)
class Counters:
    """`scriptData.session.counters`: what had become of an installation's sessions when an end was written down, that
    end being `ended` and not yet `delivered`. Where the client said nothing valid, nothing is accounted for.
    """

    started: int | None = None
    ended: int | None = None
    delivered: int | None = None
    rejected: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)  # by cause

    @property
    def open(self) -> int:
        """Sessions still played."""
        return 0 if self.started is None or self.ended is None else max(0, self.started - self.ended)

    @property
    def queued(self) -> int:
        """Ends yet to be sent, without the one that brings the news."""
        if self.ended is None or self.delivered is None:
            return 0
        return max(0, self.ended - self.delivered - self.rejected - sum(self.dropped.values()) - 1)

    @property
    def accounted(self) -> int:
        """Sessions that the client knows the server not to have."""
        return self.open + self.queued + self.rejected + sum(self.dropped.values())


def parse_request(body: JSON, game: str | None = None) -> EndSessionRequest:
    """Check a decoded body of `game`. Raises RequestError naming every field that is wrong."""
    wrong: dict[str, str] = {}
    if body.get("@class") != _REQUEST_CLASS:
        wrong["@class"] = f"must be {_REQUEST_CLASS}"
    request_id = read_text(body.get("requestId"))
    if request_id is None or len(request_id) > _MAX_REQUEST_ID:
        wrong["requestId"] = f"must be a string of 1 to {_MAX_REQUEST_ID} characters"
    player_id: str | None = None
    script_data: JSON = {}
    try:
        player_id = parse_player_id(body)
    except RequestError as error:
        wrong |= error.fields
    try:
        script_data = parse_script_data(body)
    except RequestError as error:
        wrong |= error.fields
    if wrong or request_id is None:
        raise RequestError(wrong)
    measured = script_data.get("session")
    session = _measured(measured) if isinstance(measured, dict) else Measured()
    return EndSessionRequest(request_id, player_id, session, script_data, game or None)


def parse_player_id(body: JSON) -> str | None:
    """Whose any request is, if it says so. Raises RequestError."""
    player_id = read_text(body.get("playerId"))
    if player_id is not None and len(player_id) > _MAX_ID:
        raise RequestError({"playerId": f"must have at most {_MAX_ID} characters"})
    return player_id


def parse_script_data(body: JSON) -> JSON:
    """The script data of any request. Raises RequestError."""
    value = body.get("scriptData")
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RequestError({"scriptData": "must be an object"})
    return value


def response(request: EndSessionRequest) -> JSON:
    """The answer to a valid request. `sessionDuration` (ms) is the client's active time: an end that waited offline
    for a week has no other truth; without it the field is left out."""
    answer: JSON = {"@class": _RESPONSE_CLASS, "requestId": request.request_id}
    if request.session.active_ms is not None:
        answer["sessionDuration"] = request.session.active_ms
    return {**answer, "scriptData": {}}


def session_item(request: EndSessionRequest, received_at: int) -> JSON:
    """One element of `GET /sessions`. `received_at` is in microseconds since 1970."""
    session = request.session
    return {
        "id": session.id,
        "previousId": session.previous_id,
        "number": session.number,
        "installationId": session.installation_id,
        "playerId": request.player_id,
        "startedAt": session.started_at,
        "endedAt": session.ended_at,
        "activeMs": session.active_ms,
        "wallMs": session.wall_ms,
        "reason": session.reason,
        "receivedAt": format_micros(received_at),
        "requestId": request.request_id,
        "scriptData": own_data(request),
        "game": request.title,
        "app": session.app,
        "appVersion": session.app_version,
        "platform": session.platform,
        "python": session.python,
        "pygame": session.pygame,
        "sdk": session.sdk,
        "counters": request.counters,
        "exception": request.crash("exception"),
        "frame": request.crash("frame"),
    }


def own_data(request: EndSessionRequest) -> JSON:
    """The player's own script data: all but the `session` part."""
    return {name: value for name, value in request.script_data.items() if name != "session"}


def counters_of(request: EndSessionRequest) -> Counters | None:
    """The counters that came along. None if there were none."""
    counters = request.counters
    if counters is None:
        return None
    return Counters(
        started=_count(counters.get("started")),
        ended=_count(counters.get("ended")),
        delivered=_count(counters.get("delivered")),
        rejected=_count(counters.get("rejected")) or 0,
        dropped=_causes(counters.get("dropped")),
    )


def _measured(value: JSON) -> Measured:
    return Measured(
        id=_id(value.get("id")),
        previous_id=_id(value.get("previousId")),
        number=_integer(value.get("number"), 1, _MAX_NUMBER),
        installation_id=_id(value.get("installationId")),
        started_at=in_utc(value.get("startedAt")),
        ended_at=in_utc(value.get("endedAt")),
        active_ms=_integer(value.get("activeMs"), 0, _MAX_MS),
        wall_ms=_integer(value.get("wallMs"), 0, _MAX_MS),
        reason=read_text(value.get("reason")),
        app=read_text(value.get("app")),
        app_version=read_text(value.get("appVersion")),
        platform=read_text(value.get("platform")),
        python=read_text(value.get("python")),
        pygame=read_text(value.get("pygame")),
        sdk=read_text(value.get("sdk")),
    )


def read_text(value: object) -> str | None:
    """A non-empty string that any database takes (no NUL, no half of a surrogate pair), or None."""
    return value if isinstance(value, str) and value and _UNKEEPABLE.search(value) is None else None


def _id(value: object) -> str | None:
    """A text that can be a key, or None."""
    text = read_text(value)
    return text if text is not None and len(text) <= _MAX_ID else None


def _integer(value: object, least: int, most: int) -> int | None:
    """A whole number within the bounds, or None. 3.0 is whole: JSON has one kind of number."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and least <= value <= most else None


def _count(value: object) -> int | None:
    return _integer(value, 0, _MAX_NUMBER)


def _causes(value: object) -> dict[str, int]:
    """The valid counts by their causes."""
    counts = ((read_text(cause), _count(count)) for cause, count in value.items()) if isinstance(value, dict) else ()
    valid = [(cause, count) for cause, count in counts if cause and len(cause) <= _MAX_CAUSE and count]
    return dict(valid[:_MAX_CAUSES])


SESSION_ITEM = tuple(session_item(EndSessionRequest("", None, Measured(), {}), 0))
"""The names in it, in their order, which stay: new ones come last."""
