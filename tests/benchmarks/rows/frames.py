"""How much later the example game's frames come: with ours, and with each of the peers while it sends as much.

Two plays of the same game never take the same time, whoever plays. So all that is told is a difference to the play
without anything of the same round, as the median of many rounds, with its interval; and the first line tells how much
there is between two plays of which neither has a plugin.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..inside import fill
from ..kit import FPS, Budget, Figure, Row, Server, measure, percentile, scratch
from ..subjects import PEERS

UNITS = 500
ROUNDS, FRAMES = 12, 150
"""Plays of two and a half seconds: in longer ones most frames would come after all has been sent. Of twelve rounds the
interval leaves out the two best and the two worst."""

LONG_ROUNDS, LONG_FRAMES = 6, UNITS
"""Where there is something to record in each frame; six rounds are the least that have an interval."""

TENTH = 0.1
"""The part of a play's frames that count as its late ones. The game three times against itself, on a machine that was
at work (12 pairs, ms): a tenth 0.07, 0.10, 0.18; its latest frame -0.10, 0.07, 0.30; p99 0.07, 0.22, 0.57; p99.9 of all
frames, which is two of them, -1.8, 0.9, 2.8. And what is sent is felt in 15 to 30 of 150 frames."""

DUE_MS = 1000.0 / FPS

UNSEEN_MS = 0.25
"""A sixtieth of a frame: a difference that is none to a player."""

AS_MUCH = 0.9  # of what was recorded: a peer that sent less is not compared

BASE, AGAIN, LONG_BASE = "no plugin", "no plugin, against itself", "no plugin, long plays"
FIRST, FLUSH = "gs_pygame, first delivery", f"gs_pygame, {UNITS} ends flush"
IDLE, OURS = "gs_pygame, idle", f"gs_pygame, records and sends {UNITS}"
TYPICAL, P99, OVER = "p50, ms", "p99, ms", f"over {DUE_MS:.1f} ms, a minute"
LATE, LATEST = "added to the latest tenth, ms", "added to the latest frame, ms"


class Scene(NamedTuple):
    """`units`: things recorded, one a frame. `backlog`: ends on disk from earlier runs."""

    subject: str
    units: int = 0
    backlog: int = 0
    silent: bool = False


class Play(NamedTuple):
    """Milliseconds for each frame; how much had been sent at the end."""

    frames: list[float]
    sent: int


SHORT = {
    BASE: Scene("without"),
    AGAIN: Scene("without"),
    IDLE: Scene("gs_pygame"),
    FIRST: Scene("gs_pygame", units=1),
    FLUSH: Scene("backlog", units=1, backlog=UNITS),
    f"{FLUSH}, sent by a thread": Scene("thread", units=1, backlog=UNITS),
    "gs_pygame, server silent": Scene("backlog", units=1, backlog=UNITS, silent=True),
}
LONG = {
    LONG_BASE: Scene("without"),
    OURS: Scene("gs_pygame", units=UNITS),
    **{f"{peer}, records and sends {UNITS}": Scene(peer, units=UNITS) for peer in PEERS},
}


def run(quick: bool) -> Row:
    rounds, long_rounds, frames, long_frames = (1, 1, 60, 60) if quick else (ROUNDS, LONG_ROUNDS, FRAMES, LONG_FRAMES)
    row = Row(
        "frames",
        f"Frame time at {FPS} frames a second",
        "`examples.starfall` with its bot under SDL's dummy driver, alone on the machine but for the loopback server; "
        "every play is the same game, and a frame has as much to do as the frame of the same number in any other. A "
        "frame lasts from the moment when it was due until its update and draw were done. All lines play once a round, "
        f"each round in another order: {rounds} rounds of {frames} frames, and {long_rounds} of {long_frames} where "
        "something is recorded in each frame. `added`: how much later than that very frame mostly is (its median in "
        "all plays) the latest tenth of a play's frames, or its latest frame, came; less the same of the play without "
        f"plugin in the same round. `sent`: how many were at the server when the play was over; flushed are {UNITS} "
        "ends that lay on disk.",
        plotted=(LATE, LATEST),
    )
    late = _measure(row, SHORT, BASE, rounds, frames) | _measure(row, LONG, LONG_BASE, long_rounds, long_frames)
    row.budgets = [
        *(
            _budget(name, allowed, row.figures[name][LATE])
            for name, allowed in ((IDLE, UNSEEN_MS), (FIRST, 1.0), (FLUSH, 1.0))
        ),
        *_against_peers(row, late),
    ]
    row.notes.append(
        "Glean batches its events itself: the 500 leave as one ping, by a process of its own. GamePulse sends 50 every "
        "2 s. Bugnet has no events and sends reports, each from a thread of its own. Sentry drops what its queue of "
        "100 cannot take. Our 500 on disk are let go by `set_consent()`, in a frame."
    )
    return row


def _measure(row: Row, scenes: Mapping[str, Scene], base: str, rounds: int, frames: int) -> dict[str, list[float]]:
    """Play all of them, and fill the row; how late each one's latest tenth was, for each round."""
    plays: dict[str, list[Play]] = {name: [] for name in scenes}
    names = list(scenes)
    for number in range(rounds):
        for name in random.Random(number).sample(names, len(names)):
            plays[name].append(_play(scenes[name], frames))
    everything = [one.frames for each in plays.values() for one in each]
    usual = [statistics.median(times) for times in zip(*everything, strict=True)]
    late = {name: [_latest(one, usual, round(TENTH * frames)) for one in each] for name, each in plays.items()}
    latest = {name: [_latest(one, usual, 1) for one in each] for name, each in plays.items()}
    for name, each in plays.items():
        together = [time for one in each for time in one.frames]
        for word, per_cent in ((TYPICAL, 50.0), (P99, 99.0)):
            row.add(
                name, word, Figure(percentile(together, per_cent), [percentile(one.frames, per_cent) for one in each])
            )
        if name != base:
            row.add(name, LATE, Figure.typical(_less(late[name], late[base])))
            row.add(name, LATEST, Figure.typical(_less(latest[name], latest[base])))
        over = [sum(time > DUE_MS for time in one.frames) * 60 * FPS / frames for one in each]
        row.add(name, OVER, Figure(statistics.mean(over), over))
        if scenes[name].units and not scenes[name].silent:
            row.add(name, "sent", Figure.of([one.sent for one in each]))
    return late


