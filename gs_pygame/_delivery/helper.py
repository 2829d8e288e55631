"""What the helper process does: it delivers from the outbox, from the first ready end until the game has gone.

    game: Delivery  == words, a line each ==>  helper: Courier  == requests ==>  the server
          ^                                       |
          |                                       v
          +---- receipts, the line (looked for) ---- the outbox

It leaves by itself when there has been nothing to do for a while, and the game starts another for the next end.
Whether it is there the game sees by its presence, a lock beside the run file. It frees that first, looks for ends once
more, and goes: an end written before finds a helper that looks again, and one written after finds none.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import random
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import IO, Any

from .._base.clocks import Backoff, SystemClock
from .._base.errors import OutboxError
from .._base.messages import End
from .._base.patience import AFTER_THE_EXIT, ARRIVING, HELPER_IDLE, HELPER_TURN_WAIT, LOOK_AT_EXIT, LOOK_IN_PLAY
from .._disk import consent
from .._disk.lock import FileLock
from .._disk.outbox import Outbox
from .._disk.place import Place
from .._disk.runs import recover_dead_runs
from ..destinations import Destination, Outcome
from ..destinations.gamesparks import GameSparks
from .courier import Courier, Line
from .gently import Gently
from .process import NUDGE, STOP


class Presence:
    """The lock that says that a helper is there. Raises OSError if the folder has gone."""

    def __init__(self, run_file: Path) -> None:
        self._path = presence_of(run_file)
        self._lock: FileLock | None = None

    def begin(self, patience: float = ARRIVING) -> bool:
        """False if another helper of the same game is there."""
        give_up = time.monotonic() + patience
        while True:
            with contextlib.suppress(BlockingIOError):
                lock = FileLock(self._path)
                if lock.still_there():
                    self._lock = lock
                    return True
                lock.close()
            if time.monotonic() > give_up:
                return False
            time.sleep(LOOK_AT_EXIT)

    def end(self) -> None:
        if self._lock is not None:
            for _ in range(2):  # on POSIX the first, before another could have the lock; Windows removes no open file
                with contextlib.suppress(OSError):
                    self._path.unlink()
                self._lock.close()
            self._lock = None


def presence_of(run_file: Path) -> Path:
    return run_file.with_suffix(".helper")


class _Ears(logging.Handler):
    """Hears the game's words, each of which rings the bell; and what is logged here, which the game is to log."""

    def __init__(self, pipe: IO[bytes], presence: Presence) -> None:
        super().__init__()
        self._pipe = pipe
        self._presence = presence
        self.bell = threading.Event()
        self.nudged = False
        self.closed = threading.Event()
        self.said: list[Any] = [logging.NOTSET, ""]
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for word in self._pipe:
            if word == STOP:
                self._presence.end()
                os._exit(0)
            self.nudged = self.nudged or word == NUDGE
            self.bell.set()
        self.closed.set()
        self.bell.set()

    def emit(self, record: logging.LogRecord) -> None:
        self.said = [record.levelno, record.getMessage()]


def serve(
    pipe: IO[bytes], gently: Gently, outbox: str, run_file: str, run: str, number: int, destination: dict[str, Any]
) -> None:
    """Be the helper of the game whose `run` that is, its `number`th. `destination`: the arguments of GameSparks."""
    presence = Presence(Path(run_file))
    if presence.begin():
        ears = _Ears(pipe, presence)
        logging.getLogger("gs_pygame").addHandler(ears)
        try:
            _Helper(
                ears, presence, Path(outbox), Path(run_file), run, number, _Gentle(gently, GameSparks(**destination))
            ).run()
        except _CannotSend as error:
            _say_why_not(Path(outbox), run, number, error)
        presence.end()


class _CannotSend(BaseException):
    """What sends cannot be imported: no fault of a destination's, and nothing to try again."""


class _Gentle:
    """A destination, gently."""

    def __init__(self, gently: Gently, destination: Destination) -> None:
        self._gently = gently
        self._destination = destination
        self.name, self.batch_size, self.close = destination.name, destination.batch_size, destination.close

    def deliver(self, ends: Sequence[End]) -> Sequence[Outcome]:
        return self._gently.call(self._deliver, ends)

    def _deliver(self, ends: Sequence[End]) -> Sequence[Outcome]:
        try:
            import gs_pygame.destinations._http  # noqa: F401 - only now: most helpers of killed games send nothing
        except ImportError as error:
            raise _CannotSend(error) from error
        return self._destination.deliver(ends)


