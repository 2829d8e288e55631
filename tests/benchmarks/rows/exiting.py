"""How long the exit of a game takes, whatever the network does, and what becomes of the last thing it had to send."""

from __future__ import annotations

import socket
import subprocess
import sys
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

ROUNDS, EVERY = 30, 15
"""Exits of ours in each state; the peers take part in one round of so many, since some are slow to go."""

START, PLAY = 3.0, 0.5  # seconds; START: allowed until the play begins
AGAIN = 3.0
"""Seconds that the next start plays, which may send what the first left."""

PATIENCE = 10.0
"""Seconds after which a game that does not end is killed."""

IN_TIME = 5.0
STATES = ("fine", "refusing", "silent", "dns")
HANG = "import socket, time\nsocket.getaddrinfo = lambda *_, **__: time.sleep(30)\n"

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
        f"ours and of no plugin in each state of the network, {-(-rounds // EVERY)} of each peer, taking turns (so p99 "
        "is the longest of so few). An earlier thing is just being sent. `dns`: names are never resolved. A game that "
        f"has not ended after {PATIENCE:.0f} s is killed. `sent in time`: the last thing was at the server "
        f"{IN_TIME:.0f} s after the exit, the server being fine. `kept`: after a refusal, the next start on the same "
        "folder sends it.",
        against="no plugin",
        plotted=[f"{state}: p99" for state in states],
    )
    exits: dict[tuple[str, str], list[Exit]] = {}
    kept: dict[str, bool] = {}
    with ExitStack() as stack:
        servers = {"fine": stack.enter_context(Server()), "silent": stack.enter_context(Server("--silent"))}
        urls = {state: server.url for state, server in servers.items()}
        urls |= {"refusing": stack.enter_context(_refusing()), "dns": "http://localhost:9"}
        base = stack.enter_context(scratch())  # for all: what is sent after an exit is still there
        for number in range(rounds):
            turns = [("without", "fine"), *((subject, state) for state in states for subject in ("gs_pygame", *PEERS))]
            for subject, state in turns:
                if subject not in PEERS or number % EVERY == 0:
                    folder = base / f"{subject}-{state}-{number}"
                    exits.setdefault((subject, state), []).append(_exit(subject, state, urls[state], folder))
        for subject in ("gs_pygame", *PEERS):
            left = _exit(subject, "refusing", urls["refusing"], base / subject)
            _exit(subject, "fine", urls["fine"], base / subject, AGAIN)
            kept[subject] = left.last in servers["fine"].marks()
        time.sleep(IN_TIME)
        arrived = servers["fine"].marks()
    for state in states:
        exits["without", state] = exits["without", "fine"]
    for (subject, state), each in exits.items():
        took = [1e3 * one.took for one in each]
        line = "no plugin" if subject == "without" else subject
        row.add(line, f"{state}: p50", Figure.of(took))
        row.add(line, f"{state}: p99", Figure(percentile(took, 99.0), took))
    for subject, durable in kept.items():
        late = [arrived.get(one.last, float("inf")) - one.gone for one in exits[subject, "fine"]]
        row.tell(subject, "sent in time", f"{sum(seconds <= IN_TIME for seconds in late)} of {len(late)}")
        row.tell(subject, "kept", "yes" if durable else "no")
    _budget(row, states, [peer for peer in PEERS if kept[peer]])
    return row


def _budget(row: Row, states: Sequence[str], keepers: list[str]) -> None:
    for state in states:
        added = row.value("gs_pygame", f"{state}: p99") - row.value("no plugin", f"{state}: p99")
        row.budgets.append(Budget(f"exit, {state}: p99 over no plugin", 50.0, added, "ms"))
        if keepers:
            best = min(row.value(peer, f"{state}: p50") for peer in keepers)
            ours = row.value("gs_pygame", f"{state}: p50")
            row.budgets.append(Budget(f"exit, {state}: p50, of the best peer that keeps it", 1.0, ours / best, "x"))


@contextmanager
def _refusing() -> Iterator[str]:
    """An address that refuses: the port is taken, and nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def _exit(subject: str, state: str, url: str, folder: Path, seconds: float = PLAY) -> Exit:
    first, last = mark(next(_marks)), mark(next(_marks))
    task = {"subject": subject, "state": state, "url": url, "folder": str(folder)}
    with scratch() as workplace:
        game = spawn(__name__, {**task, "seconds": seconds, "marks": [first, last]}, workplace)
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
    if task["state"] == "dns":
        _hang()
    subject = SUBJECTS[task["subject"]]()
    subject.start(task["url"], Path(task["folder"]))
    subject.record(task["marks"][0])
    play(subject, task["seconds"])
    answer(sys.argv, time.monotonic())
    subject.leave(task["marks"][1])
    pygame.quit()
    sys.exit()


def _hang() -> None:
    """No name is resolved from here on, in the process after the exit neither."""
    from gs_pygame._delivery import process

    exec(HANG)
    process._PROGRAM = HANG + process._PROGRAM


if __name__ == "__main__":
    _measure()
