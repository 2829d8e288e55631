"""PostHog: `POST /batch`, an event `session_end` for each end.

Its id, name, time and distinct_id are the same on every attempt, and PostHog makes one of such events. So no `sent_at`
goes along, by which PostHog would move the time a little each time. Written from PostHog's documentation.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar

from .. import _address
from .._base.messages import End, EndSessionResponse, to_rfc3339
from . import _answers, _fields
from ._protocol import Delivered, Outcome, Pause, Retry

if TYPE_CHECKING:
    from ._http import Answer, Poster

HISTORICAL = 48 * 3600.0
"""Seconds after which PostHog asks for events as a historical migration, past the limits that live ones have."""

_TAKEN = (1, "Ok")  # `status` of an answer, as it is documented, and as newer servers say it
_OF_POSTHOG = re.compile("api[ _]key|event|request|batch", re.IGNORECASE)  # each of its plain words has one of these


@dataclass(frozen=True)
class PostHog:
    """PostHog's cloud, or one of your own. `host`: https://us.i.posthog.com, https://eu.i.posthog.com or yours.

    `api_key`: the project's, which only writes. `person_profiles`: make a person of each player. Raises
    ConfigurationError.
    """

    api_key: str = field(repr=False)
    host: str = "https://us.i.posthog.com"
    person_profiles: bool = False
    allow_insecure: bool = False
    name: str = "posthog"
    batch_size: ClassVar[int] = 100

    def __post_init__(self) -> None:
        _fields.require_text("api_key", self.api_key)
        _address.require("host", self.host, None, self.allow_insecure)
        _fields.require_name(self.name)

    @cached_property
    def _poster(self) -> Poster:
        from ._http import Poster

        return Poster(f"{self.host.rstrip('/')}/batch/", _address.place(self.host))

    def deliver(self, ends: Sequence[End]) -> list[Outcome]:
        """Those of before HISTORICAL in requests of their own."""
        limit = time.time() - HISTORICAL
        outcomes: list[Outcome] = []
        first = 0
        while first < len(ends):
            old = ends[first].ended_at < limit
            last = first
            while last < len(ends) and (ends[last].ended_at < limit) is old:
                last += 1
            outcomes += _answers.one_by_one(ends[first:last], partial(self._deliver, historical=old))
            first = last
        return outcomes

    def _deliver(self, ends: Sequence[End], historical: bool) -> list[Outcome] | None:
        request: dict[str, Any] = {"api_key": self.api_key, "batch": [self._event_of(end) for end in ends]}
        if historical:
            request["historical_migration"] = True
        answer = self._poster.post(json.dumps(request, separators=(",", ":")).encode())
        self.close()  # no answer says whose it is: another may follow it over that connection
        if isinstance(answer, Retry):
            return [answer] * len(ends)
        said = _answers.json_object(answer.body)
        if answer.status == 200 and said is not None and said.get("status") in _TAKEN:
            if said.get("quota_limited"):
                return [Pause("PostHog's quota is used up, and it keeps no more")] * len(ends)
            return [Delivered(EndSessionResponse(None))] * len(ends)
        words = _words(answer, said)
        if words and answer.status == 401:
            return [_answers.not_let_in(answer.status, "api_key and host")] * len(ends)
        if words and answer.status == 400:
            return None if len(ends) > 1 else [_answers.refused(words, [self.api_key])]
        if answer.status == _answers.TOO_LARGE and len(ends) > 1:
            return None
        return [_answers.undelivered(answer, "api_key and host")] * len(ends)

    def _event_of(self, end: End) -> dict[str, Any]:
        return {
            "uuid": end.session_id,
            "event": "session_end",
            "distinct_id": end.player_id,
            "timestamp": to_rfc3339(end.ended_at),
            "properties": {
                **end.measured(),
                "scriptData": json.loads(end.script_data),
                "$session_id": session_id_of(end),
                "$process_person_profile": self.person_profiles,
                "$geoip_disable": True,  # where the player is, is nobody's business unless they say so
                "$lib": "gs_pygame",
            },
        }

    def close(self) -> None:
        if "_poster" in self.__dict__:
            self._poster.close()


def session_id_of(end: End) -> str:
    """The session's id as PostHog has them, a UUID version 7 whose time is that of the session's start; always the same
    for the same session. With it, your own events are in the same session there."""
    import hashlib

    moment = max(0, int(end.started_at * 1000)) & (2**48 - 1)
    rest = int.from_bytes(hashlib.sha256(end.session_id.encode()).digest()[:10], "big")
    bits = moment << 80 | 0x7 << 76 | (rest >> 68 & 0xFFF) << 64 | 0b10 << 62 | rest & (2**62 - 1)
    text = f"{bits:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _words(answer: Answer, said: dict[str, Any] | None) -> str:
    """What PostHog says is wrong, in JSON or in a line of plain text; "" if it is not PostHog that speaks."""
    if said is not None:
        return str(said.get("detail") or said.get("error") or said)
    text = answer.body.decode("utf-8", "replace").strip()
    plain = _answers.is_of_kind(answer, "text/plain") and "<" not in text
    return text if plain and _OF_POSTHOG.search(text) else ""
