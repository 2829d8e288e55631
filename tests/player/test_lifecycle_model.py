"""The state machine against a model that counts ticks instead of subtracting clocks.

GS_PYGAME_EXAMPLES sets how many random sequences are tried (1,000 unless set; 10,000 by hand).
"""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gs_pygame._base.clocks import Instant
from gs_pygame._player.lifecycle import (
    AT_WORK,
    SUSPEND_AFTER,
    VETO_AFTER,
    Decision,
    Lifecycle,
    Release,
    Save,
    Start,
    Withdraw,
)

TICKS = 8  # to the second: a power of two, so that no boundary is blurred by rounding
PULSE = 6  # ticks between pulses
GRACE = 24  # ticks
EXAMPLES = int(os.environ.get("GS_PYGAME_EXAMPLES", "1000"))


@dataclass
class Ended:
    """What a session came to, in ticks."""

    started: int
    active: int
    wall: int
    reason: str


@dataclass
class Model:
    """The table of design section 4 in ticks. `now` runs on in sleep; `active` counts ticks one by one."""

    now: int = 0
    heard: bool = False  # of a pulse, at all
    awake: int = 0  # ticks since the last pulse
    asleep: int = 0
    worked: int = 0
    started: int | None = None
    active: int = 0
    safe: int = 0  # `active` at the last moment that a sleep cannot take back
    safe_at: int = 0
    safe_playing: int = 0  # the same of `playing`
    left: int | None = None
    reason: str = ""
    playing: int | None = None  # ticks of play since a quit, while the player is still there
    last_call: int = 0
    held: bool = False
    ended: list[Ended] = field(default_factory=list)

    def tick(self, asleep: bool, busy: bool) -> None:
        self.now += 1
        if asleep:
            self.asleep += 1
            return
        self.awake += 1
        self.worked += busy
        if self.started is not None and self.left is None:
            self.active += 1
        if self.playing is not None:
            self.playing += 1

    def catch_up(self) -> None:
        gap = SUSPEND_AFTER * TICKS
        stopped = self.awake > gap and self.worked < AT_WORK * self.awake
        if self.heard and (self.asleep > gap or stopped):
            if self.started is not None and self.left is None:
                self.active, self.left, self.reason, self.last_call = self.safe, self.safe_at, "suspend", self.safe_at
            self.playing = None
            self.awake = self.asleep = self.worked = 0
        if self.left is not None:
            waits_from = self.left if self.playing is None else self.last_call
            if self.now - waits_from >= GRACE:
                self.end()

    def begin(self) -> None:
        self.started, self.active, self.held = self.now, 0, False
        self.safe, self.safe_at = 0, self.now

    def end(self) -> None:
        assert self.started is not None
        assert self.left is not None
        self.ended.append(Ended(self.started, self.active, self.left - self.started, self.reason))
        self.started = self.left = self.playing = None

    def pulse(self) -> None:
        self.catch_up()
        self.heard = True
        self.awake = self.asleep = self.worked = 0
        if self.started is not None and self.left is None:
            self.safe, self.safe_at = self.active, self.now
        elif self.playing is not None:
            self.safe_playing, self.safe_at = self.playing, self.now

    def play(self) -> None:
        self.playing = self.safe_playing = 0
        self.safe_at = self.now

    def start(self) -> None:
        self.catch_up()
        self.held = False
        if self.started is None:
            self.begin()

    def leave(self, reason: str) -> None:
        self.catch_up()
        if self.started is None:
            return
        if self.left is None:
            self.left, self.reason, self.last_call = self.now, reason, self.now
            if reason == "quit":
                self.play()
            return
        self.last_call = self.now
        if reason == "background":
            self.playing = None
        if not (reason == "background" and self.reason == "quit"):
            self.reason = reason

    def back(self) -> None:
        self.catch_up()
        if self.started is None:
            self.begin()
        elif self.left is not None and self.reason != "quit":
            self.left = None
            self.safe, self.safe_at = self.active, self.now
        elif self.left is not None:
            self.last_call = self.now
            if self.playing is None:
                self.play()
            elif self.playing >= VETO_AFTER * TICKS:
                self.safe = self.active + self.safe_playing
                self.active += self.playing
                self.left = self.playing = None

    def exit(self, reason: str) -> None:
        self.catch_up()
        self.held = True
        if self.started is not None:
            if self.left is None:
                self.left = self.now
            self.reason = reason
            self.end()


