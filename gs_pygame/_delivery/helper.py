"""What the helper process does: it delivers from the outbox, from the first ready end until the game has gone.

    game: Delivery  == words, a line each ==>  helper: a courier for each destination  == requests ==>  servers
          ^                                       |
          |                                       v
          +---- receipts, the lines (looked for) ---- the outbox

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
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import IO, Any

from .._base.clocks import Backoff, SystemClock
from .._base.errors import OutboxError
from .._base.patience import AFTER_THE_EXIT, HELPER_IDLE, HELPER_TURN_WAIT, LOOK_AT_EXIT, LOOK_IN_PLAY
from .._disk import consent
from .._disk.lock import FileLock
from .._disk.outbox import Outbox
from .._disk.place import Place
from .._disk.runs import recover_dead_runs
from .._disk.storage import delivery_lock
from ..destinations import Destination
from .courier import Courier, Line
from .gentle_destination import CannotSend, GentleDestination
from .gently import Gently
from .presence import Presence
from .process import NUDGE, STOP


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
    pipe: IO[bytes],
    gently: Gently,
    outbox: str,
    run_file: str,
    run: str,
    number: int,
    told: dict[str, dict[str, Any]],
    among: list[str],
) -> None:
    """Be the helper of the game whose `run` that is, its `number`th. `told`: of the destinations to deliver to, by
    their names; `among`: the names of all that the game has."""
    presence = Presence(Path(run_file))
    if presence.begin():
        ears = _Ears(pipe, presence)
        logging.getLogger("gs_pygame").addHandler(ears)
        destinations = [
            GentleDestination(gently if n == 0 else Gently(), name, told[name]) for n, name in enumerate(told)
        ]
        try:
            _Helper(ears, presence, Path(outbox), Path(run_file), run, number, destinations, among).run()
        except CannotSend as error:
            _say_why_not(Path(outbox), run, number, error)
        presence.end()


def _say_why_not(path: Path, run: str, number: int, error: CannotSend) -> None:
    """For the game to log, which delivers by itself after a second one. The number is none of a helper that works."""
    why = _why(error)
    with closing(Outbox(path)) as outbox:
        outbox.say_line(run, json.dumps([-number, {}, logging.WARNING, why, [error.name]]))


def _why(error: CannotSend) -> str:
    return f"gs_pygame: a helper process cannot deliver for the game, which does so by itself: {error}"


class _Lane:
    """The way to one destination, in a thread of its own. `delay`: what its last turn asked for."""

    def __init__(self, courier: Courier, may_send: Callable[[], bool], on_turn: Callable[[], None]) -> None:
        self.courier = courier
        self.failed: BaseException | None = None
        self._may_send = may_send
        self._on_turn = on_turn
        self._bell = threading.Event()
        self._delay: float | None = 0.0
        self._give_up: float | None = None  # time.monotonic(); None while the game plays
        self._thread = threading.Thread(target=self._work, daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def is_busy(self) -> bool:
        return self._delay is not None or self._bell.is_set()

    def wake(self, nudged: bool) -> None:
        if nudged:
            self.courier.nudge()
        self._bell.set()

    def finish(self, give_up: float) -> None:
        """The game has gone: go on as long as there is something to deliver, and time for it."""
        self._give_up = give_up
        self._bell.set()

    def join(self) -> None:
        self._thread.join()

    def _work(self) -> None:
        try:
            while not self._is_done():
                self._delay = 0.0  # a request may take longer than HELPER_IDLE
                self._bell.clear()
                self._delay = self.courier.turn()
                self._on_turn()
                longest = LOOK_IN_PLAY if self._give_up is None else HELPER_TURN_WAIT
                if not self._is_done():
                    self._bell.wait(longest if self._delay is None else min(longest, self._delay))
        except BaseException as error:  # noqa: BLE001 - for the main thread
            self.failed = error

    def _is_done(self) -> bool:
        """What cannot be delivered now, the next start does; what another delivers, that one."""
        if self._give_up is None or self._bell.is_set():
            return False
        if self._delay is None or self.courier.is_second or not self._may_send():
            return True
        return time.monotonic() + self._delay >= self._give_up


class _Helper:
    def __init__(
        self,
        ears: _Ears,
        presence: Presence,
        path: Path,
        run_file: Path,
        run: str,
        number: int,
        destinations: Sequence[Destination],
        among: list[str],
    ) -> None:
        self._ears = ears
        self._presence = presence
        self._path = path
        self._run_file = run_file
        self._run = run
        self._number = number
        self._among = among
        self._said = ""
        self._cannot: list[str] = []  # the destinations that are the game's own to deliver to
        self._gone = False
        threading.Thread(target=self._watch, daemon=True).start()
        self._choice = consent.from_outside(path.parent)
        os.stat(path)  # raises if somebody removed it, who does not want it to be made again
        self._place = Place(str(path))
        self._outbox = Outbox(path)
        self._lines = {destination.name: Line() for destination in destinations}
        self._lanes = [self._lane(destination) for destination in destinations]

    def _lane(self, destination: Destination) -> _Lane:
        name = destination.name
        courier = Courier(
            self._outbox,
            destination,
            SystemClock(),
            Backoff(random.random),
            delivery_lock(self._path.parent, name),
            may_send=self._may_send,
            on_receipt=lambda receipt: None,
            on_rest=lambda: None,
            lock_wait=HELPER_TURN_WAIT,
            run=self._run,
            on_line=lambda line: self._say_line(name, line),
            among=self._among,
        )
        return _Lane(courier, self._may_send, lambda: self._look_at_line(name, courier.line))

    def run(self) -> None:
        """While the game plays, and AFTER_THE_EXIT seconds longer."""
        for lane in self._lanes:
            lane.start()
        busy = time.monotonic()
        while self._may_send() and not self._gone:
            self._look_for_failure()
            if self._ears.bell.is_set() or any(lane.is_busy for lane in self._lanes):
                busy = time.monotonic()
            elif time.monotonic() - busy > HELPER_IDLE and self._may_go():
                return
            if self._ears.bell.wait(LOOK_IN_PLAY):
                self._ears.bell.clear()
                nudged, self._ears.nudged = self._ears.nudged, False
                for lane in self._lanes:
                    lane.wake(nudged)
        if self._gone and self._may_send():
            self._finish()

    def _look_for_failure(self) -> None:
        """Where this process cannot send, the game does by itself; to the others it goes on."""
        for lane in [lane for lane in self._lanes if lane.failed]:
            error = lane.failed
            if not isinstance(error, CannotSend) or len(self._lanes) == 1:
                assert error is not None
                raise error
            self._lanes.remove(lane)
            lane.courier.close()  # the turn there is another's to have
            self._cannot.append(error.name)
            self._ears.said = [logging.WARNING, _why(error)]
            self._look_at_line(error.name, Line())

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

    def _look_at_line(self, name: str, line: Line) -> None:
        self._lines[name] = line
        words = self._words()
        if words != self._said and self._may_send():
            with contextlib.suppress(OutboxError):  # of a full disk; the next one is as good
                self._outbox.say_line(self._run, words)
            self._said = words

    def _say_line(self, name: str, line: Line) -> None:
        self._lines[name] = line
        self._outbox.say_line(self._run, self._words())

    def _words(self) -> str:
        lines = {name: (line.online, line.last_error) for name, line in self._lines.items()}
        return json.dumps([self._number, lines, *self._ears.said, self._cannot])

    def _may_go(self) -> bool:
        """Nobody is there any more, as the game sees it; so whether something has come just before."""
        self._presence.end()
        is_ready = any(self._outbox.queue(name, self._among).ready(1) for name in self._lines)
        return not is_ready or not self._presence.begin()

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
        for lane in self._lanes:
            lane.finish(give_up)
        for lane in self._lanes:
            lane.join()
            lane.courier.close()
        self._look_for_failure()
        self._outbox.prune(self._among)
        self._outbox.close()
        for path in self._run_file.parent.glob("*.helper"):
            left = Presence(path)  # perhaps by one that was killed
            if left.begin(patience=0.0):
                left.end()
