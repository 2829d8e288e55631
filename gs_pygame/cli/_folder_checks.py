"""What the doctor looks at in a game's folder. It leaves no trace there."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from .._base.errors import OutboxDamagedError, OutboxDiskError, OutboxError, OutboxTooNewError
from .._disk import consent
from .._disk.browse import Browser
from .._disk.database import RESERVE
from .._disk.erasure import is_left
from .._disk.opening import FILES
from .._disk.runs import any_alive
from .._disk.storage import OUTBOX
from .._disk.upkeep import MAX_BYTES
from ._finding import Finding
from ._game import counted

_DAY = 24 * 3600.0

_CURES = {
    errno.ENOSPC: "Free some room on that disk.",
    errno.EROFS: "Mount that disk for writing, or name another folder by data_dir.",
    errno.EACCES: "Let the player's account write there, or name another folder by data_dir.",
}

_OUTBOX_CURES = {
    OutboxDamagedError: "Start the game once: it carries over what can be read, and keeps the rest under another name.",
    OutboxTooNewError: "pip install --upgrade gs-pygame.",
    OutboxDiskError: "Free room on that disk, or have it mended.",
}
_OTHER_CURE = "Close what else has it open, and look again."


def look_at_folder(folder: Path) -> Iterator[Finding]:
    yield from _place(folder)
    if os.path.isdir(folder):
        yield from _outbox(folder)
        yield _copies(folder)
        yield from _choice(folder)
    else:
        yield Finding("outbox", "skipped", "there is none yet", "Play the game once.")


def _place(folder: Path) -> Iterator[Finding]:
    """Can the outbox be written there, as install() would? Tried in a folder of our own, which is removed again."""
    try:
        place = next(parent for parent in (folder, *folder.parents) if os.path.exists(parent))
        with tempfile.TemporaryDirectory(prefix="gs_pygame-doctor-", dir=place) as scratch:
            Path(scratch, "ballast").write_bytes(bytes(RESERVE))
            mode = _journal_mode(Path(scratch, OUTBOX))
        free = shutil.disk_usage(place).free
    except OSError as error:
        cure = _CURES.get(error.errno or 0, "Name another folder by data_dir.")
        yield Finding("folder", "fault", f"{folder} cannot be written: {error.strerror or error}", cure)
        return
    except sqlite3.Error as error:
        said = f"SQLite cannot keep a file in {folder}: {error}"
        yield Finding("folder", "fault", said, "Name a folder on a local disk, with room, by data_dir.")
        return
    if free < MAX_BYTES:
        yield Finding(
            "folder",
            "note",
            f"{folder} can be written, but only {free / 1024**2:,.0f} MiB are free",
            f"Free some room: an outbox may take {MAX_BYTES // 1024**2} MiB before it drops ends.",
        )
    else:
        yield Finding("folder", "ok", f"{folder} can be written; {free / 1024**3:,.1f} GiB are free")
    if mode == "wal":
        yield Finding("journal", "ok", "SQLite's write-ahead log works there")
    else:
        yield Finding(
            "journal",
            "note",
            f"no write-ahead log works there (SQLite chose {mode!r}), as on network drives: a power cut may take the "
            "last ends",
            "Name a folder on a local disk by data_dir.",
        )


def _journal_mode(path: Path) -> str:
    with closing(sqlite3.connect(path)) as db:
        mode = str(db.execute("PRAGMA journal_mode = WAL").fetchone()[0])
        with db:
            db.execute("CREATE TABLE scratch (written)")
        return mode


def _outbox(folder: Path) -> Iterator[Finding]:
    path = folder / OUTBOX
    if links := [f"{path.name}{suffix}" for suffix in FILES if os.path.islink(f"{path}{suffix}")]:
        cure = "Put the file itself there, or name the folder that it is in by data_dir."
        yield Finding("outbox", "fault", f"{links[0]} is a link, which a game does not follow", cure)
        return
    if os.path.exists(path) and not os.access(path, os.R_OK | os.W_OK):
        yield Finding("outbox", "fault", "its file is another account's", "Give it to the player's account.")
        return
    try:
        with closing(Browser(path)) as browser:
            damage = browser.damage()
            if damage or path.with_name(f"{OUTBOX}.damaged").exists():
                raise OutboxDamagedError(damage or "a game found it malformed")
            counts, names = browser.counts(), browser.destinations()
            future = sum(
                kept.end is not None and kept.end.ended_at > time.time() + _DAY
                for kept in browser.ends(("waiting", "ready"))
            )
    except FileNotFoundError:
        yield Finding("outbox", "skipped", "there is none yet", "Play the game once.")
        return
    except (OSError, OutboxError) as error:
        cure = next((cure for kind, cure in _OUTBOX_CURES.items() if isinstance(error, kind)), _OTHER_CURE)
        yield Finding("outbox", "fault", f"it cannot be used: {error}", cure)
        return
    said = f"{counts.ready:,} ready, {counts.delivered:,} delivered, {counts.rejected:,} rejected"
    if counts.rejected:
        yield Finding("outbox", "note", said, "Read why the server refused them: gs-pygame export --state rejected.")
    else:
        yield Finding("outbox", "ok", said)
    for name in names if len(names) > 1 else ():
        share = counts.share(name)
        said = f"{share.ready:,} ready for it, {share.delivered:,} delivered, {share.rejected:,} rejected"
        yield Finding(f"to {name}", "ok", said)
    if future:
        yield Finding(
            "dates",
            "note",
            f"{counted(future, 'end')} of the future: the clock was ahead when they were played, or is behind now",
            "Set the computer's clock; their lengths are right all the same.",
        )
    aside = sorted(folder.glob(f"{OUTBOX}.damaged-*[0-9]"))
    if aside:
        yield Finding(
            "set aside",
            "note",
            f"{counted(len(aside), 'damaged file')} beside the outbox, of which what could be read was saved",
            f"Look into {aside[-1].name} if something is missing, or remove it.",
        )


def _copies(folder: Path) -> Finding:
    if any_alive(folder / "runs"):
        return Finding("copies", "ok", "the game is running now")
    return Finding("copies", "ok", "no copy of the game is running")


def _choice(folder: Path) -> Iterator[Finding]:
    choice, trouble = consent.load(folder), consent.from_outside(folder).trouble()
    if trouble:
        yield Finding("consent", "fault", trouble, "Ask the player again, and set_consent().")
    elif choice == "denied" and is_left(folder):
        yield Finding(
            "consent",
            "fault",
            "the player said no, and not all is erased yet",
            "Close what else has the outbox open, and start the game once.",
        )
    elif choice == "granted":
        yield Finding("consent", "ok", "the player said yes")
    elif choice is not None:
        kept = "nothing is kept or sent" if choice == "denied" else "ends are kept, and not sent"
        yield Finding(
            "consent", "note", f"the player's choice is {choice}: {kept}", "It is theirs: ask them, and set_consent()."
        )
    elif consent.is_awaited(folder):
        yield Finding(
            "consent",
            "note",
            "the game waits for the player's choice: ends are kept, and not sent",
            'Ask them, and set_consent(); or install() with consent="granted", if you may.',
        )
