"""What a process of ours does, once Python runs: it becomes the task that its command line names.

It says nothing, and every step of it may be its last.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import NoReturn

TOLD_LIMIT = 10.0
"""Seconds that it waits for its order: the game may have died before it could write it."""


def become(task: str) -> NoReturn:
    """Do `task`, as standard input orders, and end this process."""
    try:
        limit = end_after(TOLD_LIMIT)
        told = open(0, "rb", closefd=False)  # noqa: SIM115 - sys.stdin is None in a frozen game without a console
        order = json.loads(told.readline())
        sys.path += [path for path in order["search"] if path not in sys.path]
        limit.cancel()
        if task == "afterwards":
            from ._delivery.afterwards import follow

            follow(told, **order["order"])
        elif task == "sending":
            from ._delivery.sending import send

            send(told, **order["order"])
    finally:
        os._exit(0)


def end_after(seconds: float) -> threading.Timer:
    """End this process then, whatever it is waiting for."""
    timer = threading.Timer(seconds, os._exit, (0,))
    timer.daemon = True
    timer.start()
    return timer
