"""What the start of a game pays: the import, and the install on an outbox with 0, 1,000 and 100,000 ends."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from ..inside import fill
from ..kit import Budget, Figure, Row, Server, answer, measure, scratch, small_game, task_of
from ..subjects import PEERS, SUBJECTS

ENDS = (0, 1_000, 100_000)
ROUNDS = 15  # in slow minutes of a machine an install takes thrice as long

MODULES = {
    "gs_pygame": "gs_pygame",
    "Sentry": "sentry_sdk",
    "PostHog": "posthog",
    "Glean": "glean",
    "GamePulse": "gamepulse",
    "Bugnet": "bugnet_sdk",
    "requests (for comparison)": "requests",
}


def run(quick: bool) -> Row:
    rounds, sizes = (1, ENDS[:2]) if quick else (ROUNDS, ENDS)
    row = Row(
        "starting",
        "Import and install, milliseconds",
        f"Each in a fresh process, {rounds} rounds, taking turns; pygame was imported before. The install is one call "
        "on the game's thread, with a server that answers; `first` is a new folder, else there is an outbox of earlier "
        "runs that has so many ends to send. The peers' install is their own call, on a new folder.",
        plotted=("import", "install, first"),
    )
    with Server() as server:
        for _ in range(rounds):
            for name, module in MODULES.items():
                _note(row, name, "import", measure(__name__, {"module": module}))
            for ends in (None, *sizes):
                with scratch() as folder:
                    if ends is not None:
                        fill(folder, ends)
                    task = {"install": "gs_pygame", "url": server.url, "folder": str(folder)}
                    measure_name = "install, first" if ends is None else f"install, {ends:,} ends"
                    _note(row, "gs_pygame", measure_name, measure(__name__, task))
            for peer in PEERS:
                with scratch() as folder:
                    task = {"install": peer, "url": server.url, "folder": str(folder)}
                    _note(row, peer, "install, first", measure(__name__, task))
    row.budgets = [
        Budget("import gs_pygame", 25.0, row.value("gs_pygame", "import"), "ms"),
        Budget("install, first", 5.0, row.value("gs_pygame", "install, first"), "ms"),
        Budget("install, 0 ends", 5.0, row.value("gs_pygame", "install, 0 ends"), "ms"),
    ]
    if not quick:
        row.budgets.append(Budget("install, 100,000 ends", 50.0, row.value("gs_pygame", "install, 100,000 ends"), "ms"))
    row.notes.append("No peer is told of a backlog: GamePulse sends its own in the call itself, Glean in its process.")
    return row


def _note(row: Row, subject: str, measure_name: str, milliseconds: float) -> None:
    known = row.figures.get(subject, {}).get(measure_name)
    row.add(subject, measure_name, Figure.of([*(known.rounds if known else []), milliseconds]))


def _measure() -> None:
    task = task_of(sys.argv)
    import pygame  # noqa: F401 - a game has it anyway

    if "module" in task:
        begun = time.perf_counter_ns()
        __import__(task["module"])
    else:
        small_game()
        subject = SUBJECTS[task["install"]]()
        __import__(MODULES[task["install"]])
        begun = time.perf_counter_ns()
        subject.start(task["url"], Path(task["folder"]))
    answer(sys.argv, (time.perf_counter_ns() - begun) / 1e6)
    os._exit(0)


if __name__ == "__main__":
    _measure()
