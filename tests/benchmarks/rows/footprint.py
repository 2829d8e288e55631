"""The memory and the threads that a game has more."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from ..kit import Budget, Figure, Row, Server, answer, answer_in, mark, play, scratch, small_game, spawn, task_of
from ..subjects import PEERS, SUBJECTS

ROUNDS, SETTLED = 3, 1.5
DELIVERING = 3.0
"""Seconds in which what was recorded is sent; all games send at the same time."""

LATER = 10.0
"""Seconds after the delivery, when what was needed for it may have gone."""

LOOK = 0.1
"""Seconds between two looks at what is there: a process that delivers may be gone after one second."""

MEGABYTE = 1e6
MOMENTS = ("idle", "while it delivers", "later")


def run(quick: bool) -> Row:
    rounds, settled, delivering, later = (1, 0.5, 0.5, 0.5) if quick else (ROUNDS, SETTLED, DELIVERING, LATER)
    row = Row(
        "footprint",
        "Memory and threads added",
        f"A small game, {rounds} rounds, all at the same time: resident megabytes and threads over the game without "
        f"anything: {settled} s after the start; at most in the {delivering} s after the first thing was recorded, in "
        f"which it is sent (where the peer does that so soon); and {later:.0f} s `later`. `processes`: memory of its "
        "own (not shared) of the processes that it started.",
        plotted=[f"{what}, while it delivers" for what in ("MB", "processes", "threads")],
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
                    games[subject] = spawn(__name__, {**task, "waits": [settled, delivering, later]}, place)
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
        *(
            Budget(
                f"memory added, with processes, {word}", 15.0, ours[f"MB, {word}"] + ours[f"processes, {word}"], "MB"
            )
            for word in MOMENTS[1:]
        ),
        Budget("threads added", 2.0, max(ours[f"threads, {word}"] for word in MOMENTS), ""),
    ]
    return row


def _measure() -> None:
    task = task_of(sys.argv)
    small_game()
    subject = SUBJECTS[task["subject"]]()
    subject.start(task["url"], Path(task["folder"]))
    found = []
    for moment, seconds in enumerate(task["waits"]):
        if MOMENTS[moment] == "while it delivers":
            subject.record(mark(0))
            looks = []
            for _ in range(round(seconds / LOOK)):
                play(subject, LOOK)
                looks.append(_look(task["folder"]))
            found.append([max(each) for each in zip(*looks, strict=True)])
        else:
            play(subject, seconds)
            found.append(_look(task["folder"]))
    answer(sys.argv, found)
    os._exit(0)


def _look(folder: str) -> list[float]:
    """Megabytes, threads, megabytes of other processes: the game's children, and whoever works in its `folder`, as a
    helper does that is nobody's child."""
    import psutil

    process = psutil.Process()
    others = {child.pid: child for child in process.children(recursive=True)}
    for other in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if other.pid != process.pid and Path(other.cwd()).is_relative_to(folder):
                others[other.pid] = other
    used = 0
    for other in others.values():
        with contextlib.suppress(psutil.Error):  # it has just gone
            if other.cmdline() != process.cmdline():  # else it is just being started, and has the game's memory still
                used += other.memory_full_info().uss
    return [process.memory_info().rss / MEGABYTE, process.num_threads(), used / MEGABYTE]


if __name__ == "__main__":
    _measure()
