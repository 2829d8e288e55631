"""What answers have in common, whoever gives them: what is no delivery at all, when to come again, and which end of a
batch it is that a server will not have."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from .._base.messages import End
from ._protocol import Outcome, Pause, Rejected, Retry

if TYPE_CHECKING:
    from ._http import Answer

WORDS_LIMIT = 1000  # characters of a server's error that are kept
NOT_NOW = frozenset({408, 425, 429})  # statuses that say nothing about the end itself
TOO_LARGE = 413
SECRET_LENGTH = 4  # characters; of less, hiding them would hide everything


def undelivered(answer: Answer, check: str) -> Retry | Pause:
    """What an answer means that does not say, verifiably, what became of an end. `check`: what lets us in."""
    status = answer.status
    after = seconds(answer.retry_after, answer.date)
    if status in (401, 403):
        if json_object(answer.body) is None:
            whose = "a page that is not the server's (a portal's, a firewall's?)"
            return Retry(f"{whose} refuses us: HTTP {status}", after)
        return not_let_in(status, check)
    if 300 <= status < 400:
        return Retry(f"the endpoint redirects (HTTP {status}), which is not followed: set its final address")
    if 200 <= status < 300:
        return Retry("what answered is not the server, or broke off (a portal's page?)", after)
    # A body that is too large may be one end's, which must not hold up the others for ever.
    return Retry(f"the server answered HTTP {status}", after, server_error=status >= 500 or status == TOO_LARGE)


def not_let_in(status: int, check: str) -> Pause:
    return Pause(f"the server does not let us in (HTTP {status}): check {check}")


def refused(words: str, secrets: Sequence[str | None]) -> Rejected:
    """For good, in the server's own words, in which it may have repeated a secret."""
    for secret in secrets:
        if secret and len(secret) >= SECRET_LENGTH:
            words = words.replace(secret, "***").replace(json.dumps(secret)[1:-1], "***")
    return Rejected(words[:WORDS_LIMIT])


def json_value(body: bytes) -> Any:
    """The JSON that was answered; None if it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def json_object(body: bytes) -> dict[str, Any] | None:
    """The JSON object that was answered; None if it is none."""
    answer = json_value(body)
    return answer if isinstance(answer, dict) else None


def is_of_kind(answer: Answer, content_type: str) -> bool:
    return answer.headers.get("content-type", "").partition(";")[0].strip().lower() == content_type


def one_by_one(ends: Sequence[End], send: Callable[[Sequence[End]], list[Outcome] | None]) -> list[Outcome]:
    """What comes of each, where one end may have all of a request refused: that one is found by halving.

    `send` says None of several ends that were refused together, of which the server has kept none. Once something has
    to wait, the rest is not tried.
    """
    outcomes = send(ends)
    if outcomes is not None:
        return outcomes
    half = len(ends) // 2
    outcomes = one_by_one(ends[:half], send)
    for outcome in outcomes:
        if isinstance(outcome, (Retry, Pause)):
            return [*outcomes, *[outcome] * (len(ends) - half)]
    return [*outcomes, *one_by_one(ends[half:], send)]


def seconds(retry_after: str | None, date: str | None) -> float | None:
    """`Retry-After`, in seconds or as a date (RFC 9110), as seconds from now; None if it makes no sense.

    A date is measured against the server's own, since the player's clock may be years off.
    """
    if retry_after is None:
        return None
    try:
        wait = float(retry_after)
    except ValueError:
        then = _moment(retry_after)
        if then is None:
            return None
        wait = (then - (_moment(date) or datetime.now(timezone.utc))).total_seconds()
    return wait if 0 < wait < math.inf else None


def _moment(date: str | None) -> datetime | None:
    import email.utils  # costs 5 ms, for the rarest of answers

    try:
        moment = email.utils.parsedate_to_datetime(date or "")
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
