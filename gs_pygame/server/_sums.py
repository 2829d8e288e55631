"""What sessions add up to: a row of `days`, or many of them together. Pure."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ._histogram import quantile
from ._json import encode
from ._orjson import orjson

_loads = json.loads if orjson is None else orjson.loads


class _Numbers(dict[str, int]):
    """Of the buckets, which are few: a year of days names each some ten thousand times."""

    def __missing__(self, text: str) -> int:
        number = self[text] = int(text)
        return number


_NUMBERS = _Numbers()


@dataclass(slots=True)
class Sums:
    """Of sessions: how many, how long, how they ended, how late they came."""

    sessions: int = 0
    of_players: int = 0
    active_ms: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    lengths: Counter[int] = field(default_factory=Counter)
    lateness: Counter[int] = field(default_factory=Counter)

    @classmethod
    def of(cls, row: Any) -> Sums:
        """A row of `days`."""
        sums = cls()
        sums.add_row(row)
        return sums

    def add(self, other: Sums) -> None:
        self.sessions += other.sessions
        self.of_players += other.of_players
        self.active_ms += other.active_ms
        self.reasons.update(other.reasons)
        self.lengths.update(other.lengths)
        self.lateness.update(other.lateness)

    def add_row(self, row: Any) -> None:
        """A row of `days`."""
        self.sessions += row.sessions
        self.of_players += row.of_players
        self.active_ms += row.active_ms
        for reason, count in _loads(row.reasons).items():
            self.reasons[reason] += count
        for counts, text in ((self.lengths, row.lengths), (self.lateness, row.lateness)):
            for number, count in _loads(text).items():
                counts[_NUMBERS[number]] += count

    @property
    def median_ms(self) -> int | None:
        return quantile(self.lengths, 0.5)

    def values(self) -> list[Any]:
        sums = [self.sessions, self.of_players, self.active_ms]
        return [*sums, encode(self.reasons), encode(self.lengths), encode(self.lateness)]
