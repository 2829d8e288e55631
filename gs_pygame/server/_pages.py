"""The page for people at `GET /`: the latest sessions and the totals. A pure function of what the store says.

The template is a string here, not a package data file, and the page loads nothing from elsewhere. Everything that came
from a client goes through jinja2's autoescape.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from jinja2 import DictLoader, Environment

from ._gaps import GapTotals
from ._protocol import own_data
from ._store import Received, Totals

PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

_DASH = "\N{EN DASH}"  # where nothing is known
_SCRIPT_DATA_SHOWN = 240  # characters; the rest is in GET /sessions
_REASONS = {
    "background": "left the window",
    "quit": "quit the game",
    "crash": "the game failed with an exception",
    "abnormal": "the game was killed; found at its next start",
    "suspend": "the computer slept",
    "explicit": "the game ended it",
    "disconnect": "the connection was gone for too long",
}

_STYLE = """\
<style>
:root { color-scheme: light dark; --ground: #f6f7f9; --card: #fff; --ink: #1b2330; --quiet: #66718a; --line: #e4e7ee;
  --accent: #3457d5; --badge: #e8ecfb; --alarm: #a8321f; --alarm-badge: #fbe9e5; }
@media (prefers-color-scheme: dark) { :root { --ground: #12151c; --card: #1a1f29; --ink: #e6eaf2; --quiet: #94a0b8;
  --line: #2a3140; --accent: #9db4ff; --badge: #26304d; --alarm: #ff9d8a; --alarm-badge: #45241f; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1280px; margin: 0 auto; padding: 40px 24px 64px; }
h1 { margin: 0; font-size: 26px; letter-spacing: -.01em; }
p { margin: 4px 0 0; color: var(--quiet); }
code { font: 13px/1.45 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
.totals { display: flex; flex-wrap: wrap; gap: 12px; margin: 28px 0 20px; padding: 0; }
.totals div { flex: 1 1 160px; padding: 14px 18px; background: var(--card); border: 1px solid var(--line);
  border-radius: 10px; }
.totals dt { color: var(--quiet); font-size: 13px; }
.totals dd { margin: 2px 0 0; font-size: 24px; font-weight: 600; font-variant-numeric: tabular-nums; }
.card { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.gaps { margin: 0 0 20px; padding: 14px 18px; border-left: 4px solid var(--accent); }
.alarming { border-left-color: var(--alarm); }
.alarming strong { color: var(--alarm); }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { padding: 12px 14px; color: var(--quiet); font-size: 13px; font-weight: 500; text-align: left;
  white-space: nowrap; border-bottom: 1px solid var(--line); }
td { padding: 11px 14px; vertical-align: top; white-space: nowrap; }
tr + tr td { border-top: 1px solid var(--line); }
.right { text-align: right; }
td.name { max-width: 180px; overflow: hidden; text-overflow: ellipsis; }
td.data { min-width: 220px; white-space: normal; overflow-wrap: anywhere; color: var(--quiet); }
td.length { font-weight: 600; }
.day { color: var(--quiet); }
.badge { display: inline-block; max-width: 140px; padding: 1px 10px; border-radius: 99px; background: var(--badge);
  color: var(--accent); font-size: 13px; overflow: hidden; text-overflow: ellipsis; vertical-align: bottom; }
.alarm { background: var(--alarm-badge); color: var(--alarm); }
.empty { padding: 56px 24px; text-align: center; }
.empty h2 { margin: 0 0 8px; font-size: 19px; }
.empty p { max-width: 600px; margin: 8px auto 0; }
form { display: flex; flex-wrap: wrap; gap: 10px; margin-top: 20px; }
input, button { padding: 9px 14px; border: 1px solid var(--line); border-radius: 8px; font: inherit; }
input { flex: 1 1 260px; background: var(--ground); color: var(--ink); }
button { background: var(--accent); color: var(--card); border-color: var(--accent); cursor: pointer; }
.narrow { max-width: 520px; margin: 12vh auto 0; padding: 28px; }
.wrong { color: var(--alarm); }
footer { margin-top: 20px; font-size: 13px; color: var(--quiet); }
a { color: var(--accent); }
</style>
"""

_FRAME = (
    """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
{% block head %}{% endblock %}
<title>{% block count %}{% endblock %}Sessions · gs_pygame</title>
<link rel="icon" href="data:,">
"""
    + _STYLE
    + """\
</head>
<body>
<main>
{% block main %}{% endblock %}
</main>
</body>
</html>
"""
)

_SESSIONS = """\
{% extends "frame" %}
{% block head %}<meta http-equiv="refresh" content="5">{% endblock %}
{% block count %}{% if totals.sessions %}{{ totals.sessions }} · {% endif %}{% endblock %}
{% block main %}
<h1>Sessions</h1>
<p>What players' games reported when their players left.</p>
{% if recent %}
<dl class="totals">
<div><dt>Sessions</dt><dd>{{ totals.sessions }}</dd></div>
<div><dt>Players</dt><dd>{{ totals.players }}</dd></div>
<div><dt>Time played</dt><dd>{{ totals.active_ms | length_of_time }}</dd></div>
</dl>
{% if gaps.installations %}
{% set known = gaps.lost - gaps.unaccounted %}
<div class="card gaps{% if gaps.unaccounted or gaps.repeated %} alarming{% endif %}">
<strong>{{ gaps.installations | count_of("player") }}: \
{% if gaps.lost %}{{ gaps.lost | count_of("session") }} missing{% endif %}
{% if gaps.lost and gaps.repeated %}, {% endif %}
{% if gaps.repeated %}{{ gaps.repeated | count_of("number") }} used more than once{% endif %}
</strong>
<p>{% if known %}{{ "{:,}".format(known) }} refused or dropped, as the game reports. {% endif %}
{% if gaps.unaccounted %}{{ "{:,}".format(gaps.unaccounted) }} unaccounted for. {% endif %}
{% if gaps.repeated %}A data folder was copied, or restored from a backup. {% endif %}
Player by player: <a href="/gaps">/gaps</a></p>
</div>
{% endif %}
<div class="card">
<table>
<thead><tr><th class="right">No.</th><th>Player</th><th>Started (UTC)</th><th>Ended (UTC)</th>
<th class="right">Active</th><th>Reason</th><th>Script data</th></tr></thead>
<tbody>
{% for received in recent %}
{% set request = received.request %}{% set session = request.session %}
<tr>
<td class="right">{{ session.number | or_dash }}</td>
<td class="name" title="{{ request.player_id | or_dash }}">{{ request.player_id | or_dash }}</td>
<td>{{ moment(session.started_at) }}</td>
<td>{{ moment(session.ended_at) }}</td>
<td class="right length">{{ session.active_ms | length_of_time }}</td>
<td><span class="badge{% if session.reason in ('crash', 'abnormal') %} alarm{% endif %}" \
title="{{ reasons.get(session.reason, session.reason) | or_dash }}">{{ session.reason | or_dash }}</span></td>
<td class="data"><code>{{ received | script_data }}</code></td>
</tr>
{% endfor %}
</tbody>
</table>
</div>
<footer>{% if totals.sessions > recent | length %}The latest {{ recent | length }} of {{ totals.sessions }}, \
newest{% else %}Newest{% endif %} first. \
No. counts each installation's own sessions; Active leaves out time away. \
All of it as JSON: <a href="/sessions">/sessions</a></footer>
{% else %}
<div class="card empty" style="margin-top: 28px">
<h2>No session has ended yet</h2>
<p>Play the game and leave it: close it, or stay in another window for longer than its grace, \
which is five minutes unless the game sets another. The session shows here as soon as it is delivered.</p>
<p>A game reports here when its endpoint is this page's address.</p>
</div>
{% endif %}
{% endblock %}
"""

_LOGIN = """\
{% extends "frame" %}
{% block main %}
<div class="card narrow">
<h1>Sessions</h1>
<p>What is here is for whoever has the admin token. The server printed it when it was first started,
unless GS_PYGAME_ADMIN_TOKEN has one.</p>
<form method="post" action="/login">
<input type="password" name="token" aria-label="Admin token" placeholder="Admin token" autocomplete="current-password" \
required autofocus>
<button>Show sessions</button>
</form>
{% if wrong %}<p class="wrong" role="alert">{{ wrong }}</p>{% endif %}
</div>
{% endblock %}
"""

_MOMENT = """{% macro moment(time) %}{% if time %}<time datetime="{{ time }}"><span class="day">{{ time[:10] }}</span> \
{{ time[11:19] }}</time>{% else %}{{ time | or_dash }}{% endif %}{% endmacro %}"""


def render_page(recent: Sequence[Received], totals: Totals, gaps: GapTotals) -> str:
    """The page as HTML. `recent` is shown in the order given."""
    return _environment.get_template("sessions").render(recent=recent, totals=totals, gaps=gaps, reasons=_REASONS)


def render_login(wrong: str) -> str:
    """The page that asks for the admin token. `wrong`: what was wrong with the last one."""
    return _environment.get_template("login").render(wrong=wrong)


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


def _script_data(received: Received) -> str:
    """The player's own script data as one short line of JSON."""
    own = own_data(received.request)
    text = json.dumps(own, ensure_ascii=False) if own else _DASH
    return text if len(text) <= _SCRIPT_DATA_SHOWN else text[:_SCRIPT_DATA_SHOWN] + " …"


_environment = Environment(
    loader=DictLoader({"frame": _FRAME, "sessions": _MOMENT + _SESSIONS, "login": _LOGIN}),
    autoescape=True,
    trim_blocks=True,
)
_environment.filters.update(
    count_of=_count_of, length_of_time=length_of_time, or_dash=_or_dash, script_data=_script_data
)
