"""Carries the lifecycle's decisions into the outbox, in their order, all that are due in one commit.

The game's thread writes them at once with 5 ms of patience. What it cannot write stays in line, and the keeper writes
it with more patience; nothing overtakes it. Numbers and withdrawals are answered by the outbox when it is written.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest

from .._errors import OutboxBusyError
from .._player.lifecycle import Decision, Release, Save, Start, Withdraw
from .outbox import Numbered, Outbox


@dataclass(frozen=True, slots=True)
class Login:
    """Another player plays the open session from now on. No decision of the lifecycle's, but in line with them."""

    session_id: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A decision, with what it carries: the script data (JSON) and the player of that moment."""

    decision: Decision | Login
    script_data: str
    player_id: str | None


class Journal:
    """`run`: this process's name in the outbox. `about`: JSON on game and platform, kept with each session.

    `on_lost(session_id)`: an end to be withdrawn had already gone. `on_released()`: there is something to deliver.
    """

    def __init__(self, run: str, about: str, on_lost: Callable[[str], None], on_released: Callable[[], None]) -> None:
        self.run = run
        self._about = about
        self._on_lost = on_lost
        self._on_released = on_released
        self._entries: deque[Entry] = deque()
        self._open: list[Entry] = []  # what was written of the session that is open
        self._writing = threading.Lock()
        self.silent = False
        self._previous_id: str | None = None
        self.numbered: dict[str, Numbered] = {}

    def __bool__(self) -> bool:
        """True while something is not written yet."""
        return bool(self._entries)

    def silence(self, patience: float) -> None:
        """Nothing is written any more, here or from another outbox; what is being written is, when this returns. Waits
        for that, at most `patience` seconds."""
        self.silent = True
        if self._writing.acquire(timeout=patience):
            self._writing.release()

    def add(self, entries: list[Entry]) -> None:
        self._entries.extend(entries)

    @contextmanager
    def moved(self) -> Iterator[None]:
        """Nothing is written meanwhile; after it, what is open is in line again, for the outbox that there is then.
        Raises OutboxBusyError if nothing may be written."""
        with self._writing:
            if self.silent:
                raise OutboxBusyError("nothing may be kept")
            yield
            self._entries.extendleft(reversed(self._open))
            self._open = []

    def write(self, outbox: Callable[[], Outbox], wait: bool) -> bool:
        """Write what is in line; True if nothing is left. With `wait` False, give way to another thread that writes.

        `outbox` is asked for when it is certain to stay. Raises OutboxError, having written nothing; it all stays in
        line.
        """
        if not self._writing.acquire(blocking=wait):
            return False
        try:
            batch = [] if self.silent else list(self._entries)
            if not batch:
                return not self.silent
            before = self._previous_id, self.numbered
            try:
                into = outbox()
                with into.transaction():
                    lost = [
                        entry.decision.session_id
                        for entry, following in zip_longest(batch, batch[1:])
                        if not self._write_one(into, entry, following)
                    ]
            except BaseException:
                self._previous_id, self.numbered = before
                raise
            for entry in batch:
                self._entries.popleft()
                self._remember(entry)
        finally:
            self._writing.release()
        for session_id in lost:
            self._on_lost(session_id)
        if any(isinstance(entry.decision, Release) for entry in batch):
            self._on_released()
        return not self._entries

    def _remember(self, entry: Entry) -> None:
        match entry.decision:
            case Start():
                self._open = [entry]
            case Withdraw():
                self._open = [known for known in self._open if not isinstance(known.decision, Save)]
            case Release():
                self._open = []
            case _:
                self._open.append(entry)

    def _write_one(self, outbox: Outbox, entry: Entry, following: Entry | None) -> bool:
        """False if an end was to be withdrawn and had gone."""
        match entry.decision:
            case Start(session_id, started):
                known = self.numbered.get(session_id)  # the outbox has moved
                self.numbered = {
                    session_id: outbox.start(
                        self.run,
                        session_id,
                        started.wall,
                        entry.player_id,
                        entry.script_data,
                        self._about,
                        known.previous_id if known else self._previous_id,
                        known.number if known else 0,
                    )
                }
                self._previous_id = session_id
            case Save(session_id, reason, active, wall):
                ready = following is not None and isinstance(following.decision, Release)  # one change less, in a frame
                outbox.save(session_id, reason, active, wall, entry.script_data, ready)
            case Withdraw(session_id):
                return outbox.withdraw(session_id)
            case Release(session_id):
                outbox.release(session_id)
            case Login(session_id):
                outbox.set_player(session_id, entry.player_id or outbox.installation_id)
        return True
