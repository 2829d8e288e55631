"""What destinations are still to be asked to forget. It outlives the outbox that a denial erases: a file of its own.

It holds the id of an installation that is no more, and of who played; nothing else is ever sent under these. What
cannot be said for PENDING is given up, since it is itself about the player.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path

from .._base.errors import OutboxDamagedError, OutboxTooNewError
from .._base.messages import Erasure
from .._base.patience import PENDING
from .browse import Browser
from .flush import flush
from .lock import FileLock
from .private import make_folder, own

Requested = list[tuple[Erasure, tuple[str, ...]]]
"""What is to be asked, each with the names of those that are to be."""

_NAME = "erasures.json"

_PATIENCE = 0.5
"""Seconds that a change may wait for another copy's, which is being flushed,"""

_AGAIN = 0.005
"""and between two looks whether it is done."""


class ErasureRequests:
    """Of the folder of one game. `able`: its destinations that can erase."""

    def __init__(self, folder: Path, able: Collection[str]) -> None:
        self._folder = folder
        self._able = able
        self._path = folder / _NAME

    def any(self) -> bool:
        """Whether there are some."""
        return os.path.exists(self._path)

    def of(self, outbox: Path, now: float) -> Requested:
        """What is to be asked of whom when that outbox is erased: of nobody who was never sent anything, or of whom
        nobody can tell. Raises OutboxError."""
        try:
            with closing(Browser(outbox)) as browser:
                installation, players, tried = browser.sent_as()
        except (FileNotFoundError, OutboxDamagedError, OutboxTooNewError):
            return []
        names = tuple(name for name in tried if name in self._able)
        if installation is None or not names:
            return []
        return [(Erasure(f"e_{installation}", installation, tuple(players), now), names)]

    def add(self, requests: Requested) -> None:
        """Keep them too. Raises OSError."""
        with self._alone():
            kept = self._read()
            known = {erasure.id for erasure, _ in kept}
            self._write(kept + [request for request in requests if request[0].id not in known])

    def due(self, now: float) -> Requested:
        """All that there are, each with the names of those that are to be asked; not those from before PENDING. Raises
        OSError."""
        return [(erasure, names) for erasure, names in self._read() if erasure.requested_at > now - PENDING]

    def settle(self, erasure: Erasure, name: str) -> None:
        """That one has heard, or never will. Raises OSError."""
        with self._alone():
            left = [
                (kept, tuple(other for other in names if (kept.id, other) != (erasure.id, name)))
                for kept, names in self._read()
            ]
            self._write([(kept, names) for kept, names in left if names])

    def give_up(self, now: float) -> None:
        """Forget what nobody could be told for PENDING. Raises OSError."""
        with self._alone():
            self._write(self.due(now))

    def _read(self) -> Requested:
        """Raises OSError: what cannot be read now is not to be written over."""
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            return [
                (replace(made := Erasure(**each["erasure"]), player_ids=tuple(made.player_ids)), tuple(each["to"]))
                for each in kept
            ]
        except (FileNotFoundError, ValueError, TypeError, KeyError, RecursionError):
            return []

    def _write(self, requests: Requested) -> None:
        """Under another name, flushed, and moved into place."""
        for left in self._folder.glob(f"{_NAME}.*.new"):  # by one that was killed
            with suppress(OSError):
                left.unlink()
        if not requests:
            self._path.unlink(missing_ok=True)
            return
        text = json.dumps([{"erasure": asdict(erasure), "to": names} for erasure, names in requests])
        beside = self._folder / f"{_NAME}.{uuid.uuid4().hex}.new"
        make_folder(self._folder)
        try:
            with beside.open("x", encoding="utf-8") as file:
                own(beside)
                file.write(text)
                file.flush()
                flush(file.fileno())
            os.replace(beside, self._path)
        except OSError:
            with suppress(OSError):
                beside.unlink()
            raise

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No other copy changes the file meanwhile. Raises BlockingIOError if one takes too long."""
        make_folder(self._folder)
        give_up = time.monotonic() + _PATIENCE
        while True:
            try:
                lock = FileLock(self._folder / "erasures.lock")
                break
            except BlockingIOError:
                if time.monotonic() > give_up:
                    raise
                time.sleep(_AGAIN)
        with closing(lock):
            yield
