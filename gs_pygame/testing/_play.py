"""A game with a loop of its own is played: the script is acted out from inside the game's own calls."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pygame

from ._clock import FakeClock

Step = float | Callable[[], object]
"""Of a script: seconds of the game's time to let pass, or something to do."""

FRAME = 1 / 60
"""Seconds that pass when a game looks for events again and again without ever waiting."""

PATIENCE = 10.0
"""Seconds of the game's time that a game may take to end once it was told to QUIT."""


class Curtain(BaseException):
    """Ends the game from inside one of its own calls. No Exception: games catch those."""


class Crash(BaseException):
    """Of a step: the game's call raises `error`."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


@dataclass(slots=True)
class _Timer:
    event: Any
    period: float  # seconds
    due: float
    loops: int  # 0: for ever


class Play:
    """One run of a game, with its script. All methods: the game's thread.

    `let_pass` moves `clock` by so many seconds, `close` presses the close button, `kill` ends the game's process.
    `over`: nothing more is acted, and every call of the game raises Curtain. `fault`: why, unless it was killed.
    `crash`: what the game was made to raise last. `status`: what the game gave to `os._exit`.
    """

    def __init__(
        self,
        script: Iterable[Step],
        patience: float,
        clock: FakeClock,
        let_pass: Callable[[float], None],
        close: Callable[[], None],
        kill: Callable[[], None],
    ) -> None:
        self.over = False
        self.fault: BaseException | None = None
        self.crash: Exception | None = None
        self.status: int | None = None
        self.readings: dict[str, Any] = {}  # what the computer's own clocks said first
        self._script = script
        self._steps: Iterator[Step] = iter(script)
        self._taken = 0
        self._patience = patience
        self._clock = clock
        self._let_pass = let_pass
        self._close = close
        self._kill = kill
        self._thread = threading.get_ident()
        self._process = os.getpid()
        self._acting = False
        self._began = clock.now()
        self._due: float | None = self.now
        self._told_to_quit: float | None = None
        self._timers: dict[int, _Timer] = {}
        self._looked: set[str] = set()

    @property
    def now(self) -> float:
        """Seconds, on the clock that stands still while the computer sleeps."""
        return self._clock.now().active

    @property
    def here(self) -> bool:
        """Whether it is the game that asks: its thread, in which neither the player acts nor the plugin works, and no
        forked child of its process.
        """
        return threading.get_ident() == self._thread and not self._acting and os.getpid() == self._process

    def since_it_began(self, clock: str) -> float:
        """Seconds on `wall` or `active`."""
        return float(getattr(self._clock.now(), clock) - getattr(self._began, clock))

    def pass_time(self, seconds: float) -> None:
        """The game waits so long: what is due in that time is done. Raises Curtain."""
        __tracebackhide__ = True
        if self.over:
            raise Curtain
        self._acting = True
        try:
            self._act(self.now + seconds)
        except Curtain:
            self.over = True
            raise
        except Crash as crash:
            self.crash = crash.error
            raise crash.error from None
        except BaseException as fault:
            self.over, self.fault = True, fault
            raise Curtain from fault
        finally:
            self._acting = False
        if seconds > 0:
            self._looked.clear()

    def found_nothing(self, look: str) -> None:
        """The game looked for events in vain. If it does so twice at one moment, it never waits: a frame passes."""
        if look in self._looked:
            self.pass_time(FRAME)
        self._looked.add(look)

    def set_timer(self, event: Any, period: float, loops: int) -> None:
        """Post `event` (or one of this type) every `period` seconds; 0: no longer."""
        posted = pygame.event.Event(event) if isinstance(event, int) else event
        self._timers.pop(posted.type, None)
        if period > 0:
            self._timers[posted.type] = _Timer(posted, period, self.now + period, loops)

    def dies(self, status: int) -> None:
        """The game ends its process so that nothing more of it runs."""
        self.over = True
        self.status = status
        self._kill()

    def verdict(self, played: float) -> None:
        """The game was over after `played` seconds. Raises what went wrong in the script, or AssertionError if deeds of
        it are left undone. A generator, which may have no end, is closed.
        """
        __tracebackhide__ = True
        if isinstance(self._steps, Generator):
            self._steps.close()
        if self.fault is not None:
            raise self.fault
        left = self._script[self._taken :] if isinstance(self._script, Sequence) else []
        undone = [getattr(step, "__name__", repr(step)) for step in left if callable(step)]
        if undone:
            raise AssertionError(
                f"the game was over {played:.1f} s after it began, before the player had done all that the script "
                f"says; still to do: {', '.join(undone)}"
            )

    def _act(self, until: float) -> None:
        __tracebackhide__ = True
        while (moment := self._next_moment()) <= until:
            self._let_pass(max(0.0, moment - self.now))
            self._ring()
            if self._due is not None and self._due <= moment:
                self._do_next()
        self._let_pass(max(0.0, until - self.now))
        if self._told_to_quit is not None and self.now >= self._told_to_quit + self._patience:
            raise AssertionError(self._why_it_goes_on())

    def _next_moment(self) -> float:
        moments = [timer.due for timer in self._timers.values()]
        if self._due is not None:
            moments.append(self._due)
        return min(moments, default=sys.float_info.max)

    def _ring(self) -> None:
        for type_, timer in list(self._timers.items()):
            if timer.due <= self.now:
                timer.due += timer.period
                timer.loops -= 1
                if timer.loops == 0:
                    del self._timers[type_]
                pygame.event.post(timer.event)

    def _do_next(self) -> None:
        __tracebackhide__ = True
        step = next(self._steps, None)
        self._taken += 1
        if step is None:
            self._due = None
            self._told_to_quit = self.now
            if not pygame.event.peek(pygame.QUIT):
                self._close()
        elif callable(step):
            step()
        else:
            self._due = self.now + step

    def _why_it_goes_on(self) -> str:
        if pygame.event.get_blocked(pygame.QUIT):
            why = "it blocks QUIT (pygame.event.set_blocked, set_allowed), so it cannot see its close button"
        elif pygame.event.peek(pygame.QUIT):
            why = "QUIT still lies in the queue, so it does not ask for its events"
        else:
            why = "it took QUIT from the queue, and did not leave its loop"
        return f"the game still runs {self._patience:g} s after the close button was pressed: {why}"
