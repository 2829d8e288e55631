"""Any address of yours: each end as JSON, signed by the Standard Webhooks convention (https://standardwebhooks.com).

Delivered is what the answer says is kept: by the id it echoes, or by what `delivered` knows it by. An address may hold
a secret, so it goes to `_http` and nowhere else.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .. import _address
from .._base.messages import End, EndSessionResponse, Erasure, to_rfc3339
from . import _answers, _fields
from ._protocol import Delivered, Outcome, Rejected, Retry

if TYPE_CHECKING:
    from ._http import Answer, Poster

VERSION = 1
"""Of the body. What is added to it is no new version; what is taken away or means something else is."""

BATCH_LIMIT = 1000
"""Ends in one request, at most: each may be 64 KB."""

_REFUSALS = frozenset({400, 409, 422})
_SECRET = "whsec_"
_KEY_LIMITS = range(24, 65)  # bytes, by the convention

Body = Callable[[End], Any]
"""What is sent of an end, instead of `message_of(end)`: anything that JSON has."""

IsDelivered = Callable[[End | Erasure, int, Mapping[str, str], bytes], bool]
"""Whether an answer, by its status, headers and body, says that this one is kept."""


@dataclass(frozen=True)
class Webhook:
    """Posts each end to `url`; with `batch` over 1, a list of at most so many.

    `headers`: sent along, for who asks for a key. `secret`: `whsec_` and base64; what is sent is signed with it.
    `body`: a function of an end, what is sent of it, instead of `message_of(end)`. `delivered`: how an answer is known
    that does not echo the id: by its status, the text that stands in one of its headers' lines or in its body,
    `{"201": "preference-applied: return=minimal"}`; or a function of the end and the answer's status, headers and body.
    A function must be a module's, so that the helper process can import it. Raises ConfigurationError.
    """

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)
    secret: str | None = field(default=None, repr=False)
    batch: int = 1
    body: Body | None = None
    delivered: Mapping[str, str] | IsDelivered | None = field(default=None, hash=False)
    allow_insecure: bool = False
    name: str = "webhook"

    def __post_init__(self) -> None:
        _address.require("url", self.url, None, self.allow_insecure)
        _fields.require_headers(self.headers)
        _fields.require_batch("batch", self.batch, BATCH_LIMIT)
        _fields.require_name(self.name)
        _fields.require("body", repr(self.body), self.body is None or callable(self.body), "a function of an end")
        _require_marks(self.delivered)
        if self.secret is not None:
            _key_of(self.secret)

    @property
    def batch_size(self) -> int:
        return self.batch

    @cached_property
    def _poster(self) -> Poster:
        from ._http import Poster

        return Poster(self.url, _address.place(self.url))

    def deliver(self, ends: Sequence[End]) -> list[Outcome]:
        return _answers.one_by_one(ends, self._deliver)

    def _deliver(self, ends: Sequence[End]) -> list[Outcome] | None:
        try:
            sent = [(self.body or message_of)(end) for end in ends]
            body = _json(sent if self.batch > 1 else sent[0])
        except Exception as error:  # noqa: BLE001 - it is the game's function, and says nothing about the others' ends
            why = f"the webhook's body raised {type(error).__name__}"
            return [Retry(why, server_error=True)] if len(ends) == 1 else None
        return self._post({end.request_id: end for end in ends}, body)

    def erase(self, erasure: Erasure) -> Outcome:
        """A message `session.erase`. Not to a receiver that has a `body` of its own, and would take it for an end."""
        if self.body is not None:
            return Rejected("a webhook that has a body of its own is not told to erase: see to it yourself")
        message = erasure_of(erasure)
        outcomes = self._post({erasure.id: erasure}, _json([message] if self.batch > 1 else message))
        return outcomes[0] if outcomes else Retry("the server refused it")

    def close(self) -> None:
        if "_poster" in self.__dict__:
            self._poster.close()

    def _post(self, items: Mapping[str, End | Erasure], body: bytes) -> list[Outcome] | None:
        """What comes of each. None of several that were refused together."""
        answer = self._poster.post(body, self._headers(list(items), body))
        if isinstance(answer, Retry):
            return [answer] * len(items)
        kept, errors = _named_by(answer)
        if any(each in kept or each in errors for each in items):
            return self._told(answer, items, kept, errors)
        self.close()  # whatever else comes over that connection may still belong to these
        if len(items) > 1 and self._is_refusal(answer.status):
            return None
        return [self._known(answer, item) for item in items.values()]

    def _is_refusal(self, status: int) -> bool:
        """Of all together, by a server that would keep each of the others."""
        marked = isinstance(self.delivered, Mapping) and str(status) in self.delivered
        return status == _answers.TOO_LARGE or (status in _REFUSALS and (marked or callable(self.delivered)))

    def _told(self, answer: Answer, items: Iterable[str], kept: set[str], errors: dict[str, str]) -> list[Outcome]:
        """By an answer that names those it is about."""
        decides = answer.status < 500 and answer.status not in _answers.NOT_NOW
        secrets = [self.secret, self.url, urlsplit(self.url).path, *self.headers.values()]
        outcomes: list[Outcome] = []
        for each in items:
            if each in errors and decides:
                outcomes.append(_answers.refused(errors[each], secrets))
            elif each in kept and 200 <= answer.status < 300:
                outcomes.append(Delivered(EndSessionResponse(None)))
            else:
                outcomes.append(self._undelivered(answer))
        return outcomes

    def _known(self, answer: Answer, item: End | Erasure) -> Outcome:
        """By an answer that names nobody."""
        try:
            kept = self._is_delivered(answer, item)
        except Exception as error:  # noqa: BLE001 - it is the game's function
            return Retry(f"the webhook's delivered raised {type(error).__name__}", server_error=True)
        return Delivered(EndSessionResponse(None)) if kept else self._undelivered(answer)

    def _is_delivered(self, answer: Answer, item: End | Erasure) -> bool:
        if callable(self.delivered):
            return bool(self.delivered(item, answer.status, answer.headers, answer.body))
        mark = (self.delivered or {}).get(str(answer.status))
        if mark is None:
            return False
        lines = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
        return mark.lower() in lines.lower() or mark.encode() in answer.body

    def _undelivered(self, answer: Answer) -> Outcome:
        return _answers.undelivered(answer, "secret and headers")

    def _headers(self, ids: list[str], body: bytes) -> dict[str, str]:
        """By the convention; a repeat has the same id, and a time and a signature of its own."""
        message_id = ids[0] if self.batch == 1 else _batch_id(ids)
        at = str(int(time.time()))
        signed = {} if self.secret is None else {"webhook-signature": _signature(self.secret, message_id, at, body)}
        ours = {"webhook-id": message_id, "webhook-timestamp": at, **signed, "Idempotency-Key": message_id}
        return {**self.headers, **ours}


def message_of(end: End) -> dict[str, Any]:
    """What is sent of `end`, version 1."""
    return {
        "type": "session.end",
        "version": VERSION,
        "id": end.request_id,
        "timestamp": to_rfc3339(end.ended_at),
        "data": {
            "playerId": end.player_id,
            "session": end.measured(),
            "scriptData": json.loads(end.script_data),
        },
    }


def erasure_of(erasure: Erasure) -> dict[str, Any]:
    """What is sent of `erasure`, version 1."""
    return {
        "type": "session.erase",
        "version": VERSION,
        "id": erasure.id,
        "timestamp": to_rfc3339(erasure.requested_at),
        "data": {"installationId": erasure.installation_id, "playerIds": list(erasure.player_ids)},
    }


def _named_by(answer: Answer) -> tuple[set[str], dict[str, str]]:
    """The ids that an answer names: those it has kept, and what is wrong with those it refuses. Of {"id": ...} and its
    "error", or of {"ids": [...], "errors": {id: ...}}."""
    found = _answers.json_object(answer.body) or {}
    ids, errors = found.get("ids"), found.get("errors")
    kept = {each for each in ids if isinstance(each, str)} if isinstance(ids, list) else set()
    wrong = {each: _words(error) for each, error in errors.items()} if isinstance(errors, dict) else {}
    one = found.get("id")
    if isinstance(one, str):
        if found.get("error"):
            wrong[one] = _words(found["error"])
        else:
            kept.add(one)
    return kept, wrong


def _words(error: object) -> str:
    return error if isinstance(error, str) else json.dumps(error)


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _batch_id(ids: list[str]) -> str:
    """The same for the same ends."""
    import hashlib

    return f"b_{hashlib.sha256(' '.join(ids).encode()).hexdigest()[:32]}"


def _signature(secret: str, message_id: str, at: str, body: bytes) -> str:
    import base64
    import hashlib
    import hmac

    signed = hmac.new(_key_of(secret), f"{message_id}.{at}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(signed.digest()).decode()}"


def _key_of(secret: object) -> bytes:
    """Raises ConfigurationError, which does not repeat it."""
    import base64

    key = b""
    if isinstance(secret, str) and secret.startswith(_SECRET):
        with suppress(ValueError):
            key = base64.b64decode(secret[len(_SECRET) :], validate=True)
    allowed = f"{_SECRET} and {_KEY_LIMITS[0]} to {_KEY_LIMITS[-1]} bytes in base64, as Standard Webhooks has it"
    _fields.require("secret", "none that a webhook can be signed with", len(key) in _KEY_LIMITS, allowed)
    return key


def _require_marks(delivered: object) -> None:
    marks = delivered if isinstance(delivered, Mapping) else {}
    ok = all(str(status).isdecimal() and isinstance(mark, str) and mark.strip() for status, mark in marks.items())
    allowed = 'what an answer is known by that a portal\'s page would not have, {"201": "text in it"}, or a function'
    known = delivered is None or callable(delivered) or isinstance(delivered, Mapping)
    _fields.require("delivered", repr(delivered), ok and known, allowed)
