"""The turn to deliver: one holder for a destination, over all copies of the game, and none that has come to a stop.

The turn is a lock on a file, `delivery-gamesparks.lock`, into which its holder writes the time once a second. A holder
that is stopped, or hangs, keeps its lock; so who finds the time too old goes on with the next generation of the file,
`delivery-gamesparks.1.lock`. The newest generation that lies there is the one that counts, and each holder looks before
it sends.
"""

from __future__ import annotations

import contextlib
import os
import struct
import threading
from pathlib import Path

from .._base.boundary import let_go
from .._base.clocks import system_sources
from .._base.patience import LONGEST_REQUEST, TURN_BEAT, TURN_STALE
from .._disk.lock import FileLock

_TIME = struct.Struct("<d")  # on the active clock, which all processes of one boot share, as they do locks


class Turn:
    """`path`: the first generation's file. Used by one thread; the signs of life come from another."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._active, _ = system_sources()
        self._guard = threading.RLock()
        self._lock: FileLock | None = None
        self._number = 0
        self._asked = 0.0  # on the active clock: the last sign that the holder itself goes on
        self._over = threading.Event()

    def take(self) -> bool:
        """Whether it is ours now. Raises OSError if its file cannot be opened."""
        number = self._newest()
        return self._hold(number) or (self._is_stale(number) and self._hold(number + 1))

    def is_mine(self) -> bool:
        """Whether it still is: to be asked before each request, which it gives LONGEST_REQUEST."""
        self._asked = self._active()
        return self._lock is not None and self._newest() == self._number

    def free(self) -> None:
        self._over.set()
        with self._guard:
            if self._lock is not None:
                self._lock.close()
                self._lock = None

    def let_go(self) -> None:
        """This thread was interrupted, and holds no lock."""
        let_go(self._guard)

    def _hold(self, number: int) -> bool:
        try:
            lock = FileLock(self._file(number))
        except BlockingIOError:
            return False
        if self._newest() != number or not lock.still_there():  # somebody has gone on meanwhile
            lock.close()
            return False
        self._lock, self._number, self._asked = lock, number, self._active()
        self._over = threading.Event()
        with contextlib.suppress(OSError):  # a full disk: then nobody can tell whether it has come to a stop
            self._beat()
        with contextlib.suppress(RuntimeError):  # Python 3.12 starts no thread at the exit
            threading.Thread(target=self._live, args=(self._over,), name="gs_pygame-turn", daemon=True).start()
        for older in self._numbers() - {number}:
            with contextlib.suppress(OSError):  # Windows removes no open file
                self._file(older).unlink()
        return True

    def _live(self, over: threading.Event) -> None:
        while not over.wait(TURN_BEAT):
            with self._guard, contextlib.suppress(OSError):
                if self._lock is not None and not over.is_set() and self._active() < self._asked + LONGEST_REQUEST:
                    self._lock.renew()
                    self._beat()

    def _beat(self) -> None:
        assert self._lock is not None
        os.lseek(self._lock.descriptor, 0, os.SEEK_SET)
        os.write(self._lock.descriptor, _TIME.pack(self._active()))

    def _is_stale(self, number: int) -> bool:
        try:
            beaten = _TIME.unpack(self._file(number).read_bytes())[0]
        except (OSError, struct.error):  # it has just been taken for the first time
            return False
        return bool(self._active() - beaten > TURN_STALE)

    def _newest(self) -> int:
        return max(self._numbers(), default=0)

    def _numbers(self) -> set[int]:
        names = [path.stem.partition(".")[2] or "0" for path in self.path.parent.glob(f"{self.path.stem}.*lock")]
        return {int(name) for name in names if name.isdecimal()}

    def _file(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.stem}.{number}.lock") if number else self.path
