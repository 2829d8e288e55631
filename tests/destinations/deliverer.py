"""A process that delivers what is ready to one destination, which it is told as the helper process is:
`python deliverer.py FOLDER`, and the destination on standard input. It ends when nothing is left."""

from __future__ import annotations

import json
import random
import sys
import time
from pathlib import Path

from gs_pygame._base.clocks import Backoff, SystemClock
from gs_pygame._delivery.courier import Courier
from gs_pygame._disk.outbox import Outbox
from gs_pygame.destinations._telling import made

folder = Path(sys.argv[1])
courier = Courier(
    Outbox(folder / "outbox.sqlite3"),
    made(json.loads(sys.stdin.readline())),
    SystemClock(),
    Backoff(random.random),
    folder / "delivery.lock",
    may_send=lambda: True,
    on_receipt=lambda receipt: None,
    on_rest=lambda: None,
)
while (delay := courier.turn()) is not None:
    time.sleep(min(delay, 0.01))
courier.close()
