"""What is watched: a game that a scenario plays with a fake clock, or the laboratory's own window in real time."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from tempfile import TemporaryDirectory

import pygame

from gs_pygame import End, SessionPlugin, Settings
from gs_pygame.destinations import Delivered, Outcome
from gs_pygame.testing import FakeDestination, Player

from .record import ASLEEP, ELSEWHERE, FOREGROUND, GONE, MINIMISED, Record
from .scenario import ANY_TIME, LEAVINGS, Deed, Scenario


class _Network(FakeDestination):
    """The way to the server: up, or cut. What is tried is written down."""

    def __init__(self, subject: Played | OwnWindow) -> None:
        super().__init__()
        self._subject = subject

    def deliver(self, ends: Sequence[End]) -> list[Outcome]:
        outcomes = super().deliver(ends)
        self._subject.record.tried(self._subject.wall(), ends[0], isinstance(outcomes[0], Delivered))
        return outcomes


class Played:
    """The real plugin, and a player who does what the scenario, or a key, says. Time goes as fast as `advance` says."""

    def __init__(self, scenario: Scenario) -> None:
        random.seed(scenario.title)  # for the courier's pauses: the same scenario gives the same picture
        self.network = _Network(self)
        self._player = player = Player(destination=self.network, frame=self._frame, desktop=scenario.desktop)
        self._moves: dict[str, Callable[[], None]] = {
            "alt-tab": player.leaves,
            "minimise": player.minimises,
            "return": player.returns,
            "show desktop": player.shows_desktop,
            "hide desktop": player.hides_desktop,
            "switch mode": player.switches_mode,
            "interrupt": player.is_interrupted,
        }
        self._grace = scenario.grace
        self._folder = TemporaryDirectory()
        self._plugin: SessionPlugin | None = None
        self._deeds = list(scenario.deeds)
        self.record = Record(self.wall(), scenario.title, f"grace {scenario.grace:g} s, {scenario.desktop}")

    def wall(self) -> float:
        return self._player.clock.now().wall

    def advance(self, seconds: float) -> bool:
        """Play on, with what the scenario holds for that time. False if it is over."""
        until = self.record.now + seconds
        while self._deeds and self._deeds[0].at <= until:
            deed = self._deeds.pop(0)
            self._wait(deed.at - self.record.now)
            self.do(deed)
            if deed.name == "end":
                return False
        self._wait(until - self.record.now)
        return True

    def do(self, deed: Deed) -> None:
        """Now, whatever its time says. What makes no sense now is left undone."""
        if deed.name not in ANY_TIME and (deed.name == "start") is (self._plugin is not None):
            return
        if deed.name != "end":
            self.record.did(deed.name)
        if deed.name == "start":
            self._start()
        elif deed.name in LEAVINGS:
            self._leave_for_good(deed.name)
        elif deed.name in ("network down", "network up"):
            self.network.offline = deed.name == "network down"
        elif deed.name == "sleep":
            self._sleep(deed.seconds)
        elif deed.name in self._moves:
            self._moves[deed.name]()
        self._look()

    def close(self) -> None:
        """Idempotent, as the other's."""
        if self._plugin:
            self._plugin.close()
        self._folder.cleanup()

    def _start(self) -> None:
        self._plugin = self._player.plugin(
            Settings(
                app="Laboratory",
                author="gs_pygame",
                data_dir=self._folder.name,
                background_grace=self._grace,
                exit_delivery="wait",  # nothing here goes on after the game
                hook=False,
            )
        )
        self._player.returns()

    def _sleep(self, seconds: float) -> None:
        self._look(ASLEEP)
        self._player.sleeps(seconds)

    def _leave_for_good(self, how: str) -> None:
        assert self._plugin is not None
        if how == "quit":
            self._player.closes()
            for event in pygame.event.get(pygame.QUIT):
                self._plugin.process_event(event)
            self._plugin.close()
        elif how == "crash":
            with suppress(RuntimeError), self._plugin:
                raise RuntimeError("nobody catches this")
        else:
            self._player.kills()
            self.record.died()
        self._plugin = None

    def _wait(self, seconds: float) -> None:
        if seconds > 0:
            self._player.wait(seconds)
        self._look()

    def _frame(self) -> None:
        if self._plugin:
            self._plugin.update()
        self._look()

    def _look(self, presence: str | None = None) -> None:
        session = self._plugin.session if self._plugin else None
        self.record.see(self.wall(), presence or self._presence(), not self.network.offline, session)

    def _presence(self) -> str:
        if self._plugin is None:
            return GONE
        unfocused = ELSEWHERE if self._player.visible else MINIMISED
        return FOREGROUND if self._player.focused else unfocused


class OwnWindow:
    """The laboratory's own window, in real time: what becomes of a session when you leave it."""

    def __init__(self, grace: float) -> None:
        self.network = _Network(self)
        self._folder = TemporaryDirectory()
        self.record = Record(time.time(), "This very window", f"grace {grace:g} s, for real")
        self._plugin = SessionPlugin(
            Settings(
                app="Laboratory",
                author="gs_pygame",
                data_dir=self._folder.name,
                background_grace=grace,
                exit_delivery="wait",
            ),
            self.network,
        )
        self._presence = FOREGROUND

    def wall(self) -> float:
        return time.time()

    def advance(self, seconds: float) -> bool:
        """Look how things stand; the seconds pass by themselves."""
        unfocused = ELSEWHERE if pygame.display.get_active() else MINIMISED
        presence = FOREGROUND if pygame.key.get_focused() else unfocused
        if presence != self._presence:
            self._presence = presence
            self.record.did({FOREGROUND: "return", ELSEWHERE: "alt-tab", MINIMISED: "minimise"}[presence])
        self.record.see(self.wall(), presence, not self.network.offline, self._plugin.session)
        return True

    def do(self, deed: Deed) -> None:
        """Only the network obeys: the rest is what you really do."""
        if deed.name in ("network down", "network up"):
            self.record.did(deed.name)
            self.network.offline = deed.name == "network down"

    def close(self) -> None:
        self._plugin.close()
        self.record.see(self.wall(), GONE, not self.network.offline, None)
        self._folder.cleanup()
