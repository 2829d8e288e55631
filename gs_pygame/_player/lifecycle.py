"""The state machine: signals in, decisions out. Pure: no I/O, no clock of its own, no threads.

        start, back                 leave
    NONE ---------> ACTIVE -----------------------> AWAY
      ^               ^  back within the grace        |
      |               +-------------------------------+
      |                     grace over, exit          |
      +-----------------------------------------------+

Signals are methods that take the `Instant` they happened at and return the decisions, in order, that make the outbox
agree. What is decided holds at once; if the outbox finds a withdrawn end already gone, it reports `lost`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .._base.clocks import Instant
from .._base.messages import Reason
from .._base.patience import HEARTBEAT

SUSPEND_AFTER = HEARTBEAT + 5.0
"""Seconds without a pulse in which the computer may have slept, or the process been stopped."""

AT_WORK = 0.2
"""Share of such a gap in which the processor has worked for a process that was busy, not stopped. What play uses
between the last pulse and a stop is at most HEARTBEAT of SUSPEND_AFTER, 0.14; a call that holds the interpreter, 1."""

VETO_AFTER = 1.0
"""Seconds of play in the foreground after which a quit was evidently refused by the game."""

MIN_GRACE = 0.5
"""Seconds. Windows flap when others open; a shorter grace would end sessions nobody left."""


@dataclass(frozen=True, slots=True)
class Start:
    """A session begins: take the next number and write it down."""

    session_id: str
    started: Instant


@dataclass(frozen=True, slots=True)
class Save:
    """Put the session's end on disk as waiting. Saved again, only its reason and what goes along change."""

    session_id: str
    reason: Reason
    active: float  # seconds
    wall: float  # seconds on the elapsed clock


@dataclass(frozen=True, slots=True)
class Withdraw:
    """The player came back: take the waiting end away again."""

    session_id: str


@dataclass(frozen=True, slots=True)
class Release:
    """Nothing can change the end any more: make it ready to go."""

    session_id: str


