"""The outbox as a look into it from outside: nothing is made, written or migrated, whoever plays meanwhile."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from .._messages import End
from .accounts import Accounts
from .database import HELPER_PATIENCE, _text, _translated
from .rows import END_COLUMNS, end_of, is_sound
from .schema import MIGRATIONS, refuse_altered, refuse_foreign, refuse_newer, version_of


@dataclass(frozen=True, slots=True)
class Kept:
    """An end in the outbox, whatever its state, and what the server said of it. `end` is None if its record is
    damaged.
    """

    state: str
    end: End | None
    answer: str | None


class Browser(Accounts):
    """Raises FileNotFoundError if nothing is at `path`, any OutboxError if it cannot be read."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise FileNotFoundError(f"there is no outbox in {path.parent}: no such game was played here")
        self.path = path
        self._lock = threading.RLock()
        self._within = False
        place = path.absolute().as_posix()  # on a Windows share it begins with //, which as_uri() would make a host's
        uri = f"file://{'' if place.startswith('/') else '/'}{quote(os.fsencode(place))}?mode=ro"
        with _translated():
            self._db = sqlite3.connect(uri, uri=True, timeout=HELPER_PATIENCE)
            self._db.text_factory = _text
            try:
                refuse_newer(self._db)
                refuse_foreign(self._db)
                if self.is_of_today():
                    refuse_altered(self._db)
            except BaseException:
                self._db.close()
                raise

    def is_of_today(self) -> bool:
        """Whether this gs_pygame would leave its tables as they are."""
        return version_of(self._db) == len(MIGRATIONS)

    def damage(self) -> str | None:
        """What SQLite finds wrong on reading all of the file; None if nothing."""
        said = str(self._read("PRAGMA quick_check(1)")[0][0])
        return None if said == "ok" else said

    def ends(self, states: Collection[str]) -> Iterator[Kept]:
        """The ends in one of these states, in the order in which they ended."""
        installation_id = str(self._meta("installation_id"))
        for row in self.rows("ends"):
            if row["state"] in states:
                # .get: an older version's table has not all columns
                end = end_of(tuple(map(row.get, END_COLUMNS.split(", "))), installation_id, True)
                yield Kept(row["state"], end if is_sound(end) else None, row["answer"])
