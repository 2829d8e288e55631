"""How much is tried: from the environment, small unless set, so that CI has its answer within a minute.

    GS_PYGAME_KILLS=10000 GS_PYGAME_SEED=7 python -m pytest tests/torture/test_kills.py

The seed decides what each game does and how long it lives; what two processors make of it, no seed can decide.
"""

from __future__ import annotations

import os
import random


def _number(name: str, default: int) -> int:
    return int(os.environ.get(f"GS_PYGAME_{name}", default))


KILLS = _number("KILLS", 100)
"""Games that are played; all but a few are killed."""

LANES = _number("LANES", 10)
"""Installations that are played on at the same time."""

DELIVERER_KILLS = _number("DELIVERER_KILLS", 40)
"""Deliverers that are killed."""

COPIES = _number("COPIES", 4)
"""Copies of one game that share a folder."""

COPIES_SECONDS = _number("COPIES_SECONDS", 6)
"""For how long."""

AMID_KILLS = _number("AMID_KILLS", 12)
"""Processes that are killed amid an erase, and as many amid a migration, a salvage, and a recovery."""

FUZZ = _number("FUZZ", 150)
"""Cases of each fuzz test."""

SEED = _number("SEED", random.SystemRandom().randrange(10**6))
"""Decides everything that is drawn."""
