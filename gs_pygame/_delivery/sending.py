"""The process that sends while the game plays, and what the game (`_sender`) and it say to each other.

    game: courier -> Sender  == ends, a line of JSON each ==>  process: GameSparks
                             <= an outcome for each ==========

It imports as little as it can: what it takes of memory and of its start is the player's.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import threading
from collections.abc import Iterator
from dataclasses import asdict, fields
from queue import Empty, SimpleQueue
from typing import IO, Any

from .._messages import End, EndSessionResponse
from ..destinations import Delivered, Outcome, Pause, Rejected, Retry
from ..destinations._protocol import attempt
from ..destinations.gamesparks import GameSparks

ALONE = 60.0
"""Seconds without an end after which, or twice as many, the process goes by itself: the game has died, and a child that
it forked has its pipe. A game that lives closes it sooner.
"""

_END = [field.name for field in fields(End)]

_MARK = b"outcome "

_OTHERS: dict[str, type[Rejected | Pause | Retry]] = {kind.__name__: kind for kind in (Rejected, Pause, Retry)}


def say_end(end: End) -> bytes:
    return json.dumps([getattr(end, name) for name in _END]).encode() + b"\n"


def send(told: IO[bytes], destination: dict[str, Any]) -> None:
    """Be the process, until `told` ends: then the game has gone, or needs it no more."""
    gamesparks = GameSparks(**destination)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what anyone prints is no answer
    for line in _lines(told):
        answers.write(say_outcome(attempt(gamesparks, [End(*json.loads(line))])[0]))
        answers.flush()


def _lines(told: IO[bytes]) -> Iterator[bytes]:
    """What is told, until it ends: then this process does, in the middle of a request, too. That is sent again, and is
    the same.
    """
    if hasattr(select, "poll"):
        busy = threading.Event()
        busy.set()
        threading.Thread(target=_watch, args=(busy,), daemon=True).start()
        for line in told:
            busy.set()
            yield line
    else:  # Windows: one thread hands each line to another, for which every end waits a little
        lines: SimpleQueue[bytes] = SimpleQueue()
        threading.Thread(target=_listen, args=(told, lines), daemon=True).start()
        with contextlib.suppress(Empty):
            while True:
                yield lines.get(timeout=ALONE)


def _watch(busy: threading.Event) -> None:
    closed = select.poll()
    closed.register(0, 0)  # nothing but that it is closed
    while not closed.poll(ALONE * 1000) and busy.is_set():
        busy.clear()
    os._exit(0)


def _listen(told: IO[bytes], lines: SimpleQueue[bytes]) -> None:
    for line in told:
        lines.put(line)
    os._exit(0)


def say_outcome(outcome: Outcome) -> bytes:
    return _MARK + json.dumps([type(outcome).__name__, asdict(outcome)]).encode() + b"\n"


def hear_outcome(answers: IO[bytes]) -> Outcome | None:
    """The next outcome; None if there will be none. Other lines are what a frozen game says when it starts."""
    for line in answers:
        if line.startswith(_MARK):
            kind, said = json.loads(line.removeprefix(_MARK))
            if kind == Delivered.__name__:
                return Delivered(EndSessionResponse(**said["response"]))
            return _OTHERS[kind](**said)
    return None
