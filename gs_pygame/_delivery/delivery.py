"""How a game has its ends delivered: by a helper process; where there can be none, or to what it cannot be told of, by
the game's own lanes.

A thread would hold the interpreter's lock for the 80 ms of `import requests` and for most of each request, and a frame
that waits for it is late by up to the 5 ms of `sys.getswitchinterval()`. A process holds up a frame's write by its own
commits instead. What either costs while 500 ends are sent, the benchmark's row "frames" shows.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .._base.boundary import let_go
from .._base.log import log
from .._base.patience import HEARING, QUICK, QUICK_HEARING, STARTING
from .._disk.lock import FileLock
from .._disk.outbox import Outbox, Receipt
from .._disk.storage import Storage
from .courier import Line
from .presence import presence_of
from .process import LOOK, NUDGE, STOP, Process, prepare

FAILURES = 2
"""Helpers that went without a word, one after the other, after which the thread delivers."""


class Delivery:
    """`told`: what a helper is told of the destinations that it delivers to, by their names. `among`: the names of all.

    `run`: who tells the game of receipts. `on_receipt` and `on_rest` are the courier's, too. `on_alone`: called when no
    helper is to be had any more. Turns are one thread's; the rest may be called by any.
    """

    def __init__(
        self,
        storage: Storage,
        run: Callable[[], str],
        told: dict[str, dict[str, Any]],
        among: Sequence[str],
        may_send: Callable[[], bool],
        on_receipt: Callable[[Receipt], None],
        on_rest: Callable[[], None],
        on_alone: Callable[[], None],
    ) -> None:
        self._storage = storage
        self._run = run
        self._told = told
        self._among = tuple(among)
        self._may_send = may_send
        self._on_receipt = on_receipt
        self._on_rest = on_rest
        self._on_alone = on_alone
        self._here = _working_directory()  # a game may change it later
        self._hearing = threading.RLock()
        self._guard = threading.RLock()
        self._process: Process | None = None
        self._started = 0.0  # time.monotonic()
        self._number = 0  # of the last one that was started
        self._seen = False
        self._failures = 0
        self._outbox = storage.outbox.couriers
        self._left = False
        self._word: bytes | None = None
        self._quick_until = self._again_from = 0.0  # time.monotonic()
        self._was_ready = False
        self._heard: set[str] = set()
        self._said: list[Any] = []

    @property
    def is_helped(self) -> bool:
        """Whether a helper delivers, or is to."""
        return bool(self._told) and self._failures < FAILURES and self._storage.durable

    def helps(self, name: str) -> bool:
        """Whether a helper delivers to the destination of that name, or is to."""
        return name in self._told and self.is_helped

    def look(self) -> None:
        """There is something new."""
        self._expect(self._word or LOOK)

    def nudge(self) -> None:
        """There is hope: try at once, whatever the backoff says."""
        self._expect(NUDGE)

    def _expect(self, word: bytes) -> None:
        self._word = word
        self._quick_until = time.monotonic() + QUICK

    def turn(self) -> float | None:
        """See to it that a helper delivers what is ready. Seconds until the next turn, or None."""
        if not self.is_helped:
            if self._told:
                self._on_alone()
            return None
        now = time.monotonic()
        if now < self._again_from:  # a game may end sessions faster than it needs to hear of them
            return self._again_from - now
        self._again_from = now + QUICK_HEARING
        prepare()
        if self._left or not self._may_send():
            return None
        outbox = self._storage.outbox.couriers
        was_ready, self._was_ready = self._was_ready, self._is_ready(outbox)
        self.hear(outbox)
        if self._was_ready:
            word, self._word = self._word, None
            self.have_helper(word)
            if not self.is_helped:
                self._on_alone()
                return None
        elif not was_ready:
            return None  # what is last to be heard, a line, comes after the last receipt
        return QUICK_HEARING if now < self._quick_until else HEARING

    def _is_ready(self, outbox: Outbox) -> bool:
        """Whether there is something for the helper."""
        return any(outbox.queue(name, self._among).ready(1) for name in self._told)

    def hear(self, outbox: Outbox) -> None:
        """What the helper has written down since the last time; nothing if a courier tells itself."""
        with self._hearing:
            if not self.is_helped or not outbox.changed():
                return
            untold = outbox.receipts_for(self._run())
            new = outbox.receipts([number for session_id, number in untold.items() if session_id not in self._heard])
            self._heard = set(untold)
            for receipt in new:
                self._on_receipt(receipt)
            _, said, _, cannot = self._read_lines(outbox)
            self._leave_to_lanes(cannot)
            fresh, self._said = said[1] and said != self._said, said
        if fresh:
            log.log(*said)
        if new or fresh:
            self._on_rest()

    def _leave_to_lanes(self, names: list[str]) -> None:
        """A helper cannot send to these."""
        if left := [name for name in names if name in self._told and len(self._told) > 1]:
            self._told = {name: what for name, what in self._told.items() if name not in left}
            self._on_alone()

    def know(self, receipts: list[Receipt]) -> None:
        """These the game is told of already."""
        with self._hearing:
            self._heard |= {receipt.end.session_id for receipt in receipts}

    def tell(self, receipt: Receipt) -> None:
        """One of the game's own lanes has it; a look for what the helper has done may have found it just before."""
        with self._hearing:
            if receipt.end.session_id not in self._heard:
                self._heard.add(receipt.end.session_id)
                self._on_receipt(receipt)

    def line(self, name: str, outbox: Outbox) -> Line:
        """The line to the destination of that name, as a helper last found it."""
        return self._read_lines(outbox)[0].get(name, Line())

    def _read_lines(self, outbox: Outbox) -> tuple[dict[str, Line], list[Any], int, list[str]]:
        """The lines by destination, what was logged last, by which helper, and where it cannot send."""
        try:
            number, lines, level, message, cannot = json.loads(outbox.line_of(self._run()) or "")
            found = {name: Line(online, error) for name, (online, error) in lines.items()}
            return found, [int(level), str(message)], int(number), list(map(str, cannot))
        except (ValueError, TypeError, AttributeError):
            return {}, [logging.NOTSET, ""], 0, []

    def have_helper(self, word: bytes | None = NUDGE) -> None:
        """Say `word` to the helper, or start one. A few milliseconds; never raises an Exception."""
        try:
            with self._guard:
                if self._left or not self.is_helped or not self._may_send():
                    return
                if not self._is_there():
                    self._start()
                elif word and self._process:
                    self._process.say(word)
        except Exception as error:  # noqa: BLE001 - OSErrors, and what an audit hook of the game raises
            self._failures = FAILURES
            log.info("gs_pygame: no process can deliver for the game: %s", error)

    def _is_there(self) -> bool:
        """Whether the helper is, or can still come."""
        if self._process is None:
            return False
        path = self._presence()
        if self._seen and self._process.lives and os.access(path, os.F_OK):
            return True
        try:
            lock = FileLock(path, create=False)
        except BlockingIOError:
            self._seen = True
            return True
        except FileNotFoundError:
            if self._may_still_come():
                return True
        else:
            if self._may_still_come():  # on a busy machine it may be put aside between the file and its lock
                lock.close()
                return True
            self._remove(path)  # it has died, and left its presence
            lock.close()
            self._remove(path)
        has_worked = self._read_lines(self._storage.outbox.games)[2] == self._number
        self._failures = 0 if has_worked else self._failures + 1
        return False

    def _may_still_come(self) -> bool:
        return not self._seen and time.monotonic() < self._started + STARTING

    def _start(self) -> None:
        assert self._storage.run_file is not None
        self._end()
        if not self.is_helped:
            return
        self._remove(self._presence())
        outbox, run_file = self._storage.outbox.games.path, self._storage.run_file.path
        self._number, self._seen, self._started = self._number + 1, False, time.monotonic()
        order = {
            "outbox": str(outbox),
            "run_file": str(run_file),
            "run": self._run(),
            "number": self._number,
            "told": self._told,
            "among": self._among,
        }
        self._process = Process(json.dumps(order).encode() + b"\n", str(run_file.parents[1]), self._search())

    def _search(self) -> list[str]:
        """Where the game finds modules, by absolute paths."""
        paths = [os.path.join(self._here, path) for path in sys.path if isinstance(path, str)]
        return [path for path in paths if os.path.isabs(path)]

    def _presence(self) -> Path:
        assert self._storage.run_file is not None
        return presence_of(self._storage.run_file.path)

    @staticmethod
    def _remove(path: Path) -> None:
        with contextlib.suppress(OSError):
            path.unlink()

    def stop(self) -> None:
        """Nothing may be sent any more, for now."""
        with self._guard:
            self._end()

    def _end(self) -> None:
        if self._process is not None:
            self._process.say(STOP)
            self._process.close()
            self._process = None

    def leave(self, unsent: bool) -> None:
        """The game ends. `unsent`: the helper is to deliver what is left."""
        if unsent:
            self.have_helper()
        with self._guard:
            self._left = True
            if unsent and self._process is not None:
                self._process.close()
                self._process = None
            self._end()

    def let_go(self) -> None:
        """This thread was interrupted, and holds nothing."""
        let_go(self._hearing, self._guard)

    def forked(self) -> None:
        """In a forked child: it must not keep the pipe open, which ends with the game."""
        if self._process is not None:
            self._process.close()

    def work_on(self, outbox: Outbox) -> None:
        """From now on what is ready lies there, if it did not already. Between two turns."""
        if outbox is not self._outbox:  # a helper of the other one has gone, for no fault of its own
            with self._guard:
                self._outbox, self._failures = outbox, 0
                self._end()


def _working_directory() -> str:
    """Empty if it has been removed."""
    try:
        return os.getcwd()
    except OSError:
        return ""
