"""The memory and the threads that a game has more."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ..kit import Budget, Figure, Row, Server, answer, mark, measure, play, scratch, small_game, task_of
from ..subjects import PEERS, SUBJECTS

ROUNDS, SETTLED = 3, 1.5
MEGABYTE = 1e6


def run(quick: bool) -> Row:
    rounds, settled = (1, 0.5) if quick else (ROUNDS, SETTLED)
    row = Row(
        "footprint",
        "Memory and threads added",
        f"A small game, {rounds} rounds, taking turns: resident megabytes and threads over the game without anything, "
        f"{settled} s after the start, and as long after the first thing was recorded (and, where the peer does "
        "that so soon, sent).",
    )
    found: dict[str, list[list[list[float]]]] = {}
    with Server() as server:
        for _ in range(rounds):
            for subject in ("without", "gs_pygame", *PEERS):
                with scratch() as folder:
                    task = {"subject": subject, "url": server.url, "folder": str(folder), "settled": settled}
                    found.setdefault(subject, []).append(measure(__name__, task))
    bare = found.pop("without")
    for subject, rounds_of_it in found.items():
        for moment, word in enumerate(("idle", "after a delivery")):
            pairs = list(zip(rounds_of_it, bare, strict=True))
            row.add(subject, f"MB, {word}", Figure.of([ours[moment][0] - none[moment][0] for ours, none in pairs]))
            row.add(subject, f"threads, {word}", Figure.of([ours[moment][1] - none[moment][1] for ours, none in pairs]))
    row.budgets = [
        Budget("memory added, after a delivery", 15.0, row.value("gs_pygame", "MB, after a delivery"), "MB"),
        Budget("threads added", 2.0, row.value("gs_pygame", "threads, after a delivery"), ""),
    ]
    row.notes.append("Glean sends from a process of its own, whose memory is not in these figures.")
    return row


def _measure() -> None:
    import psutil

    task = task_of(sys.argv)
    small_game()
    subject = SUBJECTS[task["subject"]]()
    subject.start(task["url"], Path(task["folder"]))
    process = psutil.Process()
    found = []
    for moment in range(2):
        if moment:
            subject.record(mark(0))
        play(subject, task["settled"])
        found.append((process.memory_info().rss / MEGABYTE, process.num_threads()))
    answer(sys.argv, found)
    os._exit(0)


if __name__ == "__main__":
    _measure()
