"""The player's own choice: one file, one word, which every copy of the game asks before it keeps or sends anything.

It outlives a denial, after which there is no outbox. Without that file the game's setting holds. A file that is empty,
cut off, or cannot be read is no consent: what is kept is not sent.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args

from .._base.messages import Consent
from .flush import flush
from .lock import FileLock
from .private import make_folder, own

CONSENTS: tuple[Consent, ...] = get_args(Consent)
_NAME = "consent"
_AWAITED = "consent.awaited"
_NEW = f"{_NAME}*.new"

if sys.platform == "win32":
    _opened = None
else:

    def _opened(path: str, flags: int) -> int:
        return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)  # a link is somebody else's word; a pipe has none


_LONGEST = 64
"""Bytes that are read: more is no word."""

_TRIES = 10 if sys.platform == "win32" else 1
_AGAIN = 0.005
"""Seconds. Windows lets nobody replace a file that another copy reads in this moment, nor read one amid it."""

_PATIENCE = 0.5
"""Seconds that a choice may wait for another copy's, which is being flushed."""

_Mark = tuple[int, int] | None
"""What tells one file of a choice from the next: its inode and its time; None without a file."""

_Word = Consent | Literal["unreadable"] | None


def load(folder: Path) -> Consent | None:
    """What the player chose; `pending` if that cannot be read, None if they were never asked."""
    return _meant(_look(str(folder / _NAME))[0])


def is_awaited(folder: Path) -> bool:
    """Whether the game keeps ends there that nobody may send before the player has chosen."""
    return _is_noted(folder) and load(folder) is None


def from_outside(folder: Path) -> Choice:
    """The choice as whoever does not know the game's setting has it: a helper, a command."""
    return Choice(folder, "pending" if _is_noted(folder) else "granted")


def _is_noted(folder: Path) -> bool:
    """Whether a game waits for the choice; a disk that cannot be looked at is no consent."""
    try:
        os.stat(folder / _AWAITED)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        return error.errno != errno.ENAMETOOLONG
    return True


class Choice:
    """What may be kept in `folder`, and sent from there, at this moment. `setting`: the game's own, without a choice.

    `made`: what the player chose here and is not on disk yet; None if it is. Asking is for any thread, and costs about
    10 us; the rest is one thread's at a time.
    """

    def __init__(self, folder: Path, setting: Consent) -> None:
        self._folder = folder
        self._path = str(folder / _NAME)
        self._setting = setting
        self._replaces: _Mark = None
        self.made: Consent | None = None
        self._failed: str | None = None

    def now(self) -> Consent:
        """The choice. What was made here and is not on disk holds until there is a newer one; but no yes does while the
        disk says no."""
        word, mark = _look(self._path)
        there = _meant(word) or self._setting
        made = self.made
        if made is None or mark != self._replaces:
            return there
        return "denied" if there == "denied" else made

    def may_send(self) -> bool:
        return self.now() == "granted"

    def make(self, choice: Consent) -> None:
        """The player chooses; `settle` is to write it down."""
        if choice != "denied" and load(self._folder) == "denied":
            with contextlib.suppress(OSError):  # it may be long until it can be settled: no older yes is to come first
                _write(self._folder, "denied")
        self.made, self._replaces = choice, _look(self._path)[1]

    def settle(self) -> None:
        """Write down what was chosen, so that it survives a power cut. If that fails, it is to be tried again."""
        made = self.made
        if made is None:
            return
        try:
            with _alone(self._folder / _NAME):
                word, mark = _look(self._path)
                is_newer = mark != self._replaces  # another copy's, than ours
                if not is_newer and not word == made == "granted":
                    _write(self._folder, made)
            self.made = self._failed = None
        except OSError as error:
            self._failed = f"the player's consent ({made}) could not be kept for the next start: {error}"
            if load(self._folder) is None:
                self._setting = made

    def trouble(self) -> str | None:
        """What is wrong with the file; None if nothing."""
        if self._failed or _look(self._path)[0] != "unreadable":
            return self._failed
        return f"the player's consent cannot be read in {self._path}: nothing is sent until it is given anew"

    def note(self) -> None:
        """At the game's start: leave a note for whoever else could send if nobody may before the player has chosen, and
        remove what a killed process left of a choice."""
        note = self._folder / _AWAITED
        with contextlib.suppress(OSError):  # it is there already; or where it cannot be, no ends are either
            for left in self._folder.glob(_NEW):
                left.unlink()
            if load(self._folder) is not None:
                return
            if self._setting == "pending":
                make_folder(self._folder)
                note.touch(exist_ok=False)
                own(note)
            else:
                note.unlink(missing_ok=True)


def _meant(word: _Word) -> Consent | None:
    return "pending" if word == "unreadable" else word


def _look(path: str) -> tuple[_Word, _Mark]:
    for tried in range(1, _TRIES + 1):
        try:
            return _read(path)
        except (FileNotFoundError, NotADirectoryError):
            return None, None
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:  # nor can there ever be one
                return None, None
            if tried < _TRIES:
                time.sleep(_AGAIN)
    return "unreadable", (0, 0)


def _read(path: str) -> tuple[_Word, _Mark]:
    # A file, not a descriptor: whatever interrupts this, it is closed, and Windows replaces no open one.
    with open(path, "rb", buffering=0, opener=_opened) as file:
        found = os.fstat(file.fileno())
        try:
            written = (file.read(_LONGEST) or b"").rstrip(b"\r\n")
        except OSError:  # the disk fails
            written = b""
    mark = found.st_ino, found.st_mtime_ns
    for choice in CONSENTS:
        if written == choice.encode():
            return choice, mark
    return "unreadable", mark


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """No other copy replaces this file meanwhile. Raises BlockingIOError if one takes too long.

    On Windows, where nobody can replace a file that is open, two choices of the same millisecond may overtake each
    other.
    """
    give_up = time.monotonic() + _PATIENCE
    with contextlib.ExitStack() as locked:
        while sys.platform != "win32":
            try:
                lock = FileLock(path, create=False)
            except BlockingIOError:
                if time.monotonic() > give_up:
                    raise
                time.sleep(_AGAIN)
            except OSError:  # there is none yet, or it is no file
                break
            else:
                locked.callback(lock.close)
                if lock.still_there():
                    break
        yield


def _write(folder: Path, choice: Consent) -> None:
    """Under another name, flushed, and moved into place: half a word would be no choice at all."""
    make_folder(folder)
    beside = folder / f"{_NAME}.{uuid.uuid4().hex}.new"
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)  # of a name that nobody guesses
    try:
        try:
            os.write(descriptor, choice.encode())
            flush(descriptor)
        finally:
            os.close(descriptor)
        own(Path(beside))
        _replace(beside, folder / _NAME)
    except OSError:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    if sys.platform != "win32":
        with contextlib.suppress(OSError):  # not every file system flushes a folder
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _replace(beside: Path, path: Path) -> None:
    for tried in range(1, _TRIES + 1):
        try:
            os.replace(beside, path)
            break
        except PermissionError:
            if tried == _TRIES:
                raise
            time.sleep(_AGAIN)
