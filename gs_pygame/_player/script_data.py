"""What the game sends along with each end: asked for in time, and remembered for an end that nobody can ask about."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from .._messages import dump_script_data

log = logging.getLogger("gs_pygame")


class ScriptData:
    """`source`: a mapping, a function that gives one, or None. `known`: the last value, as JSON. The game's thread."""

    def __init__(self, source: Any) -> None:
        self.source = source
        self.known = "{}" if source is None or callable(source) else dump_script_data(source)

    def ask(self, extra: Mapping[str, Any] | None) -> str:
        """The present value with `extra`, as JSON; the last known one if it cannot be used."""
        try:
            source = self.source
            value = (source() if callable(source) else source) or {}
            return dump_script_data({**value, **(extra or {})})
        except Exception as error:  # noqa: BLE001 - the game's own function; the end goes all the same
            log.warning("gs_pygame: script_data cannot be used, the last known one goes along instead: %s", error)
            return self.known
