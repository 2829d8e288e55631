"""Compares what the games saw, what the outbox counted and what the server got."""

from __future__ import annotations

import itertools
import random
import sqlite3
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from gs_pygame._base.clocks import Backoff, SystemClock
from gs_pygame._delivery.courier import Courier
from gs_pygame._disk.outbox import Outbox
from gs_pygame._disk.runs import recover_dead_runs
from gs_pygame._disk.storage import delivery_lock

from .game import destinations
from .recorder import Recorded
from .truth import Seen, read

SETTLE = 60.0
"""Seconds that the last delivery may take; only a broken outbox takes them."""

TOLERANCE = 1.0
"""Seconds that the length of a session may be off."""

RARE = 0.001
"""The share of sessions that may be off by more, and one in a small run: the machine itself may stand still."""


@dataclass(frozen=True)
class Run:
    """One process: where its truth lies, when it died, from when to when it was stopped, and whether it was killed."""

    truth: Path
    died: float
    stopped: tuple[float, float] | None
    killed: bool

    def seen(self) -> list[Seen]:
        return read(self.truth, self.died, self.stopped)


@dataclass
class Verdict:
    """What was found. `wrong` is empty if all promises were kept."""

    sessions: int = 0
    repeats: int = 0
    unseen: int = 0  # sessions whose game was killed before it could note them
    unrecorded: list[float] = field(default_factory=list)  # seconds of play whose start never reached the disk
    errors: list[tuple[float, str]] = field(default_factory=list)  # seconds between the game's length and the plugin's
    reasons: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Verdict) -> None:
        self.sessions += other.sessions
        self.repeats += other.repeats
        self.unseen += other.unseen
        self.unrecorded += other.unrecorded
        self.errors += other.errors
        self.reasons += other.reasons
        self.wrong += other.wrong

    def check_lengths(self) -> None:
        """Once all is added: how many lengths are off by more than the tolerance."""
        if len(self.beyond) > max(1, RARE * len(self.errors)):
            self.wrong.append(f"too many lengths are off by over {TOLERANCE} s: {self.beyond}")

    @property
    def beyond(self) -> list[tuple[float, str]]:
        return [error for error in self.errors if error[0] > TOLERANCE]

    def __str__(self) -> str:
        ordered = sorted(error for error, _ in self.errors) or [0.0]
        shares = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "max": 1.0}
        lengths = ", ".join(f"{name} {ordered[int(share * (len(ordered) - 1))]:.3f}" for name, share in shares.items())
        return (
            f"{self.sessions} sessions, {self.repeats} repeats, {self.unseen} unseen by their game, "
            f"{len(self.unrecorded)} never on disk (at most {max(self.unrecorded, default=0.0):.3f} s of play); "
            f"length off by (s) {lengths}; {dict(self.reasons)}"
            f"{self.beyond or ''}"
        )


def settle(folder: Path, url: str) -> list[str]:
    """Nobody plays any more: recover and deliver everything, as the next start would. What went wrong."""
    outbox = Outbox(folder / "outbox.sqlite3")
    recover_dead_runs(outbox, folder / "runs")
    all_of_them = destinations(url)
    give_up = time.monotonic() + SETTLE
    for destination in all_of_them:
        courier = Courier(
            outbox,
            destination,
            SystemClock(),
            Backoff(random.random),
            delivery_lock(folder, destination.name),
            may_send=lambda: True,
            on_receipt=lambda receipt: None,
            on_rest=lambda: None,
            lock_wait=0.05,
            among=[each.name for each in all_of_them],
        )
        while (delay := courier.turn()) is not None and time.monotonic() < give_up:
            time.sleep(min(delay, 0.05))
            courier.nudge()
        courier.close()
    counts = outbox.counts()
    outbox.close()
    all_is_delivered = counts.started == counts.ended == counts.delivered and not (counts.rejected or counts.dropped)
    return [] if all_is_delivered else [f"{folder.parent.name}: not all is delivered: {counts}"]


