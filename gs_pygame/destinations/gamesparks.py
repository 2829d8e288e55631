"""GameSparks over REST: `POST {endpoint}/rs/{credential}/{secret}/EndSessionRequest`.

The secret is in the path, so the URL goes to `_http` and nowhere else. Importing this module is cheap; what sends is
imported at the first delivery.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from urllib.parse import quote

from .. import _address
from .._base.messages import End, EndSessionResponse, Erasure
from ._answers import NOT_NOW, WORDS_LIMIT, json_object, seconds, undelivered
from ._protocol import Delivered, Outcome, Pause, Rejected, Retry

if TYPE_CHECKING:
    from ._http import Answer, Poster

NO_SECRET = "none"
"""Stands in the path where no secret is set; `gs-pygame serve` without GS_PYGAME_SECRET takes any."""

DEPTH_LIMIT = 100  # levels of a server's scriptData that are kept; Python reads deeper JSON than it writes
DURATION_LIMIT = 2**63  # the official SDKs type sessionDuration as a long

_RESPONSE_CLASS = ".EndSessionResponse"
_NOT_LET_IN = re.compile("(not|un)[ _-]?authori", re.IGNORECASE)
_LATER = re.compile(
    "maintenance|time[ _-]?out|timed[ _-]?out|throttl|busy|overload|unavailable|rate[ _-]?limit|too[ _-]many|try again",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class GameSparks:
    """The default destination: a server that speaks GameSparks' REST, such as `gs-pygame serve`.

    `endpoint`: https unless the server is on this computer or `allow_insecure` is set; `{api_key}` in it is filled in.
    `duration_unit`: that of the server's `sessionDuration`, "ms" or "s". Raises ConfigurationError.
    """

    endpoint: str = field(repr=False)
    secret: str | None = field(default=None, repr=False)
    credential: str = "device"
    duration_unit: Literal["ms", "s"] = "ms"
    api_key: str | None = field(default=None, repr=False)
    allow_insecure: bool = False
    name: str = "gamesparks"
    batch_size: ClassVar[int] = 1

    def __post_init__(self) -> None:
        _address.require("endpoint", self.endpoint, self.api_key, self.allow_insecure)

    @cached_property
    def _poster(self) -> Poster:
        return self._poster_of("EndSessionRequest")

    def _poster_of(self, request: str) -> Poster:
        from ._http import Poster

        endpoint = _address.marked(self.endpoint, self.api_key)
        path = f"rs/{quote(self.credential, safe='')}/{quote(self.secret or NO_SECRET, safe='')}/{request}"
        return Poster(f"{_address.filled(endpoint).rstrip('/')}/{path}", _address.place(endpoint))

    def deliver(self, ends: Sequence[End]) -> list[Outcome]:
        return [self._deliver(end) for end in ends]

    def _deliver(self, end: End) -> Outcome:
        answer = self.post(request_of(end))
        if isinstance(answer, Retry):
            return answer
        if not _echoes(json_object(answer.body), end.request_id):
            self.close()  # whatever else comes over that connection may still belong to this end
        return self.outcome_of(answer, end.request_id)

    def post(self, request: dict[str, Any]) -> Answer | Retry:
        """What the server says to `request`; Retry if it says nothing."""
        return self._poster.post(json.dumps(request).encode())

    def erase(self, erasure: Erasure) -> Outcome:
        """`ErasureRequest`, which `gs-pygame serve` knows; GameSparks had none."""
        request = {"@class": ".ErasureRequest", "requestId": erasure.id, "installationId": erasure.installation_id}
        with closing(self._poster_of("ErasureRequest")) as poster:
            answer = poster.post(json.dumps(request).encode())
        return answer if isinstance(answer, Retry) else self.outcome_of(answer, erasure.id)

    def close(self) -> None:
        if "_poster" in self.__dict__:
            self._poster.close()

    def outcome_of(self, answer: Answer, request_id: str) -> Outcome:
        """What the server's answer to the request of that id means."""
        status = answer.status
        after = seconds(answer.retry_after, answer.date)
        found = json_object(answer.body)
        said = found if status not in (401, 403) and _verifies(found, request_id, answer.first) else None
        if said is not None and status < 500 and status not in NOT_NOW:
            if said.get("error"):
                return self._refused(json.dumps(said["error"]), after)
            if 200 <= status < 300:
                return Delivered(self._response_of(said))
        if 200 <= status < 300 and not answer.first and _verifies(found, request_id, True):
            return Retry("the answer does not say which end it is for: asked again over another connection", after)
        return undelivered(answer, "secret, credential and api_key")

    def _refused(self, words: str, after: float | None) -> Outcome:
        """The server's own error, in which it may have repeated the secret."""
        not_let_in, later = _NOT_LET_IN.search(words), _LATER.search(words)
        if later and not not_let_in:  # like a server error: it may be about this end alone, and for ever
            return Retry(f"the server says not now ({later.group().lower()})", after, server_error=True)
        secret = self.secret or NO_SECRET
        for hidden in (json.dumps(secret)[1:-1], quote(secret, safe="")):
            words = words.replace(hidden, "***")
        words = words[:WORDS_LIMIT]
        return Pause(f"the server does not let us in: {words}") if not_let_in else Rejected(words)

    def _response_of(self, said: dict[str, Any]) -> EndSessionResponse:
        duration, script_data = said.get("sessionDuration"), said.get("scriptData")
        unit = 1000 if self.duration_unit == "s" else 1
        scaled = duration * unit if isinstance(duration, (int, float)) else math.nan
        return EndSessionResponse(
            round(scaled) if 0 <= scaled < DURATION_LIMIT else None,
            script_data if isinstance(script_data, dict) and _is_plain(script_data) else {},
        )


def request_of(end: End) -> dict[str, Any]:
    """The body of the request for `end`."""
    return {
        "@class": ".EndSessionRequest",
        "requestId": end.request_id,
        "playerId": end.player_id,
        "scriptData": {**json.loads(end.script_data), "session": end.measured()},
    }


def _echoes(answer: dict[str, Any] | None, request_id: str) -> bool:
    return answer is not None and answer.get("requestId") == request_id


def _verifies(answer: dict[str, Any] | None, request_id: str, first: bool) -> bool:
    """Whether this is the server's answer to this very request: it echoes our requestId, or has none at all and carries
    the response's @class, and can be the answer to no other."""
    if answer is None or answer.get("requestId") is not None:
        return _echoes(answer, request_id)
    return first and answer.get("@class") == _RESPONSE_CLASS


def _is_plain(value: dict[str, Any]) -> bool:
    """Whether a game can keep, show and send on `value`: Python reads NaN, endless numbers and halves of surrogate
    pairs, of which others know nothing."""
    if _deeper_than(DEPTH_LIMIT, value):
        return False
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except ValueError:
        return False
    return True


def _deeper_than(limit: int, value: dict[str, Any]) -> bool:
    """Whether objects and arrays nest deeper than `limit` in `value`; itself an object, it is the first level."""
    containers: list[Any] = [value]
    for _ in range(limit):
        inner = [child for box in containers for child in (box.values() if isinstance(box, dict) else box)]
        containers = [child for child in inner if isinstance(child, (dict, list))]
    return bool(containers)
