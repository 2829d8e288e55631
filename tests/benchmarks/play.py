"""The measuring process of the frames: plays the example game with its bot, and times every frame of it.

A frame's time runs from the moment when the frame was due until all of its update and draw was done: what a player sees
of it. So it holds a late wake-up as well, and a wait for the interpreter's lock.
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

from .kit import answer, mark, task_of
from .subjects import SUBJECTS, Without

WARM_UP = 1.0  # seconds
BEGIN = 1.0  # seconds into the measured time: when there is something to send


class Meter:
    """Takes the place of the game's clock. `fps`: what it keeps to. `act` is called in each measured frame."""

    def __init__(self, fps: int, act: Callable[[int], None]) -> None:
        self._period = 1_000_000_000 // fps
        self._act = act
        self._warm_up = round(WARM_UP * fps)
        self._number = -1
        self._due = time.perf_counter_ns()
        self.frames: list[int] = []

    def tick(self, _: int) -> float:
        """The frame is done: wait for the next one. Milliseconds, as of the game's own clock."""
        done = time.perf_counter_ns()
        if self._number >= self._warm_up:
            self.frames.append(done - self._due)
        before = self._due
        self._due = max(self._due + self._period, done)
        time.sleep(max(0, self._due - time.perf_counter_ns()) / 1e9)
        self._number += 1
        self._act(self._number - self._warm_up)
        return (self._due - before) / 1e6


def main() -> None:
    task = task_of(sys.argv)
    fps, units, folder = task["fps"], task["units"], Path(task["folder"])
    subject = SUBJECTS[task["subject"]]()
    meter = Meter(fps, _doing(subject, range(round(BEGIN * fps), round(BEGIN * fps) + units)))

    random.seed(task["round"])
    module: Any = example
    world = module.World
    module.World = lambda _: world(task["round"])  # every subject plays the same game
    module.pygame.time.Clock = lambda: meter
    game = example.Game(_server(), folder / "save.json", _sessions)
    subject.start(task["url"], folder)
    game.run(bot_seconds=WARM_UP + task["seconds"])
    answer(sys.argv, meter.frames)
    os._exit(0)  # how long the exit takes is another row


def _doing(subject: Without, recording: range) -> Callable[[int], None]:
    def act(number: int) -> None:
        subject.each_frame()
        if number in recording:
            subject.record(mark(number))

    return act


def _server() -> Any:
    return SimpleNamespace(running=True, address="")


def _sessions(_: object) -> Any:
    """The example's own panel about its sessions shows nothing, whoever measures: it is no part of the plugin."""
    return SimpleNamespace(delivered=[], plugin=SimpleNamespace(session=None, status=Status))


if __name__ == "__main__":
    main()
