"""Whether the files that are open still lie where they were opened."""

from __future__ import annotations

import os
import sys


class Place:
    """The files that are open. Other files may come to have their names, or none.

    Not on Windows, where an open file keeps its name for as long as it is there. That is all that is asked there, once
    a beat, and of the system's list of files: under Wine each open of a file with locks, as a stat is one, costs
    wineserver a descriptor until the locks are gone, and it ends with all its programs when it has no more of them.
    """

    def __init__(self, *paths: str) -> None:
        self._opened = {path: _identity(path) for path in paths}

    def has(self, *paths: str) -> bool:
        """Whether these names, or all, still lead to what was opened. Raises OSError if nobody can tell."""
        return all(self._opened[path] == _identity(path) for path in paths or self._opened)


def _identity(path: str) -> tuple[int, int] | None:
    if sys.platform == "win32":
        return (0, 0) if os.access(path, os.F_OK) else None
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino
