"""What the rows share: results, processes that measure, the server they talk to, outboxes with ends in them."""

from __future__ import annotations

import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from .subjects import Without

ROOT = Path(__file__).resolve().parents[2]
CACHE = ".venv-benchmarks"
ABOUT = json.dumps({"sdk": "gs_pygame 1.0.0", "platform": "linux", "python": "3.11.7", "pygame": "pygame 2.6.1"})

SILENT = {"SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy", "PYGAME_HIDE_SUPPORT_PROMPT": "1"}

FPS = 60
"""Frames a second of all games here."""

CAP = 180.0
"""Seconds that one measuring process may take; no row needs as much."""


@dataclass(frozen=True)
class Figure:
    """One cell of the table: a `value` for all rounds together, and one for each, which show how far they lie apart.

    `interval`: of 100 runs, 95 have one that holds the value of endless rounds.
    """

    value: float
    rounds: list[float]
    interval: tuple[float, float] | None = None

    @staticmethod
    def of(rounds: Sequence[float]) -> Figure:
        return Figure(statistics.median(rounds), list(rounds))

    @staticmethod
    def typical(rounds: Sequence[float]) -> Figure:
        """The median, and its interval."""
        return Figure(statistics.median(rounds), list(rounds), interval_of_median(rounds))


def interval_of_median(values: Sequence[float]) -> tuple[float, float] | None:
    """The 95 % interval of the median by the sign test, which asks nothing of how the values are distributed.

    None of fewer than six.
    """
    ordered, rank, beyond = sorted(values), 0, 0.0
    while (beyond := beyond + math.comb(len(ordered), rank) / 2 ** len(ordered)) <= 0.025:
        rank += 1
    return (ordered[rank - 1], ordered[-rank]) if rank else None


@dataclass(frozen=True)
class Budget:
    """What was allowed, and what was measured in this run."""

    what: str
    allowed: float
    measured: float
    unit: str
    least: bool = False  # allowed is the least, not the most
    interval: tuple[float, float] | None = None

    @property
    def kept(self) -> bool | None:
        """None: it cannot be told, since the interval holds what is allowed."""
        low, high = self.interval or (self.measured, self.measured)
        if low < self.allowed < high:
            return None
        return self.measured >= self.allowed if self.least else self.measured <= self.allowed


@dataclass
class Row:
    """One row of the benchmark: a table of subjects by measures.

    `against`: the subject that the others are told as ratios of. `texts`: what is known of a subject and is no figure.
    `plotted`: the measures that are drawn; all, if there are none. `measured`: when and of which commit, in words.
    """

    name: str
    title: str
    method: str
    against: str | None = None
    figures: dict[str, dict[str, Figure]] = field(default_factory=dict)
    texts: dict[str, dict[str, str]] = field(default_factory=dict)
    plotted: Sequence[str] = ()
    budgets: list[Budget] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    measured: str = ""

    def add(self, subject: str, measure: str, figure: Figure) -> None:
        self.figures.setdefault(subject, {})[measure] = figure

    def tell(self, subject: str, measure: str, text: str) -> None:
        self.texts.setdefault(subject, {})[measure] = text

    def ratio(self, subject: str, measure: str) -> float | None:
        """To the same measure of `against`; None where that has none."""
        if self.against is None or subject == self.against or measure not in self.figures.get(self.against, {}):
            return None
        ours, theirs = self.figures[subject][measure], self.figures[self.against][measure]
        return ours.value / theirs.value if theirs.value else None

    def value(self, subject: str, measure: str) -> float:
        return self.figures[subject][measure].value


def percentile(values: Sequence[float], per_cent: float) -> float:
    """The value that `per_cent` of `values` do not exceed (the nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * per_cent / 100))]


def spawn(
    module: str, task: dict[str, Any], folder: Path, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Have `python -m module` do `task` in a process of its own; its answer will be in `folder`.

    Its output goes to a file: what it leaves behind would keep a pipe open.
    """
    with (folder / "errors").open("wb") as errors:
        return subprocess.Popen(
            [sys.executable, "-m", module, json.dumps(task), str(folder / "answer.json")],
            cwd=ROOT,
            env={**os.environ, **SILENT, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
        )


def answer_in(folder: Path) -> Any:
    """What the process answered, which has ended. Raises RuntimeError, with its output, if it did not."""
    try:
        return json.loads((folder / "answer.json").read_text())
    except FileNotFoundError:
        output = (folder / "errors").read_text(errors="replace")
        raise RuntimeError(f"a measuring process came to nothing:\n{output[-3000:]}") from None


def measure(module: str, task: dict[str, Any]) -> Any:
    """Have it done, and wait for it; what it answered. What others wrote is on the disk before: nobody pays for it."""
    with scratch() as folder:
        if hasattr(os, "sync"):  # not on Windows
            os.sync()
        process = spawn(module, task, folder)
        try:
            process.wait(CAP)
        finally:
            process.kill()
        return answer_in(folder)


def task_of(arguments: Sequence[str]) -> dict[str, Any]:
    """In the measuring process: what it is to do."""
    return dict(json.loads(arguments[1]))


def answer(arguments: Sequence[str], said: object) -> None:
    """In the measuring process: what it found. The process may go on, or be gone the next moment."""
    partial = Path(f"{arguments[2]}.partial")
    partial.write_text(json.dumps(said))
    partial.replace(arguments[2])


class Server:
    """`serve.py` in a process of its own."""

    def __init__(self, *options: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.serve", *options], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout
        self.port = int(self._process.stdout.readline())
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def marks(self) -> dict[str, float]:
        """When each mark first came in, on the monotonic clock."""
        with urlopen(f"{self.url}/marks") as answered:
            return dict(json.load(answered))


def mark(number: int) -> str:
    """A word that the server finds again in whatever it was sent in."""
    return f"mark-{number:08x}"


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder on the project's disk (the system's may be in memory), gone afterwards even if it is written into."""
    place = ROOT / CACHE / "scratch"
    place.mkdir(parents=True, exist_ok=True)
    folder = tempfile.mkdtemp(dir=place)
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def small_game() -> None:
    """In the measuring process: a window, but none that is shown."""
    import pygame

    pygame.init()
    pygame.display.set_mode((64, 64))


def play(subject: Without, seconds: float) -> None:
    """In the measuring process: a game in which nothing happens."""
    import pygame

    clock = pygame.time.Clock()
    for _ in range(round(seconds * FPS)):
        clock.tick(FPS)
        pygame.event.get()
        subject.each_frame()
        pygame.display.flip()
