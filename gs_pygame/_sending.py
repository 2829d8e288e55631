"""Sends from a process of its own while the game plays: the interpreter's lock stays with the game.

A thread would hold that lock for the 80 ms of `import requests` and for most of each request, and a frame that waits
for it is late by up to the 5 ms of `sys.getswitchinterval()`. The benchmark's row "frames" has both side by side.

    game: courier -> Sender  == ends, a line of JSON each ==>  process: GameSparks
                             <= an outcome for each ==========
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import threading
from dataclasses import asdict, fields
from queue import Empty, SimpleQueue
from typing import IO, Any

from . import _detached
from ._messages import End, EndSessionResponse
from .destinations import Delivered, Outcome, Pause, Rejected, Retry
from .destinations._protocol import attempt
from .destinations.gamesparks import GameSparks

log = logging.getLogger("gs_pygame")

ALONE = 60.0
"""Seconds without an end after which the process goes by itself: the game has died, and a child that it forked has its
pipe. A game that lives closes it sooner.
"""

LEAVING = 1.0
"""Seconds that the delivering thread may wait for it to go."""

_ANYWHERE = os.path.abspath(os.sep)  # it keeps no folder from being removed

_END = [field.name for field in fields(End)]

_MARK = b"outcome "

_OTHERS: dict[str, type[Rejected | Pause | Retry]] = {kind.__name__: kind for kind in (Rejected, Pause, Retry)}


class Sender:
    """GameSparks, made of `arguments`, in another process; where there can be none, in the thread that delivers.

    A Destination: used by one thread at a time.
    """

    def __init__(self, arguments: dict[str, Any]) -> None:
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None
        self._answers = False  # whether a process has ever answered
        self._inside: GameSparks | None = None

    def deliver(self, end: End) -> Outcome:
        if self._inside is None:
            outcome = self._ask(end)
            if outcome is None and self._answers:  # it has just gone, or was ended
                outcome = self._ask(end)
            if outcome:
                self._answers = True
                return outcome
            if self._answers:
                return Retry("the process that sends has gone", server_error=True)
            self._inside = GameSparks(**self._arguments)
        return self._inside.deliver(end)

    def close(self) -> None:
        if self._process is not None:
            process, self._process = self._process, None
            _detached.leave(process)  # at which it goes
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(LEAVING)
        if self._inside is not None:
            self._inside.close()

    def _ask(self, end: End) -> Outcome | None:
        """What came of it; None if there is no process, or it gives no answer."""
        try:
            process = self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps([getattr(end, name) for name in _END]).encode() + b"\n")
            process.stdin.flush()
            outcome = _hear(process.stdout)
        except Exception as error:  # noqa: BLE001 - OSErrors, and what an audit hook of the game raises
            log.info("gs_pygame: no process can send for the game: %s", error)
            outcome = None
        if outcome is None:
            self.close()
        return outcome

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = _detached.start("sending", {"destination": self._arguments}, _ANYWHERE, answers=True)
        return self._process


def send(told: IO[bytes], destination: dict[str, Any]) -> None:
    """Be the process, until `told` ends: then the game has gone, or needs it no more."""
    gamesparks = GameSparks(**destination)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what anyone prints is no answer
    lines: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_listen, args=(told, lines), daemon=True).start()
    with contextlib.suppress(Empty):
        while True:
            end = End(*json.loads(lines.get(timeout=ALONE)))
            answers.write(_said(attempt(gamesparks, [end])[0]))
            answers.flush()


def _listen(told: IO[bytes], lines: SimpleQueue[bytes]) -> None:
    for line in told:
        lines.put(line)
    os._exit(0)  # in the middle of a request, too: it is sent again, and is the same


def _said(outcome: Outcome) -> bytes:
    return _MARK + json.dumps([type(outcome).__name__, asdict(outcome)]).encode() + b"\n"


def _hear(answers: IO[bytes]) -> Outcome | None:
    """The next outcome; None if there will be none. Other lines are what a frozen game says when it starts."""
    for line in answers:
        if line.startswith(_MARK):
            kind, said = json.loads(line.removeprefix(_MARK))
            if kind == Delivered.__name__:
                return Delivered(EndSessionResponse(**said["response"]))
            return _OTHERS[kind](**said)
    return None
