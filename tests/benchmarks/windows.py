"""A game of Windows builds under Wine, with the plugin and without it in turn: what it costs, and how it leaves.

WINE_ENVIRONMENT=FOLDER PYTHONPATH=tests python -m tests.benchmarks.windows [ROUNDS [SECONDS]]        (10 of 20 each)

FOLDER is made by `.ci/wine-environment`. A small game at 60 frames a second is played in a real window for so long, and
its close button is pressed. `wineserver` does the work of Windows' kernel for all programs; it has an open descriptor
for each thing that one of them holds, and what grows there with every second of play would end them all some day.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import psutil
from window.window_kit import Stage, eventually
from window.wine import Wine

SETTLED = 5.0
"""Seconds of play before anything is counted."""

MIB = 1 << 20


def main(rounds: int = 10, seconds: float = 20.0) -> None:
    figures: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    desktop = Wine()
    try:
        for number in range(rounds):
            for subject in ("without", "gs_pygame"):
                with tempfile.TemporaryDirectory() as folder:
                    stage = Stage("wine", desktop, Path(folder))
                    try:
                        found = _play(stage, subject, seconds)
                    finally:
                        stage.close()
                for name, value in found.items():
                    figures[name][subject].append(value)
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
    finally:
        desktop.close()
    for name, found in figures.items():
        print(f"{name}: " + "; ".join(f"{subject} {_said(values)}" for subject, values in found.items()))


def _play(stage: Stage, subject: str, seconds: float) -> dict[str, float]:
    more = {"WITHOUT_PLUGIN": "1"} if subject == "without" else {}
    game = stage.play("frames", **more)
    process, server = psutil.Process(game.process.pid), _wineserver()
    time.sleep(SETTLED)
    processor, servers, descriptors = _processor(process), _processor(server), server.num_fds()
    time.sleep(seconds)
    found = {
        "processor of the game, % of a core": (_processor(process) - processor) / seconds * 100,
        "of wineserver, % of a core": (_processor(server) - servers) / seconds * 100,
        "wineserver's descriptors, more by": server.num_fds() - descriptors,
        "memory of the game, MiB": process.memory_info().rss / MIB,
    }
    pressed = stage.desktop.close_button(game.window).after
    game.process.wait()
    found["exit after, ms"] = (time.time() - pressed) * 1000
    if subject == "gs_pygame":
        eventually(lambda: stage.server.ends, "the end arrives")
        found["at the server after, ms"] = (time.time() - pressed) * 1000
    return found


def _wineserver() -> psutil.Process:
    """The one that the desktop has started."""
    (found,) = [child for child in psutil.Process(os.getpid()).children() if child.name().startswith("wineserver")]
    return found


def _processor(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _said(values: list[float]) -> str:
    return f"{statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


if __name__ == "__main__":
    main(*(kind(word) for kind, word in zip((int, float), sys.argv[1:], strict=False)))
