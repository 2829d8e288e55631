"""How long to wait before the next try: exponential with full jitter.

Full jitter spreads the tries of many games evenly after an outage (AWS Architecture Blog, "Exponential Backoff And
Jitter", 2015); 60 s is the cap of the official GameSparks SDKs.
"""

from __future__ import annotations

from collections.abc import Callable

BASE = 1.0  # seconds
CAP = 60.0  # seconds


class Backoff:
    """`random` returns a float in [0, 1)."""

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._tries = 0

    def next(self) -> float:
        """Seconds to wait after one more failure."""
        ceiling = min(CAP, BASE * 2.0 ** min(self._tries, 16))
        self._tries += 1
        return self._random() * ceiling

    def reset(self) -> None:
        """The network is back, or may well be."""
        self._tries = 0
