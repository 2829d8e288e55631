"""What the plugin says, to handlers and filters that are the game's: whatever these raise is no trouble of ours."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    _Adapter = logging.LoggerAdapter[logging.Logger]
else:  # Python 3.10 takes no type there
    _Adapter = logging.LoggerAdapter


class _Log(_Adapter):
    """Any thread; best one that holds no lock."""

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        with suppress(Exception):  # a handler's or a filter's, and where could it be said
            super().log(level, msg, *args, **kwargs)


log = _Log(logging.getLogger("gs_pygame"), {})
