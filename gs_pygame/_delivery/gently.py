"""Calls that take long are made at a low priority, in a thread of their own: no frame of the game's waits for them.

The rest of the helper keeps the game's priority. Were it to write to the outbox at a low one, a busy machine would put
it aside with SQLite's lock in its hands, and every copy of the game would wait for its turn.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

from .process import NICENESS, NICENESS_IS_A_THREADS

T = TypeVar("T")


class Gently:
    """Makes one call at a time."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], Any]] = SimpleQueue()
        self._answers: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
        threading.Thread(target=self._work, daemon=True).start()

    def call(self, function: Callable[..., T], *values: object) -> T:
        """What `function` gives or raises."""
        self._calls.put(lambda: function(*values))
        result, error = self._answers.get()
        if error is not None:
            raise error
        return result  # type: ignore[no-any-return]

    def _work(self) -> None:
        if NICENESS_IS_A_THREADS:
            os.nice(NICENESS)
        while True:
            call = self._calls.get()
            try:
                self._answers.put((call(), None))
            except BaseException as error:  # noqa: BLE001 - handed on
                self._answers.put((None, error))