@dataclass
class Shelf:
    """An outbox in miniature: checks that the decisions make sense, and keeps what they come to."""

    open: Start | None = None
    waiting: Save | None = None
    ended: list[Ended] = field(default_factory=list)

    def take(self, decisions: list[Decision]) -> None:
        for decision in decisions:
            match decision:
                case Start():
                    assert self.open is None, "two sessions at once"
                    self.open = decision
                case Save(session_id, _, active, wall):
                    assert self.open
                    assert self.open.session_id == session_id
                    assert 0 <= active <= wall + 1e-6
                    if self.waiting:
                        assert (active, wall) == (self.waiting.active, self.waiting.wall), "only the reason may change"
                    self.waiting = decision
                case Withdraw(session_id):
                    assert self.waiting
                    assert self.waiting.session_id == session_id
                    self.waiting = None
                case Release(session_id):
                    assert self.open
                    assert self.waiting
                    assert self.waiting.session_id == session_id
                    self.ended.append(
                        Ended(
                            round((self.open.started.elapsed - 500) * TICKS),
                            round(self.waiting.active * TICKS),
                            round(self.waiting.wall * TICKS),
                            self.waiting.reason,
                        )
                    )
                    self.open = self.waiting = None


class World:
    """The machine and the model side by side. `wall` is set at random: nothing may follow it."""

    def __init__(self) -> None:
        names = (f"s{number}" for number in itertools.count(1))
        self.machine = Lifecycle(GRACE / TICKS, lambda: next(names))
        self.model = Model()
        self.shelf = Shelf()
        self.elapsed = self.active = self.worked = 0
        self.wall = 0.0

    def now(self) -> Instant:
        return Instant(self.wall, 100 + self.active / TICKS, 500 + self.elapsed / TICKS, self.worked / TICKS)

    def passes(self, ticks: int, pulsing: bool, asleep: bool = False, busy: bool = False) -> None:
        """`busy`: every other tick of it."""
        for tick in range(ticks):
            working = busy and tick % 2 == 0
            self.elapsed += 1
            self.active += not asleep
            self.worked += working
            self.model.tick(asleep, working)
            if pulsing and self.elapsed % PULSE == 0:
                self.model.pulse()
                self.shelf.take(self.machine.pulse(self.now()))

    def signal(self, name: str, reason: str | None = None) -> None:
        if reason is None:
            getattr(self.model, name)()
            self.shelf.take(getattr(self.machine, name)(self.now()))
        else:
            getattr(self.model, name)(reason)
            self.shelf.take(getattr(self.machine, name)(reason, self.now()))


steps = st.one_of(
    st.tuples(st.just("passes"), st.integers(1, 60)),
    st.tuples(st.just("passes"), st.integers(1, 12)),
    st.tuples(st.sampled_from(["sleeps", "stops", "is held"]), st.integers(1, 120)),
    st.tuples(st.just("wall"), st.floats(-1e9, 4e9)),
    st.tuples(st.just("leave"), st.sampled_from(["background", "quit"])),
    st.tuples(st.just("exit"), st.sampled_from(["explicit", "quit", "crash"])),
    st.tuples(st.sampled_from(["start", "back", "back", "back", "pulse"]), st.none()),
)


@settings(
    max_examples=EXAMPLES, deadline=None, derandomize="CI" in os.environ, suppress_health_check=[HealthCheck.too_slow]
)
@given(st.lists(steps, min_size=5, max_size=60))
def test_the_machine_agrees_with_the_model(sequence: list[tuple[str, object]]) -> None:
    """Any signals at any instants: the same ends as the model, each session ended once, whatever the wall clock."""
    world = World()
    world.signal("start")
    world.signal("pulse")
    for name, value in sequence:
        match name, value:
            case "passes", int(ticks):
                world.passes(ticks, pulsing=True)
            case (("sleeps" | "stops" | "is held"), int(ticks)):
                world.passes(ticks, pulsing=False, asleep=name == "sleeps", busy=name == "is held")
            case "wall", float(wall):
                world.wall = wall
            case _, str(reason):
                world.signal(name, reason)
            case _:
                world.signal(name)
        model = world.model
        assert (world.shelf.open is None) == (model.started is None)
        assert (world.shelf.waiting is not None) == (model.left is not None) == world.machine.away
        assert world.machine.expects_player == (not model.held and (model.started is None or model.left is not None))
    world.signal("exit", "quit")
    assert world.shelf.open is None
    assert world.shelf.ended == world.model.ended
