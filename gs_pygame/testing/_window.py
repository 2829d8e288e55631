"""The window of the game that this process plays, on a virtual display: here a player really does what they do."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pygame

from ._desktops import Deed
from ._display import Display, eventually

_CALM = 0.5
"""Seconds with the focus after which a mode switch is over: what it says comes in over about 0.2 s."""


class RealWindow:
    """The game's only window on `display`. After each deed it waits until pygame knows; the game's thread."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._surface: pygame.Surface | None = None

    def settle(self) -> None:
        """A window that was just opened is waited for until it has the focus."""
        surface = pygame.display.get_surface() if pygame.display.get_init() else None
        if surface is not None and surface is not self._surface:
            _wait_for("the new window has the focus", pygame.key.get_focused)
        self._surface = surface

    def does(self, deed: Deed) -> None:
        """Do it, for real."""
        self.settle()
        _DEEDS[deed](self._display, self._display.window(os.getpid()))


def _leave(display: Display, window: str) -> None:
    display.go_elsewhere()
    _wait_for("the focus goes", lambda: not pygame.key.get_focused())


def _return(display: Display, window: str) -> None:
    display.activate(window)
    _wait_for("the focus comes", pygame.key.get_focused)


def _minimise(display: Display, window: str) -> None:
    display.minimize(window)
    _wait_for("the window is an icon", _is_gone)


def _show_desktop(display: Display, window: str) -> None:
    display.show_desktop(True)
    _wait_for("the window goes", _is_gone)


def _hide_desktop(display: Display, window: str) -> None:
    display.show_desktop(False)
    _wait_for("the window comes", pygame.display.get_active)


def _switch_mode(display: Display, window: str) -> None:
    pygame.display.toggle_fullscreen()
    focused_since = time.monotonic()

    def is_calm() -> bool:
        nonlocal focused_since
        if not pygame.key.get_focused():
            focused_since = time.monotonic()
        return time.monotonic() - focused_since > _CALM and display.is_active(display.window(os.getpid()))

    _wait_for("the mode has changed", is_calm)


def _close(display: Display, window: str) -> None:
    display.close_button(window)
    _wait_for("the close button is heard", lambda: pygame.event.peek(pygame.QUIT))


_DEEDS: dict[Deed, Callable[[Display, str], None]] = {
    "leave": _leave,
    "return": _return,
    "restore": _return,
    "minimise": _minimise,
    "show desktop": _show_desktop,
    "hide desktop": _hide_desktop,
    "switch mode": _switch_mode,
    "interrupt": _leave,
    "close": _close,
}


def _is_gone() -> bool:
    return not (pygame.display.get_active() or pygame.key.get_focused())


def _wait_for(what: str, is_so: Callable[[], bool]) -> None:
    def known() -> bool:
        pygame.event.pump()
        return is_so()

    eventually(known, what)
