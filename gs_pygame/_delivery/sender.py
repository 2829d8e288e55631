"""Sends from a process of its own while the game plays: the interpreter's lock stays with the game.

A thread would hold that lock for the 80 ms of `import requests` and for most of each request, and a frame that waits
for it is late by up to the 5 ms of `sys.getswitchinterval()`. Measured while 500 ends were sent (the benchmark's row
"frames", at 60 frames a second): p99 4.3 ms without the plugin, 4.6 with this process, 6.1 with a thread.
"""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
from typing import Any

from .._messages import End
from ..destinations import Outcome, Retry
from ..destinations.gamesparks import GameSparks
from . import process
from .sending import hear_outcome, say_end

log = logging.getLogger("gs_pygame")

LEAVING = 1.0
"""Seconds that the delivering thread may wait for it to go."""

_ANYWHERE = os.path.abspath(os.sep)  # it keeps no folder from being removed


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
            running, self._process = self._process, None
            process.leave(running)  # at which it goes
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.wait(LEAVING)
        if self._inside is not None:
            self._inside.close()

    def _ask(self, end: End) -> Outcome | None:
        """What came of it; None if there is no process, or it gives no answer."""
        try:
            process = self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(say_end(end))
            process.stdin.flush()
            outcome = hear_outcome(process.stdout)
        except Exception as error:  # noqa: BLE001 - OSErrors, and what an audit hook of the game raises
            log.info("gs_pygame: no process can send for the game: %s", error)
            outcome = None
        if outcome is None:
            self.close()
        return outcome

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = process.start("sending", {"destination": self._arguments}, _ANYWHERE, answers=True)
        return self._process
