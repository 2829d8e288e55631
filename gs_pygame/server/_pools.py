"""Threads for requests that take long: of each kind so many that its flood leaves the others theirs.

All others, the database's above all, have the event loop's own forty.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import anyio.to_thread

P = ParamSpec("P")
T = TypeVar("T")

PASSWORD, SCRIPT = "password", "script"

_PROCESSORS = os.cpu_count() or 1

AT_ONCE = {PASSWORD: _PROCESSORS, SCRIPT: 4 * _PROCESSORS}
"""By what they take. A password's hash keeps a processor busy, and 64 MB, for some 50 ms. As many scripts run as there
are processors; the others wait for what theirs has asked of the server."""


class Pools:
    """Of one event loop."""

    def __init__(self) -> None:
        self._limiters = {kind: anyio.CapacityLimiter(count) for kind, count in AT_ONCE.items()}

    async def run(self, kind: str | None, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """On a thread of this kind, as soon as there is one. None: on any."""
        limiter = None if kind is None else self._limiters[kind]
        return await anyio.to_thread.run_sync(lambda: work(*args, **kwargs), limiter=limiter)
