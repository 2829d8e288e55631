"""Sending 10,000 ends that lie on disk, beside a bare loop of requests that posts as many bytes."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from ..inside import bodies, fill
from ..kit import Budget, Figure, Row, Server, answer, measure, scratch, small_game, task_of

ENDS, ROUNDS = 10_000, 2
BATCH = 500
BARE, OURS = "bare requests.Session", "gs_pygame"
NOWHERE, BATCHES = "gs_pygame, to a destination that does nothing", f"gs_pygame, to one that takes {BATCH} at a time"


def run(quick: bool) -> Row:
    rounds, ends = (1, 500) if quick else (ROUNDS, ENDS)
    row = Row(
        "flushing",
        "Flush of a backlog, ends a second",
        f"{ends:,} ends that lie on disk, {rounds} rounds, taking turns. Ours: from `install()` to the end of "
        "`flush()`, with the import of requests, a receipt on disk for each end. The bare loop "
        "posts the same bodies with one `requests.Session` and reads each answer as JSON; nothing is on disk. The last "
        "two lines are to destinations of the game's own, in its process.",
        against=BARE,
    )
    rates: dict[str, list[float]] = {BARE: [], OURS: [], NOWHERE: [], BATCHES: []}
    with Server() as server:
        for _ in range(rounds):
            for name, found in rates.items():
                with scratch() as folder:
                    fill(folder, ends)
                    task = {"what": name, "url": server.url, "folder": str(folder), "ends": ends}
                    found.append(ends / float(measure(__name__, task)))
    for name, found in rates.items():
        row.add(name, "ends a second", Figure.of(found))
    bare, batches = row.ratio(OURS, "ends a second") or 0.0, row.value(BATCHES, "ends a second")
    row.budgets = [
        Budget("flush, one end a request, of the bare loop", 0.9, bare, "x", least=True),
        Budget(f"flush, {BATCH} ends at a time", 10_000.0, batches, "a second", least=True),
    ]
    row.notes.append(
        "No peer is here: Sentry, PostHog and Bugnet keep nothing on disk that could be flushed, Glean at most 500 "
        "pings, and GamePulse sends what it kept in its `init()`, 50 in a request."
    )
    return row


def _measure() -> None:
    task = task_of(sys.argv)
    folder = Path(task["folder"])
    if task["what"] == BARE:
        seconds = _bare(task["url"], folder, task["ends"])
    else:
        seconds = _ours(task["url"], folder, DESTINATIONS.get(task["what"], lambda: None)())
    answer(sys.argv, seconds)
    os._exit(0)


def _bare(url: str, folder: Path, ends: int) -> float:
    posted = bodies(folder, ends)
    begun = time.perf_counter()
    import requests

    session = requests.Session()
    for body in posted:
        session.post(f"{url}/rs/device/secret/EndSessionRequest", data=body).json()
    return time.perf_counter() - begun


def _ours(url: str, folder: Path, destination: Any) -> float:
    import gs_pygame

    small_game()
    settings = gs_pygame.Settings(endpoint=url, secret="secret", data_dir=folder)
    begun = time.perf_counter()
    plugin = gs_pygame.SessionPlugin(settings, destination)
    if not plugin.flush(150.0):
        raise RuntimeError(f"not all was sent: {plugin.status()}")
    return time.perf_counter() - begun


class _Nowhere:
    """A destination that has whatever it is given, at once."""

    name = "nowhere"
    batch_size = 1

    def deliver(self, ends: Any) -> Any:
        from gs_pygame import EndSessionResponse
        from gs_pygame.destinations import Delivered

        return [Delivered(EndSessionResponse(0, {})) for _ in ends]

    def close(self) -> None:
        pass


class _Batches(_Nowhere):
    batch_size = BATCH


DESTINATIONS: dict[str, Any] = {NOWHERE: _Nowhere, BATCHES: _Batches}


if __name__ == "__main__":
    _measure()
