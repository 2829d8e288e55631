"""What is looked at, as the address bar says it: every view is an address. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from urllib.parse import urlencode

from ._insights import View
from ._protocol import read_text
from ._rollups import label
from ._times import format_micros, parse_micros

RANGES = (7, 30, 90)
"""Days up to today that there are links for."""

_USUAL = 30
_LONGEST = 731  # days: two years of columns are as many as can be told apart
_EPOCH = date(1970, 1, 1)


class ViewError(ValueError):
    """The address says something that is none of it. The message is a sentence for whoever wrote it."""


@dataclass(frozen=True, slots=True)
class Address:
    """`days` up to today, unless `first` or `last` say which. `before`: the moment (microseconds) from which the list
    of sessions goes back. `id`: the player, on a page about one."""

    id: str = ""
    game: str = ""
    version: str = ""
    platform: str = ""
    days: int = _USUAL
    first: date | None = None
    last: date | None = None
    before: int | None = None

    def view(self, today: int) -> View:
        """On the day `today` (since 1970)."""
        last = today if self.last is None else (self.last - _EPOCH).days
        first = last - self.days + 1 if self.first is None else (self.first - _EPOCH).days
        first = min(max(first, last - _LONGEST + 1, (date.min - _EPOCH).days), last)
        names = (label(name) or None for name in (self.game, self.version, self.platform))
        return View(first, last, *names)

    def query(self) -> str:
        """As it stands behind the question mark; what is usual is left out."""
        said = {name: value for name, value in asdict(self).items() if value != getattr(_PLAIN, name)}
        for name, longer in (("first", "from"), ("last", "to")):
            if name in said:
                said[longer] = said.pop(name).isoformat()
        if "before" in said:
            said["before"] = format_micros(said["before"])
        return urlencode(said, errors="replace")

    def link(self, path: str, **changes: object) -> str:
        """The address of this view with `changes`."""
        query = replace(self, **{"before": None, **changes}).query()  # type: ignore[arg-type]
        return f"{path}?{query}" if query else path


_PLAIN = Address()


def parse_address(query: Mapping[str, str]) -> Address:
    """Raises ViewError."""
    try:
        return Address(
            id=read_text(query.get("id")) or "",
            game=read_text(query.get("game")) or "",
            version=read_text(query.get("version")) or "",
            platform=read_text(query.get("platform")) or "",
            days=_days(query.get("days", "")),
            first=_date(query.get("from", "")),
            last=_date(query.get("to", "")),
            before=parse_micros(query["before"]) if query.get("before") else None,
        )
    except ValueError:
        raise ViewError(
            "from and to must be like 2026-01-31, days a whole number, before a time as in receivedAt."
        ) from None


def date_of(day: int) -> date:
    """The date of a day since 1970."""
    return _EPOCH + timedelta(days=day)


def _days(text: str) -> int:
    return min(max(int(text[:6]), 1), _LONGEST) if text else _USUAL


def _date(text: str) -> date | None:
    return date.fromisoformat(text) if text else None
