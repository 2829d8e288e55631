"""A player that leaves and comes back, as a test tells them to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pygame

from .. import _install
from .._messages import End
from .._plugin import SessionPlugin
from .._settings import Settings
from ._clock import FakeClock
from ._destination import FakeDestination

FRAME = 0.1
"""Seconds of the fake clock from one frame to the next."""


def _get_events() -> None:
    pygame.event.get()


class Player:
    """Moves a fake clock, and answers for pygame whether the game has the focus and can be seen.

    `frame` is one turn of the game's loop; it is called while time passes, and after everything the player does.
    Without it the events are just taken from the queue. The events that come with each deed are posted as X11 has them.
    """

    def __init__(
        self,
        clock: FakeClock | None = None,
        destination: FakeDestination | None = None,
        frame: Callable[[], object] = _get_events,
    ) -> None:
        self.clock = clock or FakeClock()
        self.destination = destination or FakeDestination()
        self.frame = frame
        self.focused = True
        self.visible = True

    @property
    def ends(self) -> list[End]:
        """The ends that were delivered, in order."""
        return self.destination.ends

    def plugin(self, settings: Settings) -> SessionPlugin:
        """A plugin for this player: with this clock, this destination, and their eyes."""
        return SessionPlugin(
            settings,
            self.destination,
            self.clock,
            focused=lambda: self.focused,
            visible=lambda: self.visible,
        )

    def wait(self, seconds: float) -> None:
        """Let time pass, frame by frame, wherever the player is."""
        until = self.clock.now().elapsed + seconds
        while (left := until - self.clock.now().elapsed) > 1e-9:
            self.clock.advance(min(FRAME, left))
            self.frame()

    def leaves(self) -> None:
        """Another window gets the focus; the game can still be seen."""
        self.focused = False
        self._happens("WINDOWFOCUSLOST")

    def minimises(self) -> None:
        """The window goes away."""
        self.focused = self.visible = False
        self._happens("WINDOWHIDDEN", "WINDOWMINIMIZED", "WINDOWFOCUSLOST")

    def returns(self) -> None:
        """The window is seen and has the focus again."""
        was_visible, self.focused, self.visible = self.visible, True, True
        self._happens(*(() if was_visible else ("WINDOWRESTORED", "WINDOWSHOWN")), "WINDOWFOCUSGAINED")

    def closes(self) -> None:
        """The close button; the game may refuse."""
        self._happens("WINDOWCLOSE", "QUIT")

    def sleeps(self, seconds: float) -> None:
        """The computer sleeps that long, then wakes."""
        self.clock.sleep(seconds)
        self.clock.advance(0)
        self.frame()

    def _happens(self, *events: str) -> None:
        for name in events:
            pygame.event.post(pygame.event.Event(getattr(pygame, name)))
        self.frame()
        self.clock.advance(0)


@contextmanager
def game(data_dir: str | os.PathLike[str], frame: Callable[[], object] = _get_events) -> Iterator[Player]:
    """Within it, `gs_pygame.install(...)` makes a plugin for a fake player, whose files lie in `data_dir`.

    The plugin is closed, and what is ready delivered, on the way out.
    """
    player = Player(frame=frame)
    made: list[SessionPlugin] = []

    def make(settings: Settings) -> SessionPlugin:
        plugin = player.plugin(replace(settings, data_dir=data_dir))
        made.append(plugin)
        return plugin

    real, _install.make_plugin = _install.make_plugin, make
    try:
        yield player
    finally:
        _install.make_plugin = real
        for plugin in made:
            plugin.end_session()
            plugin.flush(1.0)
            plugin.close()
