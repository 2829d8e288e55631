"""What has become of every session of this installation: counters in the outbox that add up.

started = ended + open ones; ended = waiting + ready + delivered + rejected + dropped, but for what was erased by a
denied consent, which is the account of the installation before.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from .database import Database

MAX_NUMBER = 2**53
"""Sessions that can be numbered; beyond it JSON's readers disagree about integers."""

_OPEN = """
SELECT 'open', count(*) FROM sessions
WHERE session_id != ? AND NOT EXISTS (SELECT 1 FROM ends WHERE ends.session_id = sessions.session_id)
"""  # not even a waiting end


@dataclass(frozen=True, slots=True)
class Counts:
    """What lies in the outbox, and what has become of this installation's sessions, as Status has it. `oldest` is
    Unix time in seconds.
    """

    started: int
    ended: int
    waiting: int
    ready: int
    rejected: int
    delivered: int
    dropped: dict[str, int]
    oldest: float | None


class Accounts(Database):
    """The counters in the table `meta`, beside the rows that they count."""

    def _meta(self, key: str) -> Any:
        rows = self._read("SELECT value FROM meta WHERE key = ?", key)
        return rows[0][0] if rows else None

    def _count(self, key: str, by: int = 1) -> None:
        self._change(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value + CASE "
            f"WHEN typeof(value) = 'integer' AND value BETWEEN 0 AND {MAX_NUMBER} THEN value ELSE 0 END",
            key,
            by,
        )

    def _counters(self, ending: str) -> str:
        """What goes along with the end of the session `ending`, as JSON: by it a server tells what a gap is."""
        totals = self._totals(ending)
        started = totals.get("last_number", 0)
        counters = {
            "started": started,
            "ended": started - totals["open"],
            "delivered": totals.get("delivered", 0),
            "rejected": totals.get("rejected", 0),
            "dropped": {cause: count for cause, count in _dropped(totals).items() if cause != "consent"},
        }
        return json.dumps(counters, separators=(",", ":"))

    def _totals(self, but: str = "") -> dict[str, int]:
        """The counters, and how many sessions are `open`, `but` one."""
        totals = f"SELECT key, value FROM meta WHERE typeof(value) = 'integer' UNION ALL {_OPEN}"
        return dict(self._read(totals, but))

    def counts(self) -> Counts:
        """What lies here. Reads an index: about 0.1 ms for each thousand ends."""
        states = dict(self._read("SELECT state, count(*) FROM ends GROUP BY state"))
        totals = self._totals()
        started = totals.get("last_number", 0)
        oldest = self._read("SELECT min(started_at + wall) FROM ends WHERE state IN ('waiting', 'ready')")[0][0]
        return Counts(
            started=started,
            ended=started - totals["open"],
            waiting=states.get("waiting", 0),
            ready=states.get("ready", 0),
            rejected=states.get("rejected", 0),
            delivered=totals.get("delivered", 0),
            dropped=_dropped(totals),
            oldest=oldest,
        )

    def account_for_damage(self) -> None:
        """Rows of a damaged outbox were adopted: number on from the last one; count what is missing as dropped."""
        with self.transaction():
            numbers = self._read("SELECT max(number) FROM (SELECT number FROM sessions UNION SELECT number FROM ends)")
            last = max(numbers[0][0] or 0, self._totals().get("last_number", 0))
            self._change("INSERT OR REPLACE INTO meta VALUES ('last_number', ?)", last)
            counts = self.counts()
            self._change("INSERT OR REPLACE INTO meta VALUES ('rejected', ?)", counts.rejected)
            kept = counts.waiting + counts.ready + counts.rejected + counts.delivered
            dropped = sum(count for cause, count in counts.dropped.items() if cause != "consent")
            lost = counts.ended - kept - dropped
            if lost > 0:
                self._count("dropped:damage", lost)


def _dropped(totals: dict[str, int]) -> dict[str, int]:
    return {key.partition(":")[2]: count for key, count in totals.items() if key.startswith("dropped:")}
