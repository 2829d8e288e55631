"""How long the exit of a game takes, whatever the network does, and what becomes of the last thing it had to send."""

from __future__ import annotations

import random
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import NamedTuple

from ..kit import (
    Budget,
    Figure,
    Row,
    Server,
    answer,
    answer_in,
    mark,
    percentile,
    play,
    scratch,
    small_game,
    spawn,
    task_of,
)
from ..subjects import PEERS, SUBJECTS

ROUNDS = 20
"""Exits in each state of no plugin, of ours, and of the peers that are as quick."""

QUICK, EVERY = ("Glean",), 2
"""The other peers take part in one round of so many: some are slow to go, and each costs a second and a half."""

START, PLAY = 3.0, 0.5  # seconds; START: allowed until the play begins
AGAIN = 3.0
"""Seconds that the next start plays, which may send what the first left."""

PATIENCE = 10.0
"""Seconds after which a game that does not end is killed."""

KILLS = 2
"""After so many a peer is asked no more in that state."""

IN_TIME = 5.0
STATES = ("fine", "refusing", "silent", "dns")

NO_NAMES = "BENCHMARK_RESOLVES_NO_NAMES"
HANG = "import socket, time; socket.getaddrinfo = lambda *_, **__: time.sleep(30)"
"""Put before every program of this environment while that variable is set: what a game starts obeys it as well."""

_marks = count(1)


class Exit(NamedTuple):
    """`took`: seconds; `gone`: when it was over, on the monotonic clock; `last`: what was to be sent last."""

    took: float
    gone: float
    last: str


def run(quick: bool) -> Row:
    rounds, states = (1, STATES[:2]) if quick else (ROUNDS, STATES)
    row = Row(
        "exiting",
        "Exit of a game, milliseconds",
        f"From before the last thing is recorded and `pygame.quit()` until the process has gone; {rounds} exits of "
        f"no plugin, of ours and of {' and '.join(QUICK)} in each state of the network, {-(-rounds // EVERY)} of each "
        "other peer, each round in another order (so p99 is the longest of so few). An earlier thing is just being "
        f"sent. `dns`: names are never resolved. A game that has not ended after {PATIENCE:.0f} s is killed; after "
        f"{KILLS} kills it is asked no more in that state. `sent in time`: the last thing was at the server "
        f"{IN_TIME:.0f} s after the exit, the server being fine. `kept`: after a refusal, the next start on the same "
        "folder sends it.",
        against="no plugin",
        plotted=[f"{state}: p99" for state in states],
    )
    exits: dict[tuple[str, str], dict[int, Exit]] = {}  # by subject and state, by the round
    kept: dict[str, bool] = {}
    with ExitStack() as stack:
        servers = {"fine": stack.enter_context(Server()), "silent": stack.enter_context(Server("--silent"))}
        urls = {state: server.url for state, server in servers.items()}
        urls |= {"refusing": stack.enter_context(_refusing()), "dns": "http://localhost:9"}
        stack.enter_context(_no_names())
        base = stack.enter_context(scratch())  # for all: what is sent after an exit is still there
        for number in range(rounds):
            turns = [("without", "fine"), *((subject, state) for state in states for subject in ("gs_pygame", *PEERS))]
            for subject, state in random.Random(number).sample(turns, len(turns)):
                known = exits.setdefault((subject, state), {})
                takes_part = subject not in PEERS or subject in QUICK or number % EVERY == 0
                if takes_part and sum(one.took >= PATIENCE for one in known.values()) < KILLS:
                    known[number] = _exit(subject, state, urls[state], base / f"{subject}-{state}-{number}")
        for subject in ("gs_pygame", *PEERS):
            left = _exit(subject, "refusing", urls["refusing"], base / subject)
            _exit(subject, "fine", urls["fine"], base / subject, AGAIN)
            kept[subject] = left.last in servers["fine"].marks()
        time.sleep(IN_TIME)
        arrived = servers["fine"].marks()
    for state in states:
        exits["without", state] = exits["without", "fine"]
    for (subject, state), each in exits.items():
        took = [1e3 * one.took for one in each.values()]
        line = "no plugin" if subject == "without" else subject
        row.add(line, f"{state}: p50", Figure.of(took))
        row.add(line, f"{state}: p99", Figure(percentile(took, 99.0), took))
    for subject, durable in kept.items():
        late = [arrived.get(one.last, float("inf")) - one.gone for one in exits[subject, "fine"].values()]
        row.tell(subject, "sent in time", f"{sum(seconds <= IN_TIME for seconds in late)} of {len(late)}")
        row.tell(subject, "kept", "yes" if durable else "no")
    _budget(row, exits, states, [peer for peer in PEERS if kept[peer]])
    return row


def _budget(row: Row, exits: dict[tuple[str, str], dict[int, Exit]], states: Sequence[str], keepers: list[str]) -> None:
    for state in states:
        added = row.value("gs_pygame", f"{state}: p99") - row.value("no plugin", f"{state}: p99")
        row.budgets.append(Budget(f"exit, {state}: p99 over no plugin", 50.0, added, "ms"))
        if keepers:
            best = min(keepers, key=lambda peer: row.value(peer, f"{state}: p50"))
            ours, theirs = exits["gs_pygame", state], exits[best, state]
            ratio = Figure.typical([ours[number].took / theirs[number].took for number in theirs])
            what = f"exit, {state}: of {best}'s in the same round, the best peer that keeps it"
            row.budgets.append(Budget(what, 1.0, ratio.value, "x", interval=ratio.interval))


@contextmanager
def _no_names() -> Iterator[None]:
    """Python runs what a `.pth` file beside its packages says, in an isolated process too."""
    path = Path(sysconfig.get_path("purelib")) / "benchmarks-no-names.pth"
    path.write_text(f"import os; os.environ.get({NO_NAMES!r}) and exec({HANG!r}, {{}})\n")
    try:
        yield
    finally:
        path.unlink()


@contextmanager
def _refusing() -> Iterator[str]:
    """An address that refuses: the port is taken, and nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def _exit(subject: str, state: str, url: str, folder: Path, seconds: float = PLAY) -> Exit:
    first, last = mark(next(_marks)), mark(next(_marks))
    task = {"subject": subject, "url": url, "folder": str(folder)}
    environment = {NO_NAMES: "yes"} if state == "dns" else {}
    with scratch() as workplace:
        game = spawn(__name__, {**task, "seconds": seconds, "marks": [first, last]}, workplace, environment)
        try:
            game.wait(START + seconds + PATIENCE)
        except subprocess.TimeoutExpired:
            game.kill()
            game.wait()
        gone = time.monotonic()
        return Exit(min(gone - answer_in(workplace), PATIENCE), gone, last)


def _measure() -> None:
    import pygame

    task = task_of(sys.argv)
    small_game()
    subject = SUBJECTS[task["subject"]]()
    subject.start(task["url"], Path(task["folder"]))
    subject.record(task["marks"][0])
    play(subject, task["seconds"])
    answer(sys.argv, time.monotonic())
    subject.leave(task["marks"][1])
    pygame.quit()
    sys.exit()


if __name__ == "__main__":
    _measure()
