"""The outbox as a look into it from outside: nothing is made or written, whoever plays meanwhile."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from .._base.messages import End
from .._base.patience import HELPER_PATIENCE
from .accounts import Accounts
from .database import Database
from .opening import looked_into
from .rows import END_COLUMNS, end_of, is_sound


@dataclass(frozen=True, slots=True)
class Kept:
    """An end in the outbox, whatever its state, and what the first destination said of it. `end` is None if its record
    is damaged. `refused`: by which destinations, and their words, where there are several.
    """

    state: str
    end: End | None
    answer: str | None
    refused: dict[str, str]


class Browser:
    """Raises FileNotFoundError if nothing is at `path`, any OutboxError if it cannot be read."""

    def __init__(self, path: Path) -> None:
        self._database = Database(looked_into(path), path, HELPER_PATIENCE)
        self._accounts = Accounts(self._database)
        self.close, self.counts = self._database.close, self._accounts.counts
        self.destinations = self._accounts.destinations

    def sent_as(self) -> tuple[str | None, list[str], list[str]]:
        """The installation and the players that may have been sent, and the destinations that may have got it."""
        installation = self._accounts.get("installation_id")
        found = self._database.read(
            "SELECT DISTINCT player_id FROM sessions WHERE player_id != ? AND state NOT IN ('open', 'waiting') "
            "ORDER BY 1",
            installation,
        )
        return installation, [player for (player,) in found], self._accounts.tried()

    def damage(self) -> str | None:
        """What SQLite finds wrong on reading all of the file; None if nothing."""
        said = str(self._database.read("PRAGMA quick_check(1)")[0][0])
        return None if said == "ok" else said

    def ends(self, states: Collection[str]) -> Iterator[Kept]:
        """The ends in one of these states, in the order in which their sessions began."""
        installation_id = str(self._accounts.get("installation_id"))
        refused: dict[str, dict[str, str]] = {}
        for row in self._database.rows("progress"):
            if row["state"] == "rejected":
                refused.setdefault(row["session_id"], {})[row["destination"]] = row["answer"]
        for row in self._database.rows("sessions"):
            if row["state"] in states:
                end = end_of(tuple(map(row.get, END_COLUMNS.split(", "))), installation_id)
                words = refused.get(row["session_id"], {})
                yield Kept(row["state"], end if is_sound(end) else None, row["answer"], words)
