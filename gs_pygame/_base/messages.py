"""What is said: the session as a game sees it, the end as the outbox keeps it, the answer as a server gives it.

Names on the wire follow GameSparks (`EndSessionRequest`, `scriptData`, `sessionDuration`, `requestId`).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Literal, TypeGuard

from .._version import __version__

Reason = Literal["background", "quit", "crash", "abnormal", "suspend", "explicit"]
"""Why a session ended. `abnormal`: the process died and a later start found out (the word is Sentry's)."""

Consent = Literal["granted", "pending", "denied"]
"""What the player lets us do: keep and send, keep, neither."""

JSON = dict[str, Any]

SCRIPT_DATA_LIMIT = 64 * 1024
"""Bytes of JSON that a game may send along with an end; GameSparks took requests of at most 256 KB."""


_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_LAST = 253402300799.0  # the last second of the year 9999


def to_datetime(wall: float) -> datetime:
    """Unix time in seconds as an aware UTC datetime, clamped to the years a datetime can hold.

    Counted from 1970 on, since Windows' own calendar ends with the year 3000 (`gmtime`, and so `fromtimestamp`).
    """
    return _EPOCH + timedelta(seconds=min(max(0.0, wall), _LAST))


def to_rfc3339(wall: float) -> str:
    """Unix time in seconds as RFC 3339 in UTC with milliseconds, the form the wire uses."""
    return to_datetime(wall).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def is_text(value: object) -> TypeGuard[str]:
    """A string that UTF-8, and so SQLite, can hold: no half of a surrogate pair."""
    return isinstance(value, str) and value != "" and not any("\ud800" <= letter <= "\udfff" for letter in value)


def dump_script_data(value: object) -> str:
    """`value` as compact JSON.

    Raises ValueError, in words for a game's author, if it is no JSON object, holds the reserved key `session`,
    or is over SCRIPT_DATA_LIMIT.
    """
    if not isinstance(value, Mapping):
        raise ValueError(f"script_data must be a dictionary, not {type(value).__name__}")
    if "session" in value:
        raise ValueError('script_data must not hold the key "session": the plugin\'s own measurements travel there')
    try:
        text = json.dumps(dict(value), separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"script_data must be JSON (strings, numbers, lists, dictionaries): {error}") from None
    if len(text) > SCRIPT_DATA_LIMIT:  # json.dumps escapes to ASCII: characters are bytes
        raise ValueError(f"script_data is {len(text)} bytes of JSON; at most {SCRIPT_DATA_LIMIT} are allowed")
    return text


@dataclass(frozen=True, slots=True)
class Session:
    """A snapshot of a session.

    `number` and `previous_id` are None while the outbox could not be reached. `active` is in seconds.
    `grace_left` is in seconds and None unless the player is away; `ended_at` and `reason` are None unless it has ended.
    """

    id: str
    number: int | None
    previous_id: str | None
    state: Literal["active", "away", "ended"]
    started_at: datetime
    active: float
    grace_left: float | None = None
    ended_at: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class DestinationStatus:
    """What one destination has got, and what is still to go there. `dropped`: ends that were over the outbox's bounds
    before it had them. `online` is None until something was tried.
    """

    ready: int = 0
    delivered: int = 0
    rejected: int = 0
    dropped: int = 0
    online: bool | None = None
    last_error: str | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """The state of the queue, and what became of this installation's sessions: started = ended + open ones, ended =
    waiting + ready + rejected + delivered + dropped.

    `dropped` is by cause: `full` (over the outbox's bounds), `damage` (could not be read any more), `pending` (the
    player had not chosen for 30 days), `consent` (erased by a denial; they belong to the installations before it).
    `online` is None until something was tried; `oldest`: when the oldest end happened. `destinations`: by their names.
    With several, an end is `ready` until all of them have settled it, `delivered` when all have it, and `rejected` when
    one of them refused it.
    """

    started: int = 0
    ended: int = 0
    waiting: int = 0
    ready: int = 0
    rejected: int = 0
    delivered: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    online: bool | None = None
    durable: bool = False
    last_error: str | None = None
    oldest: datetime | None = None
    destinations: dict[str, DestinationStatus] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class End:
    """An ended session as it lies in the outbox: all a destination needs, and nothing that can change later."""

    session_id: str
    number: int | None
    previous_id: str | None
    installation_id: str
    player_id: str
    started_at: float  # Unix time, seconds
    active: float  # seconds
    wall: float  # seconds from start to end, on the elapsed clock
    reason: str
    script_data: str  # JSON
    about: str  # JSON: app, appVersion, sdk, platform, python, pygame of the run that played it
    counters: str | None = None  # JSON: started, ended, delivered, rejected, dropped when the player left

    @property
    def request_id(self) -> str:
        """The same for every attempt, and for everyone who might deliver this end (`d_` marks durable requests)."""
        return f"d_{self.session_id}"

    @property
    def ended_at(self) -> float:
        """Unix time in seconds; start + elapsed, so that no changed wall clock can put it before the start."""
        return self.started_at + self.wall

    def measured(self) -> JSON:
        """What the client measured: `scriptData.session` on the wire."""
        return {
            "id": self.session_id,
            "previousId": self.previous_id,
            "number": self.number,
            "installationId": self.installation_id,
            "startedAt": to_rfc3339(self.started_at),
            "endedAt": to_rfc3339(self.ended_at),
            "activeMs": round(self.active * 1000),
            "wallMs": round(self.wall * 1000),
            "reason": self.reason,
            **({"counters": json.loads(self.counters)} if self.counters else {}),
            **json.loads(self.about),
        }

    def snapshot(self) -> Session:
        """This end as the Session that `on_delivered` is given."""
        return Session(
            id=self.session_id,
            number=self.number,
            previous_id=self.previous_id,
            state="ended",
            started_at=to_datetime(self.started_at),
            active=self.active,
            ended_at=to_datetime(self.ended_at),
            reason=self.reason,
        )


@dataclass(frozen=True, slots=True)
class Erasure:
    """What a player wants forgotten: `installation_id`, and all that was sent under it for any of `player_ids`."""

    id: str
    installation_id: str
    player_ids: tuple[str, ...]
    requested_at: float  # Unix time, seconds


@dataclass(frozen=True, slots=True)
class EndSessionResponse:
    """A server's verified answer. `session_duration` is in milliseconds, None if the server gave none."""

    session_duration: int | None
    script_data: JSON = field(default_factory=dict)

    def to_json(self) -> str:
        return json.dumps({"sessionDuration": self.session_duration, "scriptData": self.script_data})

    @classmethod
    def from_json(cls, text: str) -> EndSessionResponse:
        value = json.loads(text)
        return cls(value["sessionDuration"], value["scriptData"])


def about_json(app: str | None, app_version: str | None, pygame: str) -> str:
    """What a session's end says of the game and the machine it was played on."""
    about = {
        "app": app,
        "appVersion": app_version,
        "sdk": f"gs_pygame {__version__}",
        "platform": sys.platform,
        "python": ".".join(map(str, sys.version_info[:3])),
        "pygame": pygame,
    }
    return json.dumps(about, separators=(",", ":"))
