"""What has happened, in seconds from the beginning: everything that the picture shows."""

from __future__ import annotations

from dataclasses import dataclass, field

from gs_pygame import End, Session

FOREGROUND, ELSEWHERE, MINIMISED, ASLEEP, GONE = "in the game", "elsewhere", "minimised", "asleep", "not running"
UP, DOWN = "up", "down"


@dataclass
class Span:
    what: str
    start: float
    end: float


@dataclass
class Grace:
    """How long the player may be away. `kept`: they came back in time; None while that is open."""

    start: float
    due: float
    end: float
    kept: bool | None = None


@dataclass
class Bar:
    """A session. `saved`: its end lies on disk, or did. `sure`: since when a return can no longer withdraw it.

    `stretches`: where it was played. `tries`: the deliveries that failed.
    """

    start: float
    end: float
    number: int | None = None
    reason: str | None = None
    active: float = 0.0
    saved: bool = False
    stretches: list[Span] = field(default_factory=list)
    sure: float | None = None
    tries: list[float] = field(default_factory=list)
    delivered: float | None = None


class Record:
    """Fed by a subject in every frame. `zero`: the wall clock, Unix time in seconds, at the beginning."""

    def __init__(self, zero: float, title: str, about: str) -> None:
        self.title = title
        self.about = about
        self.now = 0.0
        self.deeds: list[tuple[float, str]] = []
        self.presence: list[Span] = []
        self.network: list[Span] = []
        self.graces: list[Grace] = []
        self.sessions: dict[str, Bar] = {}
        self._zero = zero
        self._open: str | None = None

    def did(self, deed: str) -> None:
        self.deeds.append((self.now, deed))

    def see(self, wall: float, presence: str, network: bool, session: Session | None) -> None:
        """How things stand at `wall`."""
        self.now = wall - self._zero
        _go_on(self.presence, presence, self.now)
        _go_on(self.network, UP if network else DOWN, self.now)
        if self._open and (session is None or session.id != self._open):
            self._ended(self.sessions[self._open])
        self._open = session.id if session else None
        if session:
            self._goes_on(session)

    def died(self) -> None:
        """The process is gone, and has told nobody what becomes of its session."""
        self._open = None
        if self.graces and self.graces[-1].kept is None:
            self.graces[-1].kept = False

    def tried(self, wall: float, end: End, delivered: bool) -> None:
        """The destination was given `end`, and took it or did not."""
        at = wall - self._zero
        bar = self.sessions.setdefault(end.session_id, Bar(end.started_at - self._zero, at))
        bar.end, bar.saved, bar.active = end.ended_at - self._zero, True, end.active
        bar.number, bar.reason = end.number, end.reason
        bar.sure = at if bar.sure is None else bar.sure
        if delivered:
            bar.delivered = at
        else:
            bar.tries.append(at)

    def _goes_on(self, session: Session) -> None:
        bar = self.sessions.setdefault(session.id, Bar(session.started_at.timestamp() - self._zero, self.now))
        bar.number = session.number or bar.number
        bar.active = session.active
        bar.saved = session.grace_left is not None
        grace = self.graces[-1] if self.graces and self.graces[-1].kept is None else None
        if session.grace_left is None:
            bar.end = self.now
            _go_on(bar.stretches, FOREGROUND, self.now, joined=grace is None)
            if grace:
                grace.end, grace.kept = self.now, True
        elif grace:
            grace.end = self.now
        else:
            self.graces.append(Grace(self.now, self.now + session.grace_left, self.now))

    def _ended(self, bar: Bar) -> None:
        bar.saved = True
        sure = self.now
        if self.graces and self.graces[-1].kept is None:
            grace = self.graces[-1]
            grace.end, grace.kept = min(self.now, grace.due), False
            sure = grace.end
        bar.sure = sure if bar.sure is None else min(sure, bar.sure)


def _go_on(spans: list[Span], what: str, now: float, joined: bool = True) -> None:
    """The last span reaches up to now; if it is another, or was broken off, a new one begins here."""
    if spans and joined:
        spans[-1].end = now
    if not spans or not joined or spans[-1].what != what:
        spans.append(Span(what, now, now))
