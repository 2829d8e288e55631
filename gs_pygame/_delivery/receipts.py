"""What was delivered, until the game has been told, and what it was told, until that is written down."""

from __future__ import annotations

import threading
from collections.abc import Callable

from .._disk.outbox import Receipt


class Receipts:
    """True while there are some that the game is to be told of. Any thread.

    `lock`: the engine's. `on_change`: called under it when there are others.
    """

    def __init__(self, lock: threading.RLock, on_change: Callable[[], None]) -> None:
        self._lock = lock
        self._on_change = on_change
        self._untold: list[Receipt] = []
        self._told: list[str] = []

    def __bool__(self) -> bool:
        return bool(self._untold)

    def add(self, receipt: Receipt) -> None:
        with self._lock:
            self._untold.append(receipt)
            self._on_change()

    def put_first(self, receipts: list[Receipt]) -> None:
        """These are from earlier runs."""
        with self._lock:
            self._untold[:0] = receipts
            self._on_change()

    def take(self) -> list[Receipt]:
        """What the game is to be told of; each is given out once, unless it is given back."""
        if not self._untold:
            return []
        with self._lock:
            receipts, self._untold = self._untold, []
            self._told += [receipt.end.session_id for receipt in receipts]
            self._on_change()
            return receipts

    def give_back(self, receipts: list[Receipt]) -> None:
        """The game could not be told of these."""
        with self._lock:
            self._untold = [*receipts, *self._untold]
            given_back = {receipt.end.session_id for receipt in receipts}
            self._told = [session_id for session_id in self._told if session_id not in given_back]
            self._on_change()

    def take_told(self) -> list[str]:
        """The sessions whose receipts the game has been told of since the last call."""
        with self._lock:
            told, self._told = self._told, []
            return told
