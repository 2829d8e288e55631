"""What `GET /sessions` is asked for: the words of an address to a checked query, and what comes after its last session.

Pure: no I/O, no clock.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from ._protocol import read_text
from ._times import format_micros, parse_micros

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000

FORMATS = ("json", "jsonl", "csv")
ORDERS = ("oldest", "newest")
_TEXTS = ("game", "player", "reason", "version", "platform")
_TIMES = ("from", "to", "after", "before")
_NAMES = (*_TEXTS, *_TIMES, "order", "limit", "format")
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class QueryError(ValueError):
    """The message is a sentence for whoever asked."""


@dataclass(frozen=True, slots=True)
class Query:
    """Sessions of this game, player, reason, version and platform, where one is given, that were received from `since`
    on and before `until` (microseconds since 1970); `limit` at most, oldest first or newest first."""

    game: str | None = None
    player: str | None = None
    reason: str | None = None
    version: str | None = None
    platform: str | None = None
    since: int | None = None
    until: int | None = None
    newest_first: bool = False
    limit: int = DEFAULT_LIMIT


def parse_query(words: Mapping[str, str]) -> Query:
    """Raises QueryError."""
    for name in words:
        if name not in _NAMES:
            raise QueryError(f"There is no {name!r} here, but {', '.join(_NAMES)}.")
    times = {name: _time(name, words[name]) for name in _TIMES if name in words}
    froms = [time for time in (times.get("from"), _next(times.get("after"))) if time is not None]
    tos = [time for time in (times.get("to"), times.get("before")) if time is not None]
    return Query(
        **{name: _text(name, words[name]) for name in _TEXTS if name in words},
        since=max(froms, default=None),
        until=min(tos, default=None),
        newest_first=_choice("order", words, ORDERS) == "newest",
        limit=_limit(words.get("limit")),
    )


def parse_format(words: Mapping[str, str]) -> str:
    """One of FORMATS. Raises QueryError."""
    return _choice("format", words, FORMATS)


def next_page(words: Mapping[str, str], query: Query, last_received_at: int) -> str:
    """The query string of the page after the one that ends with a session received then."""
    cursor = "before" if query.newest_first else "after"
    return urlencode({**words, cursor: format_micros(last_received_at)})


def _text(name: str, word: str) -> str:
    text = read_text(word)
    if text is None:
        raise QueryError(f"{name} must not be empty.")
    return text


def _time(name: str, word: str) -> int:
    try:
        return parse_micros(f"{word}T00:00:00Z" if _DAY.fullmatch(word) else word)
    except ValueError:
        raise QueryError(
            f"{name} must be a time as in receivedAt, like 2026-01-31T12:00:00.000000Z, or a day, like 2026-01-31."
        ) from None


def _next(time: int | None) -> int | None:
    return None if time is None else time + 1


def _choice(name: str, words: Mapping[str, str], known: tuple[str, ...]) -> str:
    """The first of the `known` ones where nothing is said."""
    word = words.get(name, known[0])
    if word not in known:
        raise QueryError(f"{name} must be one of {', '.join(known)}.")
    return word


def _limit(word: str | None) -> int:
    if word is None:
        return DEFAULT_LIMIT
    if re.fullmatch("[0-9]{1,4}", word) is None or not 1 <= int(word) <= MAX_LIMIT:
        raise QueryError(f"limit must be a whole number from 1 to {MAX_LIMIT}.")
    return int(word)
