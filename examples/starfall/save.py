"""The little the game remembers between two starts: the high score, and how far the tour has got."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass
class Save:
    best: int = 0
    tour: int = 0

    @classmethod
    def load(cls, path: Path) -> Save:
        try:
            value = json.loads(path.read_text("utf-8"))
            return cls(int(value["best"]), int(value["tour"]))
        except (OSError, ValueError, KeyError, TypeError):
            return cls()

    def store(self, path: Path) -> None:
        """A folder that cannot be written costs the high score, not the game."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside = path.with_suffix(".new")
            beside.write_text(json.dumps(asdict(self)), "utf-8")
            os.replace(beside, path)  # a kill in between leaves the old one
        except OSError:
            return