Decision = Start | Save | Withdraw | Release


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a session has got, in seconds: what the heartbeat keeps."""

    session_id: str
    active: float
    wall: float


@dataclass(slots=True)
class _Open:
    """The open session. `since` is None while away."""

    id: str
    started: Instant
    since: Instant | None  # where the present stretch of play began
    banked: float = 0.0  # seconds of play before it

    def active(self, at: Instant) -> float:
        stretch = 0.0 if self.since is None else max(0.0, at.active - self.since.active)
        return self.banked + stretch

    def wall(self, at: Instant) -> float:
        """Never less than `active`: the two clocks are read one after the other, and something may come between."""
        return max(self.active(at), at.elapsed - self.started.elapsed)


@dataclass(slots=True)
class _Away:
    """Since when and why. After a quit the player may still be playing: then `playing` is where that began.

    `known`: since when that has been known; the player could not come back before.
    """

    left: Instant
    reason: Reason
    playing: Instant | None
    known: Instant
    last_call: Instant


class Lifecycle:
    """One run's sessions. `grace` in seconds; `new_id` makes session ids. Not thread-safe: the caller locks."""

    def __init__(self, grace: float, new_id: Callable[[], str]) -> None:
        self._grace = grace
        self._new_id = new_id
        self._open: _Open | None = None
        self._away: _Away | None = None
        self._pulse: Instant | None = None
        self._held = False
        self._sure: Progress | None = None  # before the window was there without the focus, which was never seen

    def copy(self) -> Lifecycle:
        """One that can go on by itself. Written out, since a frame waits for it, and copy.copy takes 15 us."""
        made = Lifecycle(self._grace, self._new_id)
        open_, away = self._open, self._away
        if open_ is not None:
            made._open = _Open(open_.id, open_.started, open_.since, open_.banked)
        if away is not None:
            made._away = _Away(away.left, away.reason, away.playing, away.known, away.last_call)
        made._pulse, made._held, made._sure = self._pulse, self._held, self._sure
        return made

    # What is so

    @property
    def session_id(self) -> str | None:
        return self._open.id if self._open else None

    @property
    def away(self) -> bool:
        return self._away is not None

    @property
    def started(self) -> Instant | None:
        return self._open.started if self._open else None

    @property
    def expects_player(self) -> bool:
        """True if `back` would do something although nobody left the foreground: a quit may have been refused, the
        computer may have slept, a session may have run out. Not after an end that the game asked for."""
        return not self._held and (self._open is None or self._away is not None)

    def progress(self, at: Instant) -> Progress | None:
        """How far the open session has got by `at`; away, how far it had got when the player left."""
        if self._open is None:
            return None
        upto = self._away.left if self._away else at
        return Progress(self._open.id, self._open.active(at), self._open.wall(upto))

    def deadline(self) -> float | None:
        """The elapsed clock's reading at which the grace is over; None if nobody is away."""
        if self._away is None:
            return None
        waits_from = self._away.known if self._away.playing is None else self._away.last_call
        return waits_from.elapsed + self._grace

    # Signals

    def start(self, at: Instant) -> list[Decision]:
        """The game started, or asks for a session. Without effect while one is open."""
        decisions = self._catch_up(at)
        self._held = False
        return decisions if self._open else [*decisions, self._begin(at)]

    def leave(self, reason: Reason, at: Instant, now: Instant | None = None) -> list[Decision]:
        """The player left the foreground (`background`) or asked to leave the game (`quit`), at a moment that may be a
        while before `now`, from which they can come back."""
        now = now or at
        decisions = self._catch_up(at)
        if self._open is None:
            return decisions
        if self._away is None:
            playing = at if reason == "quit" else None
            return [*decisions, self._go_away(reason, at, playing, now)]
        self._away.last_call = now
        if reason == "background":
            self._away.playing = None
            if self._away.reason == "quit":  # a closing window loses the focus as well
                return decisions
        if self._away.reason == reason:
            return decisions
        return [*decisions, self._save_again(reason)]

    def back(self, at: Instant) -> list[Decision]:
        """The player is seen in the foreground while they were away, or while there is no session."""
        decisions = self._catch_up(at)
        if self._open is None:
            self._held = False
            return [*decisions, self._begin(at)]
        if self._away is None:
            return decisions
        away = self._away
        if away.reason != "quit":
            return [*decisions, self._resume(at)]
        away.last_call = at
        if away.playing is None:
            away.playing = at
        elif at.active - away.playing.active >= VETO_AFTER:
            return [*decisions, self._resume(away.playing)]
        return decisions

    def exit(self, reason: Reason, at: Instant) -> list[Decision]:
        """The session ends here and now; no later signal can take that back."""
        decisions = self._catch_up(at)
        self._held = True
        if self._open is None:
            return decisions
        if self._away is None:
            decisions.append(self._go_away(reason, at, None))
        else:  # even for the same reason: the script data may have changed
            decisions.append(self._save_again(reason))
        return [*decisions, self._release()]

    def pulse(self, at: Instant, held: bool = False) -> list[Decision]:
        """Time passes. To be called every HEARTBEAT: a missing pulse may mean that the computer slept, or that the
        process was stopped; the latter not if the game was `held` inside one call of pygame."""
        decisions = self._catch_up(at, held)
        if self._pulse is None or at.elapsed > self._pulse.elapsed:  # it may have waited for its turn to be heard
            self._pulse = at
        return decisions

    def unseen(self, at: Instant) -> list[Decision]:
        """The window is there and has not the focus, which was never seen: perhaps nobody plays yet."""
        if self._open is not None and self._sure is None:
            self._sure = Progress(self._open.id, self._open.active(at), self._open.wall(at))
        return []

    def seen(self, at: Instant) -> list[Decision]:
        """The focus is there for the first time. What has passed since `unseen` was no play."""
        sure, self._sure = self._sure, None
        if sure is not None and self._open is not None and self._away is None:
            self._open.banked = sure.active if sure.session_id == self._open.id else 0.0
            self._open.since = at
        return []

    def lost(self, session_id: str, at: Instant) -> list[Decision]:
        """The end that was to be withdrawn had gone: that session is over, a new one starts."""
        if self._open is None or self._open.id != session_id:
            return []
        self._open = self._away = None
        return [self._begin(at)]

    # Steps

    def _catch_up(self, at: Instant, held: bool = False) -> list[Decision]:
        """What has become true by `at` although nothing signalled it: a sleep, a grace that is over."""
        decisions: list[Decision] = []
        if self._pulse is not None and _was_gone(self._pulse, at, held):
            if self._open and self._away is None:
                last_seen = max(self._pulse, self._open.since or self._pulse, key=lambda instant: instant.elapsed)
                decisions.append(self._go_away("suspend", last_seen, None))
            elif self._away:
                self._away.playing = None
            self._pulse = at
        deadline = self.deadline()
        if deadline is not None and at.elapsed >= deadline:
            decisions.append(self._release())
        return decisions

    def _begin(self, at: Instant) -> Start:
        self._open = _Open(self._new_id(), at, at)
        return Start(self._open.id, at)

    def _go_away(self, reason: Reason, at: Instant, playing: Instant | None, known: Instant | None = None) -> Save:
        assert self._open is not None
        self._open.banked = self._open.active(at)
        self._open.since = None
        self._away = _Away(at, reason, playing, known or at, known or at)
        return self._save_again(reason)

    def _save_again(self, reason: Reason) -> Save:
        assert self._open is not None
        assert self._away is not None
        self._away.reason = reason
        return Save(self._open.id, reason, self._open.banked, self._open.wall(self._away.left))

    def _resume(self, since: Instant) -> Withdraw:
        assert self._open is not None
        self._open.since = since
        self._away = None
        return Withdraw(self._open.id)

    def _release(self) -> Release:
        assert self._open is not None
        released = Release(self._open.id)
        self._open = self._away = None
        return released


def _was_gone(since: Instant, at: Instant, held: bool) -> bool:
    """Whether the computer slept, or the process was stopped, while no pulse came. A busy one was neither."""
    awake = at.active - since.active
    asleep = at.elapsed - since.elapsed - awake
    worked = at.worked - since.worked
    return asleep > SUSPEND_AFTER or (awake > SUSPEND_AFTER and worked < AT_WORK * awake and not held)
