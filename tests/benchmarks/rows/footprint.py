"""The memory and the threads that a game has more."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ..kit import Budget, Figure, Row, Server, answer, answer_in, mark, play, scratch, small_game, spawn, task_of
from ..subjects import PEERS, SUBJECTS

ROUNDS, SETTLED = 3, 1.5
LATER = 13.0
"""Seconds after which what was needed for one delivery may have gone."""

MEGABYTE = 1e6
MOMENTS = ("idle", "after a delivery", "later")


def run(quick: bool) -> Row:
    rounds, settled, later = (1, 0.5, 0.5) if quick else (ROUNDS, SETTLED, LATER)
    row = Row(
        "footprint",
        "Memory and threads added",
        f"A small game, {rounds} rounds, all at the same time: resident megabytes and threads over the game without "
        f"anything, {settled} s after the start, as long after the first thing was recorded (and, where the peer does "
        f"that so soon, sent), and {later} s `later`. `processes`: memory of its own (not shared) of the processes "
        "that it started.",
        plotted=[f"{what}, after a delivery" for what in ("MB", "processes", "threads")],
    )
    found: dict[str, list[list[list[float]]]] = {}
    with Server() as server:
        for _ in range(rounds):
            with scratch() as base:
                games = {}
                for subject in ("without", "gs_pygame", *PEERS):
                    place = base / subject
                    place.mkdir()
                    task = {"subject": subject, "url": server.url, "folder": str(place / "data")}
                    games[subject] = spawn(__name__, {**task, "waits": [settled, settled, later]}, place)
                for subject, game in games.items():
                    game.wait()
                    found.setdefault(subject, []).append(answer_in(base / subject))
    bare = found.pop("without")
    for subject, rounds_of_it in found.items():
        for moment, word in enumerate(MOMENTS):
            pairs = list(zip(rounds_of_it, bare, strict=True))
            row.add(subject, f"MB, {word}", Figure.of([ours[moment][0] - none[moment][0] for ours, none in pairs]))
            row.add(subject, f"threads, {word}", Figure.of([ours[moment][1] - none[moment][1] for ours, none in pairs]))
            row.add(subject, f"processes, {word}", Figure.of([ours[moment][2] for ours, _ in pairs]))
    ours = {name: figure.value for name, figure in row.figures["gs_pygame"].items()}
    row.budgets = [
        Budget("memory added", 15.0, max(ours[f"MB, {word}"] for word in MOMENTS), "MB"),
        Budget(
            "memory added, with the process that sends, for 10 s after a delivery",
            15.0,
            ours["MB, after a delivery"] + ours["processes, after a delivery"],
            "MB",
        ),
        Budget("threads added", 2.0, max(ours[f"threads, {word}"] for word in MOMENTS), ""),
    ]
    return row


def _measure() -> None:
    import psutil

    task = task_of(sys.argv)
    small_game()
    subject = SUBJECTS[task["subject"]]()
    subject.start(task["url"], Path(task["folder"]))
    process = psutil.Process()
    found = []
    for moment, seconds in enumerate(task["waits"]):
        if moment == 1:
            subject.record(mark(0))
        play(subject, seconds)
        others = sum(child.memory_full_info().uss for child in process.children(recursive=True))
        found.append((process.memory_info().rss / MEGABYTE, process.num_threads(), others / MEGABYTE))
    answer(sys.argv, found)
    os._exit(0)


if __name__ == "__main__":
    _measure()
