"""Times as the wire has them, RFC 3339 in UTC, and as the store has them, microseconds since 1970."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_PLAIN_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)  # as the plugin writes it
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)",
    re.ASCII,
)


def format_micros(micros: int) -> str:
    """Microseconds since 1970 as RFC 3339 in UTC with six digits."""
    return _zulu(_EPOCH + timedelta(microseconds=micros), "microseconds")


def format_millis(micros: int) -> str:
    """Microseconds since 1970 as the times in `scriptData.session`: with three digits."""
    return _zulu(_EPOCH + timedelta(microseconds=micros), "milliseconds")


def parse_micros(text: str) -> int:
    """RFC 3339 as microseconds since 1970 (a finer fraction is cut). Raises ValueError."""
    return (_datetime(text) - _EPOCH) // timedelta(microseconds=1)


def in_utc(value: object) -> str | None:
    """RFC 3339 made UTC with milliseconds, or None."""
    if not isinstance(value, str):
        return None
    try:
        if _PLAIN_TIME.fullmatch(value):
            datetime.fromisoformat(value[:-1])
            return value
        return _zulu(_datetime(value), "milliseconds")
    except ValueError:
        return None


def _datetime(text: str) -> datetime:
    """RFC 3339 as an aware UTC datetime. Raises ValueError. (Python 3.10's fromisoformat knows no Z.)"""
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError("not RFC 3339")
    date, time, fraction, zone = match.groups()
    micros = (fraction or "")[:6].ljust(6, "0")
    offset = "+00:00" if zone in "Zz" else zone
    try:
        return datetime.fromisoformat(f"{date}T{time}.{micros}{offset}").astimezone(timezone.utc)
    except OverflowError:
        raise ValueError("outside the years 1 to 9999") from None


def _zulu(moment: datetime, timespec: str) -> str:
    return moment.isoformat(timespec=timespec).replace("+00:00", "Z")
