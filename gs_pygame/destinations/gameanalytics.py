"""GameAnalytics, collector API v2: `user` and `session_end` for each session, and `error` for one that crashed.

An end goes in a request of its own: of several, a refusal does not say which were kept. The collector drops no repeats,
so after a lost answer a session may be there twice. Written from GameAnalytics' documentation.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from .. import _address
from .._base.messages import End, EndSessionResponse
from . import _answers, _fields
from ._protocol import Delivered, Outcome, Pause, Retry

if TYPE_CHECKING:
    from ._http import Answer, Poster

SHORT = 32
"""Characters of a build's name."""

MESSAGE = 8192
"""Characters of an error's message."""

CLOCKS_AGREE = 10
"""Seconds by which the server's clock may be another than the player's, as the official SDKs have it."""

_SYSTEMS = {"win32": "windows", "darwin": "mac_osx"}  # sys.platform, where GameAnalytics has another word
_SDK = "rest api v2"


@dataclass(frozen=True)
class GameAnalytics:
    """`game_key` and `secret_key`: from the game's settings there. `endpoint`: for a trial, the one of their sandbox,
    https://sandbox-api.gameanalytics.com. Raises ConfigurationError.
    """

    game_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    endpoint: str = "https://api.gameanalytics.com"
    allow_insecure: bool = False
    name: str = "gameanalytics"
    batch_size: ClassVar[int] = 1

    def __post_init__(self) -> None:
        _fields.require_text("game_key", self.game_key)
        _fields.require_text("secret_key", self.secret_key)
        _address.require("endpoint", self.endpoint, None, self.allow_insecure)
        _fields.require_name(self.name)

    @cached_property
    def _collector(self) -> _Collector:
        return _Collector(self.endpoint, self.game_key, self.secret_key)

    def deliver(self, ends: Sequence[End]) -> list[Outcome]:
        return [self._deliver(end) for end in ends]

    def _deliver(self, end: End) -> Outcome:
        ahead = self._collector.ahead(_system_of(json.loads(end.about)))
        return self._collector.take(end, ahead) if isinstance(ahead, float) else ahead

    def close(self) -> None:
        if "_collector" in self.__dict__:
            self._collector.close()


class _Collector:
    """The collector of one game: its two addresses, and its clock."""

    def __init__(self, endpoint: str, game_key: str, secret_key: str) -> None:
        from ._http import Poster

        base, place = f"{endpoint.rstrip('/')}/v2/{quote(game_key, safe='')}", _address.place(endpoint)
        self._init = Poster(f"{base}/init", place)
        self._events = Poster(f"{base}/events", place)
        self._secrets = (secret_key, game_key)
        self._ahead: float | None = None

    def ahead(self, system: str) -> float | Retry | Pause:
        """Seconds by which its clock is ahead of the player's; asked once, until it is closed."""
        if self._ahead is not None:
            return self._ahead
        answer = self._post(self._init, {"platform": system, "os_version": f"{system} 0", "sdk_version": _SDK})
        if isinstance(answer, Retry):
            return answer
        said = _answers.json_object(answer.body) or {}
        at = said.get("server_ts")
        if not 200 <= answer.status < 300 or type(at) is not int or at <= 0:
            return self._undelivered(answer)
        if said.get("enabled") is False:
            return Pause("GameAnalytics has this game disabled")
        ahead = at - time.time()
        self._ahead = ahead if abs(ahead) >= CLOCKS_AGREE else 0.0
        return self._ahead

    def take(self, end: End, ahead: float) -> Outcome:
        answer = self._post(self._events, events_of(end, ahead))
        if isinstance(answer, Retry):
            return answer
        said = _answers.json_value(answer.body)
        if answer.status == 200 and _is_of_the_collector(said):
            return Delivered(EndSessionResponse(None))
        if answer.status == 400 and isinstance(said, (dict, list)) and said:
            return _answers.refused(json.dumps(said), self._secrets)
        return self._undelivered(answer)

    def _post(self, poster: Poster, value: object) -> Answer | Retry:
        """Packed, and signed as it is sent."""
        import base64
        import gzip
        import hashlib
        import hmac

        body = gzip.compress(json.dumps(value, separators=(",", ":")).encode(), mtime=0)
        signed = base64.b64encode(hmac.new(self._secrets[0].encode(), body, hashlib.sha256).digest()).decode()
        answer = poster.post(body, {"Authorization": signed, "Content-Encoding": "gzip"})
        poster.close()  # no answer says whose it is: another may follow it over that connection
        return answer

    def _undelivered(self, answer: Answer) -> Retry | Pause:
        return _answers.undelivered(answer, "game_key and secret_key")

    def close(self) -> None:
        self._ahead = None
        self._init.close()
        self._events.close()


def events_of(end: End, offset: float = 0.0) -> list[dict[str, Any]]:
    """What is sent of `end`. `offset`: seconds by which the server's clock is ahead."""
    about = json.loads(end.about)
    system = _system_of(about)
    shared = {
        "v": 2,
        "user_id": end.player_id,
        "sdk_version": _SDK,
        "platform": system,
        "os_version": f"{system} 0",
        "manufacturer": "unknown",
        "device": "unknown",
        "session_id": end.session_id,
        "session_num": end.number or 1,
        **({"build": str(about["appVersion"])[:SHORT]} if about.get("appVersion") else {}),
    }
    told = {"reason": end.reason, **({"app": str(about["app"])[:256]} if about.get("app") else {})}
    started, ended = int(end.started_at + offset), int(end.ended_at + offset)
    events = [
        {**shared, "category": "user", "client_ts": started},
        {
            **shared,
            "category": "session_end",
            "client_ts": ended,
            "length": round(end.active),
            "custom_fields": told,
        },
    ]
    if about.get("exception"):
        message = f"{about['exception']} {about.get('frame') or ''}".strip()[:MESSAGE]
        error = {"category": "error", "client_ts": ended, "severity": "critical", "message": message}
        events.insert(1, {**shared, **error})
    return events


def _system_of(about: dict[str, Any]) -> str:
    """Only what GameAnalytics knows is taken. Of the system's version nothing is told, but one is asked for: 0."""
    system = str(about.get("platform") or "linux")
    return _SYSTEMS.get(system, "linux")


def _is_of_the_collector(said: object) -> bool:
    """Whether this is JSON that complains of nothing. What else it holds is not documented; the connection is known by
    its certificate, and init by what it says."""
    if isinstance(said, dict):
        return not said.keys() & {"error", "errors"}
    return isinstance(said, list) and not said
