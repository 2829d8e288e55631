"""A process of its own that delivers what is ready: `python courier_process.py FOLDER URL NAME`.

It says "ready" on standard output, begins when it is told to on standard input, and ends when nothing is left.
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

from gs_pygame._base.clocks import Backoff, SystemClock
from gs_pygame._delivery.courier import Courier
from gs_pygame._disk.outbox import Outbox
from gs_pygame.destinations import GameSparks


def main(folder: Path, url: str, name: str) -> None:
    outbox = Outbox(folder / "outbox.sqlite3")
    courier = Courier(
        outbox,
        GameSparks(url, "secret", credential=name),
        SystemClock(),
        Backoff(random.random),
        folder / "delivery-gamesparks.lock",
        may_send=lambda: True,
        on_receipt=lambda receipt: None,
        on_rest=lambda: None,
    )
    print("ready", flush=True)
    sys.stdin.readline()
    while (delay := courier.turn()) is not None:
        time.sleep(min(delay, 0.01))
    courier.close()


main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