def _play(scene: Scene, frames: int) -> Play:
    with scratch() as folder, Server(*(["--silent"] if scene.silent else [])) as server:
        if scene.backlog:
            fill(folder, scene.backlog)
        task = {"subject": scene.subject, "url": server.url, "folder": str(folder), "units": scene.units}
        times = measure("tests.benchmarks.play", {**task, "frames": frames})
        return Play([time / 1e6 for time in times], len(server.marks()))


def _latest(play: Play, usual: Sequence[float], count: int) -> float:
    """By how much the `count` latest frames came later than they usually do, in the mean."""
    return statistics.mean(sorted(_less(play.frames, usual))[-count:])


def _less(those: Sequence[float], these: Sequence[float]) -> list[float]:
    return [that - this for that, this in zip(those, these, strict=True)]


def _budget(what: str, allowed: float, added: Figure) -> Budget:
    return Budget(f"added to the latest tenth of frames: {what}", allowed, added.value, "ms", interval=added.interval)


def _against_peers(row: Row, late: Mapping[str, list[float]]) -> list[Budget]:
    peers = [name for name in LONG if name not in (LONG_BASE, OURS) and row.value(name, "sent") >= AS_MUCH * UNITS]
    if not peers:
        return []
    best = min(peers, key=lambda name: row.value(name, LATE))
    return [_budget(f"{OURS}, over {best}", UNSEEN_MS, Figure.typical(_less(late[OURS], late[best])))]
