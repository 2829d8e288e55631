"""The player's own choice, kept in a file of its own: it outlives a denial, after which there is no outbox."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import get_args

from .._log import log
from .._settings import Consent

CONSENTS: tuple[Consent, ...] = get_args(Consent)
_NAME = "consent"
_AWAITED = "consent.awaited"


def load(folder: Path) -> Consent | None:
    """What the player chose earlier; None if they were never asked."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        choice = (folder / _NAME).read_text("ascii").strip()
        if choice in CONSENTS:
            return choice
    return None


def is_awaited(folder: Path) -> bool:
    """Whether the game keeps ends there that nobody may send before the player has chosen."""
    return (folder / _AWAITED).exists() and load(folder) is None


def effective(folder: Path, setting: Consent) -> Consent:
    """The player's choice, or without one the game's `setting`, of which a note is left for whoever else could send."""
    choice = load(folder)
    if choice is not None:
        return choice
    note = folder / _AWAITED
    with contextlib.suppress(OSError):  # it is there already; or where it cannot be, no ends are either
        if setting == "pending":
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            note.touch(mode=0o600, exist_ok=False)
        else:
            note.unlink(missing_ok=True)
    return setting


def store(folder: Path, choice: Consent) -> None:
    """Remember the choice. It holds for this run even if it cannot be written."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = folder / f"{_NAME}.new"  # moved into place: half a word would be no choice at all
        beside.unlink(missing_ok=True)  # a killed process's; or a link, through which somebody else's file would change
        beside.touch(mode=0o600, exist_ok=False)
        beside.write_text(choice, "ascii")
        os.replace(beside, folder / _NAME)
    except OSError as error:
        log.error("gs_pygame: the player's consent (%s) could not be kept for the next start: %s", choice, error)
