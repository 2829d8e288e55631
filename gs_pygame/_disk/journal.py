"""Carries the lifecycle's decisions into the outbox, in their order, all that are due in one commit.

The game's thread writes them at once with 5 ms of patience. What it cannot write stays in line, and the keeper writes
it with more patience; nothing overtakes it. Numbers and withdrawals are answered by the outbox when it is written.

An exception may come up in the game's thread between any two steps. So what holds and what is not written yet are one
`Page`, replaced by one assignment. What is in line is struck off after the commit; where that did not come about, it is
written again, which changes nothing: each entry finds that it has been written.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import zip_longest

from .._base.boundary import let_go
from .._base.errors import OutboxBusyError
from .._player.lifecycle import Decision, Lifecycle, Release, Save, Start, Withdraw
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


@dataclass(frozen=True, slots=True)
class Page:
    """What has been decided, and what of it is not written yet."""

    lifecycle: Lifecycle
    line: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """What has been written: the newest session's id and what the outbox gave it, and the entries of the open one."""

    newest: str | None = None
    numbered: Mapping[str, Numbered] = field(default_factory=dict)
    open: tuple[Entry, ...] = ()

    def going_on(self, entries: tuple[Entry, ...]) -> Written:
        return Written(self.newest, self.numbered, entries)


class Journal:
    """`run`: this process's name in the outbox. `about`: JSON on game and platform, kept with each session.

    `lock` is held for each step from one page to the next. `on_lost(session_id)`: an end to be withdrawn had already
    gone. `on_released()`: there is something to deliver. Either may be called again for the same.
    """

    def __init__(
        self,
        run: str,
        about: str,
        lifecycle: Lifecycle,
        lock: threading.RLock,
        on_lost: Callable[[str], None],
        on_released: Callable[[], None],
    ) -> None:
        self.run = run
        self.page = Page(lifecycle)
        self._about = about
        self._about_the_crash: str | None = None
        self._lock = lock
        self._on_lost = on_lost
        self._on_released = on_released
        self._writing = threading.RLock()
        self._written = Written()
        self._tried: dict[str, int] = {}  # the numbers that sessions have if what was interrupted was written
        self.silent = False

    def __bool__(self) -> bool:
        """True while something is not written yet."""
        return bool(self.page.line)

    @property
    def numbered(self) -> Mapping[str, Numbered]:
        """What the outbox gave the newest session that was written, by its id."""
        return self._written.numbered

    def decide(self, step: Callable[[Lifecycle], list[Decision]], script_data: str, player_id: str | None) -> bool:
        """Have the lifecycle take a step, and put in line what it decides, or neither. True if it decides anything."""
        with self._lock:
            while True:
                page = self.page
                lifecycle = page.lifecycle.copy()
                decisions = step(lifecycle)
                line = page.line + tuple(Entry(decision, script_data, player_id) for decision in decisions)
                if self.page is page:  # a signal handler of the game's may have come between, and decided something
                    self.page = Page(lifecycle, line)
                    return bool(decisions)

    def add_about(self, details: Mapping[str, str]) -> None:
        """The end of the session that a crash ends says this, too."""
        self._about_the_crash = json.dumps({**json.loads(self._about), **details}, separators=(",", ":"))

    def log_in(self, session_id: str, script_data: str, player_id: str) -> None:
        """Put in line that another player plays."""
        entry = Entry(Login(session_id), script_data, player_id)
        self._replace_line(lambda line: (*line, entry))

    def _replace_line(self, change: Callable[[tuple[Entry, ...]], Iterable[Entry]]) -> None:
        with self._lock:
            while True:
                page = self.page
                line = tuple(change(page.line))
                if self.page is page:
                    self.page = Page(page.lifecycle, line)
                    return

    def silence(self, patience: float) -> None:
        """Nothing is written any more, here or from another outbox; what is being written is, when this returns. Waits
        for that, at most `patience` seconds."""
        self.silent = True
        if self._writing.acquire(timeout=patience):
            self._writing.release()

    @contextmanager
    def moved(self) -> Iterator[None]:
        """Nothing is written meanwhile; after it, what is open is in line again, for the outbox that there is then.
        Raises OutboxBusyError if nothing may be written."""
        with self._writing:
            if self.silent:
                raise OutboxBusyError("nothing may be kept")
            yield
            open_ = self._written.open
            self._replace_line(lambda line: (*open_, *line))
            self._written = self._written.going_on(())

    def write(self, outbox: Callable[[], Outbox], patience: float = -1) -> bool:
        """Write what is in line; True if nothing is left. Waits `patience` seconds for another thread that writes, or
        as long as it takes. The caller does not hold `lock`, which that thread may need.

        `outbox` is asked for when it is certain to stay. Raises OutboxError, having written nothing; it all stays in
        line.
        """
        if not self._writing.acquire(timeout=patience):
            return False
        try:
            if self.page.line and not self.silent:
                self._write(outbox(), self.page.line)
        finally:
            self._writing.release()
        return not self and not self.silent

    def let_go(self) -> None:
        """This thread was interrupted, and writes no more."""
        let_go(self._writing)

    def _write(self, outbox: Outbox, batch: tuple[Entry, ...]) -> None:
        written, lost, is_ready = self._written, [], False
        with outbox.transaction():
            for entry, following in zip_longest(batch, batch[1:]):
                match entry.decision:
                    case Start():
                        written = self._start(outbox, entry, entry.decision, written)
                    case Save(session_id, reason, active, wall):
                        is_ready = following is not None and isinstance(following.decision, Release)
                        about = self._about_the_crash if reason == "crash" else None
                        outbox.save(session_id, reason, active, wall, entry.script_data, is_ready, about)
                        written = written.going_on((*written.open, entry))
                    case Withdraw(session_id):
                        if not outbox.withdraw(session_id):
                            lost.append(session_id)
                        kept = (known for known in written.open if not isinstance(known.decision, Save))
                        written = written.going_on(tuple(kept))
                    case Release(session_id):
                        if not is_ready:
                            outbox.release(session_id)
                        written = written.going_on(())
                    case Login(session_id):
                        outbox.set_player(session_id, entry.player_id or outbox.installation_id)
                        written = written.going_on((*written.open, entry))
        self._written = written
        for session_id in lost:
            self._on_lost(session_id)
        if any(isinstance(entry.decision, Release) for entry in batch):
            self._on_released()
        done = set(map(id, batch))
        self._replace_line(lambda line: (entry for entry in line if id(entry) not in done))
        self._tried = {}

    def _start(self, outbox: Outbox, entry: Entry, decision: Start, written: Written) -> Written:
        session_id = decision.session_id
        known = written.numbered.get(session_id)  # the outbox has moved, or this was interrupted
        tried = self._tried.get(session_id, 0) if outbox.durable else 0
        numbered = outbox.start(
            self.run,
            session_id,
            decision.started.wall,
            entry.player_id,
            entry.script_data,
            self._about,
            known.previous_id if known else written.newest,
            known.number if known else tried,
        )
        self._tried[session_id] = numbered.number
        return Written(session_id, {session_id: numbered}, (entry,))