def last_number(folder: Path) -> tuple[int, list[str]]:
    """How many sessions the outbox has ever begun; and what is wrong with the file."""
    with closing(sqlite3.connect(folder / "outbox.sqlite3")) as db:
        found = db.execute("SELECT max(number) FROM sessions").fetchone()
        health = db.execute("PRAGMA integrity_check").fetchone()[0]
        open_ = db.execute("SELECT count(*) FROM sessions WHERE state IN ('open', 'waiting')").fetchone()[0]
    wrong = [f"{folder.parent.name}: the outbox is unreadable: {health}"] if health != "ok" else []
    wrong += [f"{folder.parent.name}: {open_} sessions are still open"] if open_ else []
    wrong += [f"{folder.parent.name}: {path.name} was set aside" for path in folder.glob("*.damaged*")]
    return found[0] or 0, wrong


def judge(folder: Path, runs: list[Run], ends: dict[str, Recorded]) -> Verdict:
    """One installation, after `settle`. `ends`: those of this installation."""
    verdict = Verdict(repeats=sum(end.repeats for end in ends.values()))
    verdict.sessions, verdict.wrong = last_number(folder)
    where = folder.parent.name
    by_number: dict[int, Recorded] = {}
    for request_id, end in ends.items():
        session = end.session
        verdict.reasons[session["reason"]] += 1
        if session["number"] in by_number:
            verdict.wrong.append(f"{where}: number {session['number']} came twice")
        by_number[session["number"]] = end
        if request_id != f"d_{session['id']}":
            verdict.wrong.append(f"{where}: {request_id} is the end of {session['id']}")
        if end.changed:
            verdict.wrong.append(f"{where}: {request_id} came again with other words: {end.body} {end.changed[0]}")
        if not 0 <= session["activeMs"] <= session["wallMs"]:
            verdict.wrong.append(f"{where}: active {session['activeMs']} ms of {session['wallMs']} ms")
    missing = set(range(1, verdict.sessions + 1)) - by_number.keys()
    if missing or len(by_number) != verdict.sessions:
        verdict.wrong.append(f"{where}: of {verdict.sessions} sessions are missing {sorted(missing)}")
    seen = _compare_with_truth(verdict, where, runs, by_number)
    verdict.unseen = verdict.sessions - len(seen)
    _check_chain(verdict, where, runs, by_number)
    return verdict


def _compare_with_truth(verdict: Verdict, where: str, runs: list[Run], by_number: dict[int, Recorded]) -> set[int]:
    by_id = {end.session["id"]: end for end in by_number.values()}
    seen = set()
    for run in runs:
        for mine in run.seen():
            end = by_id.get(mine.session_id)
            if end is None:
                if mine.number:
                    verdict.wrong.append(f"{where}: session {mine.number} ({mine.session_id}) is lost")
                else:
                    verdict.unrecorded.append(mine.active)
                continue
            session = end.session
            seen.add(session["number"])
            if mine.number not in (0, session["number"]):
                verdict.wrong.append(f"{where}: session {mine.number} came as {session['number']}")
            error = abs(session["activeMs"] / 1000 - mine.active)
            words = (
                f"{run.truth.parent.name}/{run.truth.name} {session['reason']} {mine}, sent {session['activeMs']} ms"
            )
            verdict.errors.append((error, words))
            if session["reason"] == "abnormal" and (not run.killed or end.at < run.died):
                verdict.wrong.append(f"{where}: session {mine.number} was taken for dead while its game lived")
    return seen


def _check_chain(verdict: Verdict, where: str, runs: list[Run], by_number: dict[int, Recorded]) -> None:
    """A session's previous one: the one before it in its run; of a run's first, the last that was recorded."""
    by_id = {end.session["id"]: end.session for end in by_number.values()}
    for run in runs:
        mine = [by_id[seen.session_id] for seen in run.seen() if seen.session_id in by_id]
        before = by_number.get(mine[0]["number"] - 1) if mine else None
        for previous, session in itertools.pairwise(([before.session] if before else []) + mine):
            if session["previousId"] != previous["id"]:
                verdict.wrong.append(f"{where}: {session['number']} should follow {previous['number']}")


def complaints(log: Path) -> list[str]:
    """What the plugin logged, or Python said, that should not have happened, whatever was killed."""
    allowed = ("no connection to ", "the server answered HTTP", "the server did not answer in time")
    lines = log.read_text("utf-8", "replace").splitlines() if log.exists() else []
    return [line for line in lines if line and not any(words in line for words in allowed)]
