"""The measuring process of the frames: plays the example game with its bot, and times every frame of it.

A frame's time runs from the moment when the frame was due until all of its update and draw was done: what a player sees
of it. So it holds a late wake-up as well, and a wait for the interpreter's lock.

Every play is the same one: the same seed, and a clock that tells the game that each frame took what it should. So a
frame has as much to do as the frame of the same number in any other play, and the two can be compared.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from examples.starfall import game as example
from gs_pygame import Status

from .kit import FPS, answer, mark, task_of
from .subjects import SUBJECTS, Without

WARM_UP = 1.0  # seconds
SEED = 7  # any one


class Over(Exception):
    """All frames have been measured."""


class Meter:
    """Takes the place of the game's clock. `act` is called in each of `count` measured frames; then it raises Over."""

    def __init__(self, count: int, act: Callable[[int], None]) -> None:
        self._period = 1_000_000_000 // FPS
        self._act = act
        self._count = count
        self._number = -round(WARM_UP * FPS)
        self._due = time.perf_counter_ns()
        self.frames: list[int] = []

    def tick(self, _: int) -> float:
        """The frame is done: wait for the next one. Milliseconds, as of the game's own clock."""
        done = time.perf_counter_ns()
        if self._number > 0:
            self.frames.append(done - self._due)
        if len(self.frames) == self._count:
            raise Over
        self._due = max(self._due + self._period, done)
        time.sleep(max(0, self._due - time.perf_counter_ns()) / 1e9)
        if self._number >= 0:
            self._act(self._number)
        self._number += 1
        return self._period / 1e6


def main() -> None:
    task = task_of(sys.argv)
    folder = Path(task["folder"])
    subject = SUBJECTS[task["subject"]]()
    meter = Meter(task["frames"], _doing(subject, task["units"]))

    random.seed(SEED)
    module: Any = example
    world = module.World
    module.World = lambda _: world(SEED)
    module.pygame.time.Clock = lambda: meter
    game = example.Game(_server(), folder / "save.json", _sessions)
    subject.start(task["url"], folder)
    try:
        game.run(bot_seconds=float("inf"))
    except Over:
        answer(sys.argv, meter.frames)
        os._exit(0)  # how long the exit takes is another row


def _doing(subject: Without, units: int) -> Callable[[int], None]:
    def act(number: int) -> None:
        subject.each_frame()
        if number < units:
            subject.record(mark(number))

    return act


def _server() -> Any:
    return SimpleNamespace(running=True, address="")


def _sessions(_: object) -> Any:
    """The example's own panel about its sessions shows nothing, whoever measures: it is no part of the plugin."""
    return SimpleNamespace(delivered=[], plugin=SimpleNamespace(session=None, status=Status))


if __name__ == "__main__":
    main()
