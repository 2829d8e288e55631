"""What has become of every session of this installation: counters in the outbox that add up.

started = ended + open ones; ended = waiting + ready + delivered + rejected + dropped, but for what was erased by a
denied consent, which is the account of the installation before.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .database import Database
from .rows import MAX_NUMBER
from .schema import FURTHEST, NEWEST

_json = json.JSONEncoder(separators=(",", ":")).encode  # made once: a frame waits for this

_TOTALS = f"""
SELECT key, value FROM meta WHERE typeof(value) = 'integer'
UNION ALL SELECT 'open', count(*) FROM sessions WHERE state = 'open'
UNION ALL SELECT 'newest', ({NEWEST})
"""  # one statement: all of it is of the same moment

_TO = "to:"
"""What begins the counters of one destination: `to:NAME:delivered`, `rejected`, and `dropped`."""

_COUNTS = f"""
{_TOTALS}
UNION ALL SELECT '{_TO}' || destination || ':settled', count(*) FROM progress JOIN sessions USING (number, session_id)
    WHERE sessions.state = 'ready' AND progress.state != 'ready' GROUP BY destination
UNION ALL SELECT 'state:' || state, count(*) FROM sessions GROUP BY state
UNION ALL SELECT 'oldest', min(started_at + wall) FROM sessions WHERE number IN (
    SELECT min(number) FROM sessions WHERE state IN ('waiting', 'ready') GROUP BY state
)
"""


@dataclass(frozen=True, slots=True)
class Share:
    """What one destination has got of the sessions, and what is still to go there."""

    ready: int = 0
    delivered: int = 0
    rejected: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """What lies in the outbox, and what has become of this installation's sessions, as Status has it. `oldest` is
    Unix time in seconds; `shares`: by destination, of which something is known.
    """

    started: int
    ended: int
    waiting: int
    ready: int
    rejected: int
    delivered: int
    dropped: dict[str, int]
    oldest: float | None
    shares: dict[str, Share]

    def share(self, destination: str) -> Share:
        return self.shares.get(destination, Share(ready=self.ready))


class Accounts:
    """The counters in the table `meta`, beside the rows that they count."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, key: str) -> Any:
        rows = self._database.read("SELECT value FROM meta WHERE key = ?", key)
        return rows[0][0] if rows else None

    def put(self, key: str, value: Any) -> None:
        self._database.change("INSERT OR REPLACE INTO meta VALUES (?, ?)", key, value)

    def count(self, key: str, by: int = 1) -> None:
        self._database.change(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value + CASE "
            f"WHEN typeof(value) = 'integer' AND value BETWEEN 0 AND {MAX_NUMBER} THEN value ELSE 0 END",
            key,
            by,
        )

    def note_tried(self, destination: str) -> None:
        """Something may have reached it from now on."""
        key = f"{_TO}{destination}:tried"
        if self.get(key) is None:
            self.put(key, 1)

    def tried(self) -> list[str]:
        """The destinations that something may have reached."""
        keys = self._database.read("SELECT key FROM meta WHERE key GLOB ? ORDER BY key", f"{_TO}*:tried")
        return [key.removeprefix(_TO).removesuffix(":tried") for (key,) in keys]

    def count_for(self, destination: str, what: str, by: int = 1) -> None:
        """`what`: delivered, rejected or dropped."""
        self.count(f"{_TO}{destination}:{what}", by)

    def installation(self) -> str:
        """The anonymous id of this installation, made when it is first asked for. Never kept in memory: a denial in
        another copy of the game ends the installation."""
        found = self.get("installation_id")
        if found is None:
            made = str(uuid.uuid4())
            self._database.change("INSERT OR IGNORE INTO meta VALUES ('installation_id', ?)", made)
            found = self.get("installation_id")
        return str(found)

    def destinations(self) -> list[str]:
        """The names of those that the game sends to, as it said last; none before it has."""
        try:
            names = json.loads(self.get("destinations"))
        except (TypeError, ValueError, RecursionError):
            return []
        return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []

    def note_destinations(self, names: Sequence[str]) -> None:
        """For whoever delivers from outside, which knows no settings of the game's."""
        if self.destinations() != list(names):
            self.put("destinations", _json(names))

    def newest(self) -> int:
        return int(self._database.read(NEWEST)[0][0])

    def next_number(self) -> int:
        return max(self.newest(), self.floor()) + 1

    def floor(self, number: int = 0) -> int:
        """No session gets a number up to this one: they have been given, though the rows may be lost. Raised to
        `number` in a thread that may wait; a frame leaves it to the newest row, which is never pruned."""
        floor = self.get("floor")
        floor = floor if type(floor) is int and floor < FURTHEST else 0
        if floor < number < FURTHEST:
            self.put("floor", number)
            return number
        return floor

    def counters(self) -> str:
        """What goes along with the end of a session that is open until then, as JSON: a server tells by it what a gap
        is. Costs the same however many ends there are."""
        totals = dict(self._database.read(_TOTALS))
        started = _started(totals)
        counters = {
            "started": started,
            "ended": started - totals["open"] + 1,
            "delivered": totals.get("delivered", 0),
            "rejected": totals.get("rejected", 0),
            "dropped": {cause: count for cause, count in _dropped(totals).items() if cause != "consent"},
        }
        return _json(counters)

    def counts(self) -> Counts:
        """What lies here. Reads an index: about 0.1 ms for each thousand ends."""
        totals = dict(self._database.read(_COUNTS))
        started = _started(totals)
        return Counts(
            started=started,
            ended=started - totals["open"],
            waiting=totals.get("state:waiting", 0),
            ready=totals.get("state:ready", 0),
            rejected=totals.get("state:rejected", 0),
            delivered=totals.get("delivered", 0),
            dropped=_dropped(totals),
            oldest=totals["oldest"],
            shares=_shares(totals),
        )

    def missing(self) -> int:
        """Sessions that have ended, and of which nothing here says what became of them."""
        counts = self.counts()
        dropped = sum(count for cause, count in counts.dropped.items() if cause != "consent")
        return counts.ended - counts.waiting - counts.ready - counts.rejected - counts.delivered - dropped


def _started(totals: dict[str, int]) -> int:
    floor = totals.get("floor", 0)
    return max(totals["newest"], floor if floor < FURTHEST else 0)


def _dropped(totals: dict[str, int]) -> dict[str, int]:
    return {key.partition(":")[2]: count for key, count in totals.items() if key.startswith("dropped:")}


def _shares(totals: dict[str, int]) -> dict[str, Share]:
    keys = [key.removeprefix(_TO).rpartition(":") for key in totals if key.startswith(_TO)]
    found: dict[str, dict[str, int]] = {}
    for name, _, what in keys:
        found.setdefault(name, {})[what] = totals[f"{_TO}{name}:{what}"]
    ready = totals.get("state:ready", 0)
    return {
        name: Share(ready - of.get("settled", 0), of.get("delivered", 0), of.get("rejected", 0), of.get("dropped", 0))
        for name, of in found.items()
    }
