"""All that the benchmark knows of gs_pygame's inside: how to lay ends into an outbox, and to use one by itself.

The rest of it uses public names only, so that what is measured may be built anew without it. Every import of the plugin
is inside: for one row it is what is measured.
"""

from __future__ import annotations

import json
import time
import uuid
from functools import cache
from pathlib import Path
from typing import Any

from .kit import ABOUT, mark, scratch

OUTBOX = "outbox.sqlite3"


def open_in(folder: Path) -> Any:
    """The outbox in `folder`, for the functions below."""
    from gs_pygame._disk.outbox import Outbox

    return Outbox(folder / OUTBOX)


def put(outbox: Any, name: str) -> None:
    """One ready end: a session's start, and its end at once, as the plugin records them. Two commits."""
    session_id = str(uuid.uuid4())
    data = json.dumps({"mark": name, "level": 3})
    yesterday = time.time() - 86_400.0
    outbox.start("a-run-of-the-past", session_id, yesterday, None, data, ABOUT, None)
    outbox.save(session_id, "explicit", 63.5, 70.25, data, ready=True)


def take(outbox: Any) -> str:
    """The session of the next end to go."""
    return str(outbox.ready(2)[0].session_id)


def receipt(outbox: Any, session_id: str) -> None:
    """It is delivered."""
    from gs_pygame import EndSessionResponse

    outbox.deliver(session_id, EndSessionResponse(0, {}))


def bodies(folder: Path, ends: int) -> list[bytes]:
    """What is posted for so many of the ends that lie in `folder`."""
    from gs_pygame.destinations.gamesparks import request_of

    return [json.dumps(request_of(end)).encode() for end in open_in(folder).ready(ends)]


def kept(folder: Path, at_most: int) -> int:
    """How many ends lie in `folder`."""
    return len(open_in(folder).ready(at_most))


def fill(folder: Path, ends: int) -> None:
    """Lay an outbox into `folder` that holds so many ready ends of earlier runs."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / OUTBOX).write_bytes(_filled(ends))


@cache
def _filled(ends: int) -> bytes:
    with scratch() as folder:
        outbox = open_in(folder)
        with outbox.transaction():
            for number in range(ends):
                put(outbox, mark(number))
        whole = folder / "whole"
        outbox.copy_to(whole)
        outbox.close()
        return whole.read_bytes()
