"""Which windows of the game can be seen although none has the focus; and whether a compositor is left to show them.

Of the window of `set_mode` a sample tells (`pygame.display.get_active`); of those of `pygame.Window` only events do.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

import pygame
import pygame.display
import pygame.event

OUT = frozenset({pygame.WINDOWMINIMIZED, pygame.WINDOWHIDDEN})
IN = frozenset({pygame.WINDOWFOCUSGAINED, pygame.WINDOWRESTORED, pygame.WINDOWSHOWN})


class Windows:
    """The windows of `pygame.Window`, by their ids. An event without a window is one of `set_mode`'s window, or of one
    that was destroyed: nothing says which. All methods: the game's thread.
    """

    def __init__(self) -> None:
        self._shown: set[int] = set()
        self._holder = 0  # of the focus, by the events; 0: none of these

    def hear(self, event: Any) -> None:
        """An event of OUT or IN, or WINDOWFOCUSLOST."""
        number = _id_of(getattr(event, "window", None))
        if event.type in IN:
            if number:
                self._shown.add(number)
            if event.type == pygame.WINDOWFOCUSGAINED:
                self._holder = number
        elif number == 0 and event.type == pygame.WINDOWFOCUSLOST:
            self._shown.discard(self._holder)  # it was destroyed
        elif number == 0:
            self._shown &= {self._holder}  # one was destroyed: only of this one it is sure that it was not
        elif event.type in OUT:
            self._shown.discard(number)

    def in_sight(self) -> bool:
        """Whether one of them can be seen; no where that cannot be known."""
        return bool(self._shown) and not pygame.event.get_blocked([*OUT])


def _id_of(window: Any) -> int:
    with suppress(pygame.error):  # it was destroyed
        return int(getattr(window, "id", 0))
    return 0


def hides_what_is_seen() -> bool:
    """Whether no window can tell if it is seen: Wayland has no word for it, nor for a game of X11 in it."""
    driver = _driver()
    return driver == "wayland" or (driver == "x11" and bool(os.environ.get("WAYLAND_DISPLAY")))


def has_lost_its_compositor() -> bool:
    """Whether the Wayland compositor has died: SDL then asks the game to quit, once, and goes on as if it had focus."""
    name = os.environ.get("WAYLAND_DISPLAY")
    if not name or _driver() != "wayland":
        return False
    import socket

    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(os.path.join(os.environ.get("XDG_RUNTIME_DIR", ""), name))
        except BlockingIOError:  # busy, but there
            return False
        except OSError:
            return True
    return False


def _driver() -> str:
    return pygame.display.get_driver() if pygame.display.get_init() else ""
