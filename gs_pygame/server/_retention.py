"""What is too old goes by itself, a little at a time, whichever worker has its turn."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from ._erasure import erase_older
from ._recorder import UNAVAILABLE
from ._store import Store
from ._turns import in_thread

LOOK = 600.0
"""Seconds between two looks: by so much, and what a look takes, may something be kept too long."""


async def keep_only(store: Store, age: float) -> None:
    """For ever: erase what was received `age` seconds ago."""
    while True:
        with suppress(*UNAVAILABLE):
            while await in_thread(erase_older, store, store.now() - round(age * 1e6)):
                pass
        await asyncio.sleep(LOOK)
