"""What the plugin says, to handlers and filters that are the game's: whatever these raise is no trouble of ours."""

from __future__ import annotations

import logging
from typing import Any


class _Log(logging.LoggerAdapter["logging.Logger"]):
    """Any thread; best one that holds no lock."""

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        try:
            super().log(level, msg, *args, **kwargs)
        except Exception:  # noqa: BLE001, S110 - a handler's or a filter's, and where could it be said
            pass


log = _Log(logging.getLogger("gs_pygame"), {})
