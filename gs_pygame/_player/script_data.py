"""What the game sends along with each end: asked for in time, and remembered for an end that nobody can ask about."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from .._base.boundary import calls_the_game
from .._base.log import log
from .._base.messages import dump_script_data


class ScriptData:
    """`source`: a mapping, a function that gives one, or None. `known`: the last value, as JSON."""

    def __init__(self, source: Any) -> None:
        self.source = source
        self.known = "{}" if source is None or callable(source) else dump_script_data(source)

    @calls_the_game
    def ask(self, extra: Mapping[str, Any] | None) -> str:
        """The present value with `extra`, as JSON; the last known one if it cannot be used, or if it is the function
        itself that brought us here. The game's thread, without a lock. Raises what the function raises that is no
        Exception."""
        source = self.source
        if callable(source) and self._is_asking():
            return self.known
        try:
            value = (source() if callable(source) else source) or {}
            if extra:  # it goes along with this end, and belongs to no other
                return dump_script_data({**value, **extra})
            self.known = dump_script_data(value)
        except Exception as error:  # noqa: BLE001 - the game's own function; the end goes all the same
            log.warning("gs_pygame: script_data cannot be used, the last known one goes along instead: %s", error)
        return self.known

    @staticmethod
    def _is_asking() -> bool:
        """Whether this thread is in `ask` already. The stack knows; a flag could be left behind by an exception."""
        asking = sys._getframe(1)
        frame = asking.f_back
        while frame is not None and frame.f_code is not asking.f_code:
            frame = frame.f_back
        return frame is not None
