"""Counts of milliseconds in buckets 5 % wide, so that medians of any number of sessions add up. Pure."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence

Counts = Mapping[int, int]
"""Values by their bucket."""

_WIDTH = math.log(1.05)
_ZERO = -1  # the bucket of what is under a millisecond


def bucket(ms: int) -> int:
    """Buckets are the same for ever: they are on disk."""
    return math.floor(math.log(ms) / _WIDTH) if ms >= 1 else _ZERO


def middle(number: int) -> int:
    """What a value of this bucket is within 2.5 % of, in ms."""
    return 0 if number == _ZERO else round(math.exp((number + 0.5) * _WIDTH))


def quantile(counts: Counts, share: float) -> int | None:
    """The value (ms) that `share` of all values are not above; None if there are none."""
    left = share * sum(counts.values())
    found = None
    for number in sorted(counts):
        found = middle(number)
        left -= counts[number]
        if left <= 0:
            break
    return found


def binned(counts: Counts, edges: Sequence[int]) -> list[int]:
    """The counts below the first of `edges` (ms, rising), between each two, and from the last on."""
    bins = [0] * (len(edges) + 1)
    for number, count in counts.items():
        bins[bisect_right(edges, middle(number))] += count
    return bins
