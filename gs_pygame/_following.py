"""The player's choice is followed: an engine while anything may be kept, an erased folder while nothing may."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ._base.boundary import let_go
from ._base.clocks import Clock, Instant
from ._base.errors import OutboxError
from ._base.log import log
from ._base.messages import Consent
from ._base.patience import HEARTBEAT
from ._disk.consent import Choice
from ._disk.erasure import erase
from ._disk.erasure_requests import ErasureRequests
from ._engine import Engine

if TYPE_CHECKING:
    from ._player.window import Adapter


class Following:
    """Of one game. `engine`: what keeps and sends; None while nothing may be kept. `trouble`: what keeps the choice
    from being followed, in words for the author; None if nothing does.

    `make`: gives a new engine. `overtaken`: told of one that has begun while the game closed. `requests`: where it
    is kept who is to forget what was sent. `erased`: called when what was kept is erased. While there is an engine
    its keeper looks at the choice; a thread of its own is there from the first change on, for what waits for the disk.
    """

    def __init__(
        self,
        folder: Path,
        setting: Consent,
        clock: Clock,
        window: Adapter,
        make: Callable[[Choice, Callable[[], None]], Engine],
        overtaken: Callable[[Engine], None],
        requests: ErasureRequests,
        erased: Callable[[], None],
    ) -> None:
        self.engine: Engine | None = None
        self.trouble: str | None = None
        self._folder = folder
        self._choice = Choice(folder, setting)
        self._window = window
        self._make = make
        self._overtaken = overtaken
        self._on_erased = erased
        self._clock = clock
        self._requests = requests
        self._lock = threading.RLock()
        self._erased = False
        self._stopping = False
        self._over = False
        self._worker = clock.worker("consent", self._turn, lambda: None)

    def begin(self, since: Instant) -> None:
        """Game: it has started. Raises what its functions raise that is no Exception, as `choose` does."""
        self._choice.note()
        self._follow(since)
        if self._is_unsettled():
            self.changed()

    def choose(self, choice: Consent) -> None:
        """Game: the player has chosen. A denial waits for the disk."""
        with self._lock:
            if self._over:
                return
            self._choice.make(choice)
            self.changed()  # should this call be interrupted, it is followed all the same
            self._follow()

    def changed(self) -> None:
        """The choice is another one, or is to be looked at again. Any thread."""
        self._worker.start()
        self._worker.wake()

    def stop(self) -> None:
        """Make no more engines. Does not wait."""
        self._stopping = True
        self._worker.stop(0.0)

    def leave(self) -> Engine | None:
        """Follow no more, and give away the engine."""
        self._over = True
        engine, self.engine = self.engine, None
        return engine

    def let_go(self) -> None:
        """This thread was interrupted, and holds nothing."""
        let_go(self._lock)

    def _turn(self) -> float | None:
        self._follow()
        return HEARTBEAT if self._is_unsettled() else None

    def _is_unsettled(self) -> bool:
        return self.engine is None or self.trouble is not None

    def _follow(self, since: Instant | None = None) -> None:
        with self._lock:
            if self._over:
                return
            choice, engine = self._choice, self.engine
            if choice.made == "denied" or choice.now() != "denied":
                choice.settle()
            trouble = begun = None
            if choice.now() == "denied" or (engine and engine.is_silent):
                self._window.signals = None
                if engine:
                    engine.silence()
                self.engine = None
                trouble = self._erase()
            now = choice.now()
            if now != "denied" and not self._stopping:
                begun = self._go_on(since)
            if self.engine:
                self.engine.sending.heed(now)
            self._complain(trouble or choice.trouble())
        if self._stopping and begun:  # meanwhile, by the game's thread, which may have found none
            self._overtaken(begun)

    def _go_on(self, since: Instant | None) -> Engine | None:
        """There is something to keep, and a session to be played. The engine if it is a new one. To be called again if
        it was interrupted."""
        if self.engine is None:
            self._erased = False
            self.engine = self._make(self._choice, self.changed)
        if self._window.signals is self.engine:
            return None
        self.engine.begin(since)
        self._window.signals = self.engine
        return self.engine

    def _erase(self) -> str | None:
        """Nothing may be kept. Only then a yes that was said meanwhile holds, or a no is written for which a full disk
        had no room before. What is in the way, or None."""
        choice = self._choice
        if self._erased and not choice.made:
            return None
        try:
            self._erased = erase(self._folder, self._requests, self._clock.now().wall)
        except (OSError, OutboxError) as error:
            return f"what was kept in {self._folder} is not erased yet: {error}"
        self._on_erased()
        if not self._erased and choice.made in ("granted", "pending"):
            return "the player's yes is not heeded yet: another copy of the game is still to hear of the no before it"
        choice.settle()
        return None

    def _complain(self, trouble: str | None) -> None:
        if trouble and trouble != self.trouble:
            log.error("gs_pygame: %s", trouble)
        self.trouble = trouble
