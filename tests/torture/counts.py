"""How much is tried: from the environment, small unless set, so that CI has its answer within a minute.

Large, by hand, from the project's root (the times are those of two cores). What takes longer than six minutes wants
`-o faulthandler_timeout=0` as well:

    # 10,000 games killed: half an hour
    GS_PYGAME_KILLS=10000 python -m pytest tests/torture/test_kills.py::test_kills
    # 2,000 deliverers killed, at one destination and at two: four minutes each
    GS_PYGAME_DELIVERER_KILLS=2000 python -m pytest tests/torture/test_kills.py -k deliverers
    # eight copies for ten minutes; with 30 seconds and more, some are stopped for longer than a suspend is told by
    GS_PYGAME_COPIES=8 GS_PYGAME_COPIES_SECONDS=600 python -m pytest tests/torture/test_kills.py::test_copies
    # 500 kills amid each of an erase, a migration, a recovery: a minute
    GS_PYGAME_AMID_KILLS=500 python -m pytest tests/torture/test_kills_amid.py
    # 500 choices of consent in two copies, one in four of which is killed: a quarter of an hour
    GS_PYGAME_CHOICES=500 python -m pytest tests/torture/test_choices.py
    # 1,000,000 fuzz cases: 40 minutes of one core, in 50 rounds, since hypothesis remembers every case of a run
    for seed in $(seq 1 50); do
        GS_PYGAME_FUZZ=5000 GS_PYGAME_SEED=$seed \\
            python -m pytest -q tests/torture/test_fuzz.py --basetemp=/dev/shm/fuzz || break
    done

    # 10,000 sequences of HTTP: a quarter of an hour
    GS_PYGAME_HTTP=10000 python -m pytest tests/torture/test_http.py

    # 10,000 requests that the server does not know: two minutes
    GS_PYGAME_UNKNOWN=10000 python -m pytest tests/server/test_server_memory.py

    # Ctrl-C between any two bytecodes of whatever a game calls, 70,000 points: three quarters of an hour
    GS_PYGAME_INTERRUPTS=100000 python -m pytest tests/torture/test_interrupts.py

GS_PYGAME_SEED=7 repeats what a failure showed: what each game does, how long it lives, which cases are made. What two
processors make of it, no seed can decide.
"""

from __future__ import annotations

import os
import random


def _number(name: str, default: int) -> int:
    return int(os.environ.get(f"GS_PYGAME_{name}", default))


KILLS = _number("KILLS", 100)
"""Games that are played; all but a few are killed."""

LANES = _number("LANES", 4)
"""Installations that are played on at the same time."""

DELIVERER_KILLS = _number("DELIVERER_KILLS", 25)
"""Deliverers that are killed."""

COPIES = _number("COPIES", 4)
"""Copies of one game that share a folder."""

COPIES_SECONDS = _number("COPIES_SECONDS", 6)
"""For how long."""

AMID_KILLS = _number("AMID_KILLS", 12)
"""Processes that are killed amid an erase, and as many amid a migration, a salvage, and a recovery."""

CHOICES = _number("CHOICES", 15)
"""Times that the player chooses whether something may be kept and sent, in one of two copies of a game."""

FUZZ = _number("FUZZ", 150)
"""Cases of each fuzz test."""

HTTP = _number("HTTP", 150)
"""Sequences of answers over HTTP, each to a few ends."""

INTERRUPTS = _number("INTERRUPTS", 8)
"""Points of each deed of a game at which Ctrl-C comes."""

UNKNOWN = _number("UNKNOWN", 1000)
"""Requests to the server that it does not know."""

STORM_SECONDS = _number("STORM_SECONDS", 4)
"""For how long a game is interrupted every few milliseconds."""

SEED = _number("SEED", random.SystemRandom().randrange(10**6))
"""Decides everything that is drawn."""
