"""Folders and files that are the player's alone, and can be used by the next play: whatever the umask, and if one play
was root's (sudo)."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def make_folder(folder: Path) -> None:
    """Make it, and what is missing above it, for its owner only. Raises OSError."""
    try:
        _make_one(folder)
    except FileNotFoundError:
        if folder.parent == folder:  # no such drive
            raise
        make_folder(folder.parent)
        _make_one(folder)  # some file systems say of a folder that is there that it is not


def _make_one(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700)
    except FileNotFoundError:
        raise
    except OSError:  # it is there; of some folders Windows and macOS say something else than that
        if not os.path.isdir(folder):
            raise
    else:
        own(folder, 0o700)


def own(path: Path, mode: int = 0o600) -> None:
    """We have made this: it has that mode, and what root made in somebody's folder is theirs, as SQLite has it with the
    files beside a database."""
    with suppress(OSError):  # a file system without owners or modes
        os.chmod(path, mode)
        if getattr(os, "geteuid", lambda: None)() == 0:
            owner = path.parent.stat()
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
