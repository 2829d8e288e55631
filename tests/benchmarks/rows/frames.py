"""Frame time of the example game: without anything, with ours, and with each of the peers while it sends as much."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..kit import Budget, Figure, Row, Server, fill, measure, percentile, scratch
from ..subjects import PEERS

UNITS = 500
RATES = (60, 240)
ROUNDS, SECONDS = 3, 20.0
SHORT, PARTS = 4.0, 5  # the first delivery comes once in a process: several short ones, as long in all
SHORT_BASE = "no plugin, short plays"  # which are quieter than long ones: the game gets harder
AS_MUCH = 0.9  # of what was recorded: a peer that sent less is not compared
PERCENTILES = {"p50": 50.0, "p99": 99.0, "p99.9": 99.9, "max": 100.0}


class Scene(NamedTuple):
    """`units`: things recorded, one a frame. `backlog`: ends on disk from earlier runs."""

    subject: str
    units: int = 0
    backlog: int = 0
    silent: bool = False
    parts: int = 1


SCENES = {
    "no plugin": Scene("without"),
    "gs_pygame, idle": Scene("gs_pygame"),
    SHORT_BASE: Scene("without", parts=PARTS),
    "gs_pygame, first delivery": Scene("gs_pygame", units=1, parts=PARTS),
    f"gs_pygame, {UNITS} ends flush": Scene("backlog", units=1, backlog=UNITS),
    f"gs_pygame, {UNITS} ends flush, sent by a thread": Scene("thread", units=1, backlog=UNITS),
    "gs_pygame, server silent": Scene("backlog", units=1, backlog=UNITS, silent=True),
    f"gs_pygame, records and sends {UNITS}": Scene("gs_pygame", units=UNITS),
    **{f"{peer}, records and sends {UNITS}": Scene(peer, units=UNITS) for peer in PEERS},
}


def run(quick: bool) -> Row:
    rounds, seconds, short = (1, 1.5, 1.5) if quick else (ROUNDS, SECONDS, SHORT)
    rates = RATES[:1] if quick else RATES
    row = Row(
        "frames",
        "Frame time, milliseconds",
        f"`examples.starfall` with its bot under SDL's dummy driver, {rounds} x {seconds:.0f} s for each line, taking "
        "turns; alone on the machine but for the loopback server. From the moment a frame was due until its update and "
        f"draw were done. One thing a frame is recorded from second 1 on; flushed are {UNITS} ends that lay on disk. "
        f"`sent`: how many were at the server when the play was over. First delivery: {PARTS} plays a round, each with "
        "one end and the import of `requests`.",
        against="no plugin",
        plotted=[f"{name} at {fps}" for fps in rates for name in ("p50", "p99.9")],
    )
    for fps in rates:
        played: dict[str, list[list[int]]] = {name: [] for name in SCENES}
        sent: dict[str, list[float]] = {name: [] for name in SCENES}
        for number in range(rounds):
            for name, scene in SCENES.items():
                long = seconds if scene.parts == 1 else short
                parts = [_play(scene, fps, long, number) for _ in range(1 if quick else scene.parts)]
                played[name].append([frame for frames, _ in parts for frame in frames])
                sent[name].append(sum(count for _, count in parts))
        for name, plays in played.items():
            together = [frame for frames in plays for frame in frames]
            for word, per_cent in PERCENTILES.items():
                each = [percentile(frames, per_cent) / 1e6 for frames in plays]
                row.add(name, f"{word} at {fps}", Figure(percentile(together, per_cent) / 1e6, each))
            if SCENES[name].units and not SCENES[name].silent:
                row.add(name, f"sent at {fps}", Figure.of(sent[name]))
    _budget(row, rates)
    row.notes.append(
        "Glean batches its events itself: the 500 leave as one ping, by a process of its own. GamePulse sends 50 every "
        "2 s. Bugnet has no events and sends reports, each from a thread of its own. Sentry drops what its queue of "
        "100 cannot take. Our 500 on disk are let go by `set_consent()`, in a frame."
    )
    return row


def _play(scene: Scene, fps: int, seconds: float, number: int) -> tuple[list[int], int]:
    with scratch() as folder, Server(*(["--silent"] if scene.silent else [])) as server:
        if scene.backlog:
            fill(folder, scene.backlog)
        task = {"subject": scene.subject, "url": server.url, "folder": str(folder), "fps": fps, "units": scene.units}
        frames = measure("tests.benchmarks.play", {**task, "seconds": seconds, "round": number})
        return frames, len(server.marks())


def _budget(row: Row, rates: Sequence[int]) -> None:
    for fps in rates:
        worst = f"p99.9 at {fps}"
        for name in (f"gs_pygame, {UNITS} ends flush", "gs_pygame, first delivery", "gs_pygame, idle"):
            base = row.value(SHORT_BASE if name.endswith("first delivery") else "no plugin", worst)
            allowed = 0.0 if name.endswith("idle") else 1.0
            spread = row.figures["no plugin"][worst].rounds
            slack = max(spread) - min(spread) if name.endswith("idle") else 0.0
            row.budgets.append(
                Budget(f"{worst} over no plugin: {name}", allowed + slack, row.value(name, worst) - base, "ms")
            )
        lines = [f"{peer}, records and sends {UNITS}" for peer in PEERS]
        peers = [row.value(line, worst) for line in lines if row.value(line, f"sent at {fps}") >= AS_MUCH * UNITS]
        if peers:
            ours = row.value(f"gs_pygame, records and sends {UNITS}", worst)
            row.budgets.append(Budget(f"{worst}, of the best peer that sent as much", 1.0, ours / min(peers), "x"))
