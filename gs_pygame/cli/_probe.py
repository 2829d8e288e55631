"""What pygame says of itself, in a process of its own: one that crashes or hangs there is an answer, too.

Prints one line of JSON, last.
"""

from __future__ import annotations

import json
from typing import Any


def probe() -> dict[str, Any]:
    """Import pygame, hook it, and begin a display; how far that came."""
    import pygame

    found: dict[str, Any] = {"where": getattr(pygame, "__file__", None) or str(next(iter(pygame.__path__)))}
    if not hasattr(pygame, "init"):
        return found
    from .._player.window import Adapter, version

    found["version"] = version()
    adapter = Adapter("focus", seen=lambda: None, farewell=lambda: None)
    original = pygame.event.get
    adapter.hook()
    try:
        found["hooked"] = pygame.event.get is not original
        pygame.display.init()
        pygame.event.get()
        found["driver"] = pygame.display.get_driver()
    except pygame.error as error:
        found["no_display"] = str(error)
    finally:
        adapter.unhook()
        pygame.display.quit()
    return found


if __name__ == "__main__":
    try:
        told = probe()
    except ImportError as failed:
        told = {"missing": str(failed)}
    print("\n" + json.dumps(told))
