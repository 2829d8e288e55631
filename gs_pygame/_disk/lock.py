"""A lock on an open file that the system frees when its process dies.

Linux: a lock of the open file description (`F_OFD_SETLK`, fcntl(2)), since a record lock of the process is dropped
when a game closes any descriptor of the file, as a backup of its folder does. A forked child shares the description, so
it closes what it inherited. Elsewhere on POSIX: such a record lock, to be renewed now and then; it says nothing between
two holders in one process, so what this process has locked is kept here.
Windows: `msvcrt.locking` of one byte far behind the data, since locked bytes cannot be read by others.
"""

from __future__ import annotations

import errno
import os
import struct
import sys
import threading
import weakref
from pathlib import Path

from .._base import boundary
from .private import own

_TAKEN = frozenset({errno.EAGAIN, errno.EACCES, errno.EDEADLK})  # as fcntl(2) and Microsoft's _locking say it
_held: set[str] = set()
_locks: weakref.WeakSet[FileLock] = weakref.WeakSet()
_guard = threading.RLock()

if sys.platform == "win32":
    import msvcrt

    _FAR = 1 << 30

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    # macOS has its own, in a struct of another order, which no page of Apple's describes.
    _OFD_SETLK: int | None = getattr(fcntl, "F_OFD_SETLK", None) if sys.platform.startswith("linux") else None
    _WHOLE_FILE = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)  # struct flock, fcntl(2)

    def _lock(descriptor: int) -> None:
        if _OFD_SETLK is not None:
            try:
                fcntl.fcntl(descriptor, _OFD_SETLK, _WHOLE_FILE)
                return
            except OSError as error:
                if error.errno != errno.EINVAL:  # which a kernel or a file system without them says
                    raise
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def held_here(path: Path) -> bool:
    """Whether this process holds the lock on `path`."""
    return _key(path) in _held


def _key(path: Path) -> str:
    """One for each file, whatever leads to its folder. The file itself is no link, and is not looked at: see Place."""
    return os.path.join(os.path.realpath(path.parent), path.name)


class FileLock:
    """The lock on `path`, from construction to close(), or until nobody has it. Raises BlockingIOError if someone else
    holds it.

    Other OSErrors mean that the file cannot be opened. With `create` False a missing file is FileNotFoundError.
    """

    _open = False

    def __init__(self, path: Path, create: bool = True) -> None:
        self.path = path
        self._key = _key(path)
        with _guard:
            if self._key in _held:
                raise BlockingIOError(f"{path} is locked by this process")
            flags = os.O_RDWR
            for flag in ("O_BINARY", "O_CLOEXEC", "O_NOFOLLOW"):  # a link would lead to somebody else's file
                flags |= getattr(os, flag, 0)
            self.descriptor = os.open(path, flags | (os.O_CREAT if create else 0), 0o600)
            try:
                if create:
                    own(path)
                self._take()
                _held.add(self._key)
                _locks.add(self)
                self._open = True
            except BaseException:
                self._open = False
                _held.discard(self._key)
                os.close(self.descriptor)
                raise

    def _take(self) -> None:
        try:
            _lock(self.descriptor)
        except OSError as error:
            if error.errno in _TAKEN:
                raise BlockingIOError(f"{self.path} is locked by another process") from error
            raise

    def renew(self) -> None:
        """Take it again, in case the game has dropped it by closing a descriptor of its own.

        Raises BlockingIOError if somebody else has taken it since. Without effect on a lock that is held.
        """
        if sys.platform != "win32":
            self._take()

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

    def __del__(self) -> None:
        """Whoever was to have it was interrupted. Nobody hears of an exception in here, and the guard would be kept by
        one, so it does without: whoever asks for the path meanwhile is told that it is locked."""
        if self._open:
            os.close(self.descriptor)
            _held.discard(self._key)


def let_go() -> None:
    """This thread was interrupted, and neither opens nor closes a lock."""
    boundary.let_go(_guard)


def _after_fork() -> None:
    """A forked child holds nothing, and must not keep alive what its parent holds."""
    global _guard
    _guard = threading.RLock()
    for lock in list(_locks):
        lock.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
