"""What an hour of play costs while there is nothing to send: processor time and writes."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from ..kit import Budget, Figure, Row, Server, answer, answer_in, play, scratch, small_game, spawn, task_of
from ..subjects import PEERS, SUBJECTS

SETTLED, PART, PARTS = 5.0, 30.0, 3
AT_ONCE = 2  # games: a core for each
HOUR = 3600.0


def run(quick: bool) -> Row:
    part, parts = (3.0, 1) if quick else (PART, PARTS)
    row = Row(
        "idling",
        "An hour of play with nothing to send",
        f"A small game at 60 frames a second, {parts} x {part:.0f} s of real time, scaled to an hour; {AT_ONCE} games "
        "play at the same time, ours beside the one without, since what is measured is their own processor time. "
        "`threads`: processor time of all threads but the game's, SDL's own among them. `to disk`: what the system "
        "counts as written; `written`: what was handed to it.",
        plotted=("threads, % of a core", "to disk, MB"),
    )
    subjects = ("without", "gs_pygame", *PEERS)
    with Server() as server:
        for first in range(0, len(subjects), AT_ONCE):
            with scratch() as base:
                games = {}
                for subject in subjects[first : first + AT_ONCE]:
                    place = base / subject
                    place.mkdir()
                    data = str(place / "data")
                    task = {"subject": subject, "url": server.url, "folder": data, "part": part, "parts": parts}
                    games[subject] = spawn(__name__, task, place)
                for subject, game in games.items():
                    game.wait()
                    _fill(row, "no plugin" if subject == "without" else subject, answer_in(base / subject), part)
    core = {
        line: row.value(line, "threads, % of a core") + row.value(line, "game's thread, % of a core")
        for line in ("gs_pygame", "no plugin")
    }
    row.budgets = [
        Budget("idle: of a core, all threads, over no plugin", 0.05, core["gs_pygame"] - core["no plugin"], "%"),
        Budget("idle: to disk in an hour", 1.0, row.value("gs_pygame", "to disk, MB"), "MB"),
    ]
    return row


def _fill(row: Row, line: str, found: list[dict[str, float]], seconds: float) -> None:
    for name, key, scale in (
        ("threads, % of a core", "threads", 100.0 / seconds),
        ("game's thread, % of a core", "game", 100.0 / seconds),
        ("to disk, MB", "disk", HOUR / seconds / 1e6),
        ("written, MB", "written", HOUR / seconds / 1e6),
    ):
        row.add(line, name, Figure.of([part[key] * scale for part in found]))


def _measure() -> None:
    import psutil

    task = task_of(sys.argv)
    small_game()
    subject = SUBJECTS[task["subject"]]()
    subject.start(task["url"], Path(task["folder"]))
    play(subject, SETTLED)
    process = psutil.Process()
    found = []
    for _ in range(task["parts"]):
        before = _now(process)
        play(subject, task["part"])
        found.append({key: value - before[key] for key, value in _now(process).items()})
    answer(sys.argv, found)
    os._exit(0)


def _now(process: Any) -> dict[str, float]:
    game = time.thread_time()
    counters = process.io_counters()  # not on macOS
    written = getattr(counters, "write_chars", counters.write_bytes)
    return {"game": game, "threads": time.process_time() - game, "disk": counters.write_bytes, "written": written}


if __name__ == "__main__":
    _measure()
