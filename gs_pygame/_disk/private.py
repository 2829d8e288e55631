"""Folders and files that are the player's alone: also those of one play under sudo, which the next could not open."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def make_folder(folder: Path) -> None:
    """Make it, and what is missing above it, for its owner only. Raises OSError."""
    try:
        folder.mkdir(mode=0o700)
    except FileNotFoundError:
        if folder.parent == folder:  # no such drive
            raise
        make_folder(folder.parent)
        make_folder(folder)
    except OSError:  # it is there; of some folders Windows and macOS say something else than that
        if not folder.is_dir():
            raise
    else:
        give(folder)


def give(path: Path) -> None:
    """What root has made in somebody's folder is theirs, as SQLite has it with the files beside a database."""
    if getattr(os, "geteuid", lambda: None)() == 0:
        owner = path.parent.stat()
        with suppress(OSError):  # a file system without owners
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
