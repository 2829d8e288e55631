"""Everything Starfall does for its sessions. No other part of the game knows the plugin."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import gs_pygame
from gs_pygame import EndSessionResponse as Answer
from gs_pygame import Session, Status

__all__ = ["Answer", "Session", "Sessions", "Status"]


class Sessions:
    def __init__(self, endpoint: str, secret: str, data: Callable[[], dict[str, object]], folder: Path | None) -> None:
        self.delivered: list[tuple[Session, Answer]] = []
        self.plugin = gs_pygame.install(
            app="Starfall",
            author="gs_pygame",
            endpoint=endpoint,
            secret=secret,
            background_grace=5.0,
            script_data=data,
            on_delivered=lambda session, answer: self.delivered.append((session, answer)),
            data_dir=folder,
        )
