"""A clock that a test moves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from .._base.clocks import Instant, Worker
from .._base.threads import Bell, Turn

_TICK = 1e-6  # seconds: a turn that asks for no delay still lets time pass, as a thread would


class FakeClock:
    """Stands still until the test moves it; the plugin's workers have their turns while it moves, in the same thread.

    `wall`: Unix time in seconds at which it begins. All methods are for the test's thread, and none raises.
    """

    def __init__(self, wall: float = 1_800_000_000.0) -> None:
        self._now = Instant(wall, 1_000.0, 2_000.0, 0.0)
        self._workers: list[_FakeWorker] = []

    def now(self) -> Instant:
        """The present moment, in seconds on three clocks."""
        return self._now

    def tick(self) -> float:
        """What a hooked call asks for: the active clock."""
        return self._now.active

    def advance(self, seconds: float) -> None:
        """Let time pass; whatever is due in it happens, in order. With 0 all that is due now."""
        target = self._now.active + seconds
        while True:
            due = min((w.due for w in self._workers if w.due is not None), default=None)
            if due is None or due > target:
                break
            self._now = self._moved(max(0.0, due - self._now.active))
            for worker in [w for w in self._workers if w.due == due]:
                worker.have_turn()
        self._now = self._moved(max(0.0, target - self._now.active))

    def sleep(self, seconds: float) -> None:
        """The computer sleeps: the wall clock and the elapsed clock run on, everything else stands still."""
        self._now = replace(self._now, wall=self._now.wall + seconds, elapsed=self._now.elapsed + seconds)

    def stop(self, seconds: float) -> None:
        """The process is stopped: all clocks run on, it uses no processor time, and nobody has a turn."""
        self._now = replace(self._moved(seconds), worked=self._now.worked)

    def hold(self, seconds: float) -> None:
        """One call of the game holds the interpreter (a level's load): it is busy, and no other thread has a turn."""
        self._now = self._moved(seconds)

    def set_wall(self, wall: float) -> None:
        """Somebody sets the wall clock, to Unix time in seconds."""
        self._now = replace(self._now, wall=wall)

    def worker(self, name: str, turn: Turn, close: Callable[[], None]) -> Worker:
        worker = _FakeWorker(self, turn, close)
        self._workers.append(worker)
        return worker

    def wait(self, bell: Bell, timeout: float) -> bool:
        self.advance(timeout)
        return bell.wait(0.0)

    def forget_all(self) -> None:
        """No more turns for any worker, and no close: the process has died."""
        self._workers.clear()

    def forget(self, worker: Worker) -> None:
        """No more turns for this worker."""
        self._workers = [one for one in self._workers if one is not worker]

    def _moved(self, seconds: float) -> Instant:
        """So much later, in a busy process."""
        now = self._now
        return Instant(now.wall + seconds, now.active + seconds, now.elapsed + seconds, now.worked + seconds)


class _FakeWorker:
    """`due`: the active clock's reading at which the next turn is due; None: when it is started, or woken."""

    def __init__(self, clock: FakeClock, turn: Turn, close: Callable[[], None]) -> None:
        self._clock = clock
        self._turn = turn
        self._close = close
        self._started = False
        self._stopped = False
        self.due: float | None = None

    def start(self) -> None:
        if not self._started:
            self._started = True
            self.wake()

    def have_turn(self) -> None:
        self.due = None
        if self._stopped:
            return
        delay = self._turn()
        if delay is not None and self.due is None:
            self.due = self._clock.now().active + max(delay, _TICK)

    def wake(self) -> None:
        if self._started:
            self.due = self._clock.now().active

    def stop(self, timeout: float) -> bool:
        if not self._stopped:
            self._clock.forget(self)
            self._close()
            self._stopped = True
        return True