def _say_why_not(path: Path, run: str, number: int, error: _CannotSend) -> None:
    """For the game to log, which delivers by itself after a second one. The number is none of a helper that works."""
    why = f"gs_pygame: a helper process cannot deliver for the game, which does so by itself: {error}"
    with closing(Outbox(path)) as outbox:
        outbox.say_line(run, json.dumps([-number, None, None, logging.WARNING, why]))


class _Helper:
    def __init__(
        self,
        ears: _Ears,
        presence: Presence,
        path: Path,
        run_file: Path,
        run: str,
        number: int,
        destination: Destination,
    ) -> None:
        self._ears = ears
        self._presence = presence
        self._path = path
        self._run_file = run_file
        self._run = run
        self._number = number
        self._line = ""
        self._gone = False
        threading.Thread(target=self._watch, daemon=True).start()
        self._choice = consent.from_outside(path.parent)
        os.stat(path)  # raises if somebody removed it, who does not want it to be made again
        self._place = Place(str(path))
        self._outbox = Outbox(path)
        self._courier = Courier(
            self._outbox,
            destination,
            SystemClock(),
            Backoff(random.random),
            path.with_name("delivery.lock"),
            may_send=self._may_send,
            on_receipt=lambda receipt: None,
            on_rest=lambda: None,
            lock_wait=HELPER_TURN_WAIT,
            run=run,
            on_line=self._say_line,
        )

    def run(self) -> None:
        """While the game plays, and AFTER_THE_EXIT seconds longer."""
        busy = time.monotonic()
        while self._may_send() and not self._gone:
            delay = self._turn()
            if delay is not None or self._ears.bell.is_set():
                busy = time.monotonic()
            elif time.monotonic() - busy > HELPER_IDLE and self._may_go():
                return
            self._ears.bell.wait(LOOK_IN_PLAY if delay is None else min(LOOK_IN_PLAY, delay))
            self._ears.bell.clear()
        if self._gone and self._may_send():
            self._finish()

    def _watch(self) -> None:
        """Have it end in time, whatever it is waiting for."""
        if sys.platform == "win32":  # no child of the game has its pipe there; and of a look at a lock, Place says why
            self._ears.closed.wait()
        while not self._game_has_gone():
            if self._ears.closed.wait(LOOK_IN_PLAY):
                time.sleep(LOOK_AT_EXIT)
        self._gone = True
        self._ears.bell.set()
        time.sleep(AFTER_THE_EXIT)
        self._presence.end()
        os._exit(0)

    def _turn(self) -> float | None:
        if self._ears.nudged:
            self._ears.nudged = False
            self._courier.nudge()
        delay = self._courier.turn()
        line = self._courier.line
        if self._words(line) != self._line and self._may_send():
            with contextlib.suppress(OutboxError):  # of a full disk; the next one is as good
                self._say_line(line)
            self._line = self._words(line)
        return delay

    def _say_line(self, line: Line) -> None:
        self._outbox.say_line(self._run, self._words(line))

    def _words(self, line: Line) -> str:
        return json.dumps([self._number, line.online, line.last_error, *self._ears.said])

    def _may_go(self) -> bool:
        """Nobody is there any more, as the game sees it; so whether something has come just before."""
        self._presence.end()
        return not self._outbox.ready(1) or not self._presence.begin()

    def _may_send(self) -> bool:
        """Whether the player consents, and the outbox is the file that lies there now: the game may have gone on with
        another one."""
        try:
            return self._choice.may_send() and self._place.has()
        except OSError:
            return False

    def _game_has_gone(self) -> bool:
        try:
            FileLock(self._run_file, create=False).close()
        except BlockingIOError:
            return False
        except FileNotFoundError:  # it closed the plugin; or somebody removed the file, and it makes another
            return self._ears.closed.is_set()
        except OSError:  # on Windows, just being removed
            return False
        return True

    def _finish(self) -> None:
        """Deliver what the game left. What cannot be delivered now, the next start does; what another delivers, that
        one."""
        give_up = time.monotonic() + AFTER_THE_EXIT
        recover_dead_runs(self._outbox, self._run_file.parent)
        while self._may_send() and (delay := self._turn()) is not None and time.monotonic() + delay < give_up:
            if self._courier.is_second:
                break
            time.sleep(min(delay, HELPER_TURN_WAIT))
        self._outbox.prune()
        self._courier.close()
        for path in self._run_file.parent.glob("*.helper"):
            left = Presence(path)  # perhaps by one that was killed
            if left.begin(patience=0.0):
                left.end()
