"""The pages for people, as HTML. Pure functions of what `_insights` says.

The templates, the style sheet and the script lie in `templates`, and the pages load nothing from elsewhere. Everything
that came from a client goes through jinja2's autoescape.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from ._charts import bar, columns, line
from ._faults import FAULTS, LASTS, Fault
from ._histogram import Counts, binned, quantile
from ._insights import Day, History, Overview, Shown, View
from ._sums import Sums
from ._times import format_micros
from ._views import RANGES, Address, date_of

_FILES = resources.files(__package__) / "templates"
_STYLE = (_FILES / "style.css").read_text("utf-8")
SCRIPT = (_FILES / "live.js").read_text("utf-8")
"""What keeps a page as it is on the server."""

PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; connect-src 'self'; img-src data:; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

_DASH = "\N{EN DASH}"  # where nothing is known
_SCRIPT_DATA_SHOWN = 240  # characters; the rest is in GET /sessions
_CRASH_SHOWN = 200  # characters of an exception's type, and of where it came up
_KINDS = 12  # versions or platforms in a table; the others are one row
_REASONS = {
    "background": "left the window",
    "quit": "quit the game",
    "crash": "the game failed with an exception",
    "abnormal": "the game was killed; found at its next start",
    "suspend": "the computer slept",
    "explicit": "the game ended it",
    "disconnect": "the connection was gone for too long",
}

_SECOND, _MINUTE, _HOUR, _DAY = 1000, 60_000, 3_600_000, 86_400_000  # ms
_UNITS = ((_HOUR, "h"), (_MINUTE, "min"), (_SECOND, "s"))
_LENGTHS = {
    "under 10 s": 10 * _SECOND,
    "10 to 60 s": _MINUTE,
    "1 to 3 min": 3 * _MINUTE,
    "3 to 10 min": 10 * _MINUTE,
    "10 to 30 min": 30 * _MINUTE,
    "30 to 60 min": _HOUR,
    "1 to 2 h": 2 * _HOUR,
    "2 to 4 h": 4 * _HOUR,
    "4 h and more": None,
}
_LATENESS = {
    "under 10 s": 10 * _SECOND,
    "10 to 60 s": _MINUTE,
    "1 to 6 min": 6 * _MINUTE,
    "6 to 60 min": _HOUR,
    "1 to 24 h": _DAY,
    "1 to 7 days": 7 * _DAY,
    "7 days and more": None,
}


@dataclass(frozen=True, slots=True)
class _Bin:
    name: str
    count: int


@dataclass(frozen=True, slots=True)
class _Spread:
    """A distribution. `top`: the largest count."""

    rows: list[_Bin]
    top: int
    total: int


@dataclass(frozen=True, slots=True)
class _Kind:
    """A version or a platform. `link`: to what is known of it alone."""

    title: str
    link: str | None
    sums: Sums


def render_dashboard(
    address: Address,
    view: View,
    today: int,
    overview: Overview,
    sessions: Sequence[Shown],
    older: int | None,
    fault: Fault | None,
) -> str:
    """The page at `/`. `sessions` is shown in the order given; `older`: where (`before`) its next page begins. `fault`:
    the one that is on."""
    days, total = overview.days, overview.total
    player_days = sum(day.players for day in days)
    monthly = [day.monthly for day in days]
    return _environment.get_template("dashboard.html").render(
        address=address,
        view=view,
        overview=overview,
        total=total,
        gaps=overview.gaps,
        choices=overview.choices,
        is_empty=overview.is_empty and not overview.playing,
        is_today=view.last == today,
        last=days[-1],
        day_count=len(days),
        new_players=sum(day.new for day in days),
        per_player=f"{total.of_players / player_days:.1f}" if player_days else _DASH,
        daily_chart=_daily(days),
        daily_top=max(day.players for day in days),
        monthly_chart=line(
            monthly,
            [f"{_short(day.day)}: {day.monthly:,}" for day in days],
            f"Players in 30 days. {_monthly_words(days)}",
        ),
        monthly_label=_monthly_words(days),
        monthly_top=max(monthly),
        lengths=_spread(total.lengths, _LENGTHS),
        lateness=_spread(total.lateness, _LATENESS),
        lateness_median=quantile(total.lateness, 0.5),
        lateness_most=quantile(total.lateness, 0.9),
        versions=_kinds(overview.versions, address, "version"),
        platforms=_kinds(overview.platforms, address, "platform"),
        sessions=sessions,
        older=older,
        fault=fault,
    )


def render_player(
    address: Address,
    view: View,
    history: History,
    sessions: Sequence[Shown],
    older: int | None,
    fault: Fault | None,
) -> str:
    """The page about a player."""
    counts = [count for _, count in history.days]
    titles = [f"{_short(day)}: {_count_of(count, 'session')}" for day, count in history.days]
    label = f"{_count_of(sum(counts), 'session')} in {_count_of(len(counts), 'day')}"
    return _environment.get_template("player.html").render(
        address=address,
        view=view,
        history=history,
        chart=columns([[count] for count in counts], titles, label),
        top=max(counts),
        sessions=sessions,
        older=older,
        fault=fault,
    )


def render_faults(fault: Fault | None) -> str:
    """The page with a switch for each."""
    return _environment.get_template("faults.html").render(faults=FAULTS, fault=fault, lasts=LASTS * 1000)


def render_login(wrong: str) -> str:
    """The page that asks for the admin token. `wrong`: what was wrong with the last one."""
    return _environment.get_template("login.html").render(wrong=wrong)


def length_of_time(ms: int | None) -> str:
    """Milliseconds as people say it: `0.4 s`, `12 s`, `3 min 07 s`, `2 h 05 min`; a dash for None."""
    if ms is None:
        return _DASH
    seconds = ms // 1000
    if seconds < 10:
        return f"{ms // 100 / 10:.1f} s"
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02} s"
    return f"{seconds // 3600:,} h {seconds % 3600 // 60:02} min"


def _count_of(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _or_dash(value: object) -> object:
    return _DASH if value is None else value


def roughly(ms: float | None) -> str:
    """Milliseconds that are known to a few per cent: `0.4 s`, `12 s`, `3.1 min`, `2.5 h`; a dash for None."""
    if ms is None:
        return _DASH
    size, unit = next(((size, unit) for size, unit in _UNITS if ms >= 0.995 * size), (_SECOND, "s"))
    value = ms / size
    return f"{value:.1f} {unit}" if value < 9.95 else f"{value:,.0f} {unit}"


def _daily(days: Sequence[Day]) -> Markup:
    stacks = [[day.returning, day.new] for day in days]
    titles = [f"{_short(day.day)}: {_count_of(day.players, 'player')}, {day.new:,} new" for day in days]
    most = max(days, key=lambda day: day.players)
    return columns(
        stacks,
        titles,
        f"Players a day from {_short(days[0].day)} to {_short(days[-1].day)}: {days[-1].players:,} on the last day, "
        f"at most {most.players:,} on {_short(most.day)}",
    )


def _monthly_words(days: Sequence[Day]) -> str:
    return f"From {days[0].monthly:,} on {_short(days[0].day)} to {days[-1].monthly:,} on {_short(days[-1].day)}."


def _spread(counts: Counts, bins: Mapping[str, int | None]) -> _Spread:
    found = binned(counts, [edge for edge in bins.values() if edge is not None])
    return _Spread([_Bin(*one) for one in zip(bins, found, strict=True)], max(found), sum(found))


def _kinds(by_name: Mapping[str, Sums], address: Address, what: str) -> list[_Kind]:
    """The first of them, and one row of all others."""
    kinds = [
        _Kind(name or "not known", address.link("/", **{what: name}) if name else None, sums)
        for name, sums in list(by_name.items())[:_KINDS]
    ]
    others = list(by_name.values())[_KINDS:]
    if others:
        together = Sums()
        for sums in others:
            together.add(sums)
        kinds.append(_Kind(f"{len(others):,} others", None, together))
    return kinds


def _short(day: int) -> str:
    """Like 7 Nov."""
    at = date_of(day)
    return f"{at.day} {_MONTHS[at.month - 1]}"


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _share(part: int, whole: int) -> str:
    """Never 0 % of what is there, nor 100 % of what is not all."""
    if not whole:
        return _DASH
    percent = 100 * part / whole
    if 0 < percent < 0.1:
        return "< 0.1 %"
    if 99.9 < percent < 100:
        return "> 99.9 %"
    return f"{percent:.1f} %" if percent < 10 and part else f"{percent:.0f} %"


def _number(value: int) -> str:
    return f"{value:,}"


def _own(script_data: Mapping[str, object]) -> str:
    """The player's own script data as one short line of JSON."""
    own = {name: value for name, value in script_data.items() if name != "session"}
    text = json.dumps(own, ensure_ascii=False) if own else _DASH
    return text if len(text) <= _SCRIPT_DATA_SHOWN else text[:_SCRIPT_DATA_SHOWN] + " \N{HORIZONTAL ELLIPSIS}"


def _crash(script_data: Mapping[str, object]) -> str:
    """What crashed, and where, as one short line; empty if nobody says."""
    session = script_data.get("session")
    said = [session.get(name) for name in ("exception", "frame")] if isinstance(session, dict) else []
    return ", ".join(text[:_CRASH_SHOWN] for text in said if isinstance(text, str))


_environment = Environment(loader=PackageLoader(__package__), autoescape=True, trim_blocks=True)
_environment.globals.update(bar=bar, range_links=RANGES, reasons=_REASONS, style=Markup(_STYLE))
_environment.filters.update(
    count_of=_count_of,
    crash=_crash,
    date=date_of,
    length_of_time=length_of_time,
    micros=format_micros,
    number=_number,
    or_dash=_or_dash,
    own=_own,
    roughly=roughly,
    share=_share,
    short_date=_short,
)
