"""A lock on an open file that the system frees when its process dies.

POSIX: an `fcntl` record lock, since an flock taken before a fork would live on in the child. Such a lock belongs to
the process: it says nothing between two holders in one process, and closing any descriptor of the file drops it.
So the paths this process has locked are kept here, and a path is never opened twice.
Windows: `msvcrt.locking` of one byte far behind the data, since locked bytes cannot be read by others.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
from pathlib import Path

_TAKEN = frozenset({errno.EAGAIN, errno.EACCES, errno.EDEADLK})  # as fcntl(2) and Microsoft's _locking say it
_held: set[str] = set()
_guard = threading.Lock()

if sys.platform == "win32":
    import msvcrt

    _FAR = 1 << 30

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def held_here(path: Path) -> bool:
    """Whether this process holds the lock on `path`."""
    return os.path.realpath(path) in _held


class FileLock:
    """The lock on `path`, from construction to close(). Raises BlockingIOError if someone else holds it.

    Other OSErrors mean that the file cannot be opened. With `create` False a missing file is FileNotFoundError.
    """

    def __init__(self, path: Path, create: bool = True) -> None:
        self.path = path
        self._key = os.path.realpath(path)
        with _guard:
            if self._key in _held:
                raise BlockingIOError(f"{path} is locked by this process")
            flags = os.O_RDWR
            for flag in ("O_BINARY", "O_CLOEXEC", "O_NOFOLLOW"):  # a link would lead to somebody else's file
                flags |= getattr(os, flag, 0)
            self.descriptor = os.open(path, flags | (os.O_CREAT if create else 0), 0o600)
            try:
                _lock(self.descriptor)
            except OSError as error:
                os.close(self.descriptor)
                if error.errno in _TAKEN:
                    raise BlockingIOError(f"{path} is locked by another process") from error
                raise
            _held.add(self._key)
            self._open = True

    def still_there(self) -> bool:
        """Whether the path still leads to the locked file."""
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            return False
        return os.path.samestat(found, os.fstat(self.descriptor))

    def close(self) -> None:
        """Free the lock. A second time it does nothing: the path, and the descriptor's number, may be another's."""
        with _guard:
            if self._open:
                self._open = False
                _held.discard(self._key)
                os.close(self.descriptor)
