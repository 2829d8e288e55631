"""What the games under test share: they say what happens to them, and when, and do as they are told."""

from __future__ import annotations

import os
import sys
import threading
import time
from queue import Empty, SimpleQueue
from typing import Any

import pygame

SIZE = (240, 180)


_plugin: Any = None


def say(text: str) -> None:
    sys.stdout.write(f"{time.time():.6f} {text}\n")


def install(**settings: Any) -> Any:
    """The plugin, as the test's environment wants it; None if the test wants to see the game without it."""
    if os.environ.get("WITHOUT_PLUGIN"):
        say("without the plugin")
        return None
    import gs_pygame

    global _plugin
    say("installing")
    _plugin = gs_pygame.install(app="Window", author="gs_pygame", **settings)
    say("installed")
    return _plugin


def say_focus() -> None:
    """From now on say each change of the focus, whatever the game itself does in the meantime; and when the plugin has
    seen the player in the game.
    """

    def watch() -> None:
        last = None
        seen = False
        while True:
            if not seen and _plugin and _plugin._adapter._knows_focus:
                seen = True
                say("seen")
            try:
                focused = pygame.key.get_focused()
            except pygame.error:  # not initialised (any more)
                focused = None
            if focused is not last and focused is not None:
                say(f"focus {int(focused)}")
            last = focused
            time.sleep(0.005)

    threading.Thread(target=watch, daemon=True).start()


class Commands:
    """The test's words, line by line from standard input."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[str] = SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        """Not from sys.stdin: a forked child would find its buffer's lock held."""
        while words := os.read(0, 1000).decode():
            for line in words.splitlines():
                self._queue.put(line)

    def next(self) -> list[str]:
        """The next command, split into words; empty if there is none."""
        try:
            return self._queue.get_nowait().split()
        except Empty:
            return []


def open_window() -> None:
    vsync = "--vsync" in sys.argv
    pygame.display.set_mode(SIZE, pygame.SCALED if vsync else 0, vsync=vsync)
    pygame.display.set_caption("game")


def frame(clock: pygame.time.Clock) -> None:
    pygame.display.get_surface().fill((20, 40, 60))
    pygame.display.flip()
    clock.tick(60)
