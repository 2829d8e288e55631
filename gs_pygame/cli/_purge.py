"""`gs-pygame purge`: removes what a game keeps on this computer, and its folder; but for a player's no."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Annotated

import typer

from .._base.errors import GsPygameError, OutboxError
from .._disk import consent
from .._disk.browse import Browser
from .._disk.erasure import erase
from .._disk.lock import FileLock
from .._disk.opening import is_open_elsewhere
from .._disk.runs import any_alive
from .._disk.salvage import remove_whole
from .._disk.storage import OUTBOX, delivery_lock
from ._game import App, AsJson, Author, DataDir, complaints, counted, folder_of
from ._run import AUTHOR

_STATES = {"waiting": "undelivered", "ready": "undelivered", "rejected": "rejected", "delivered": "delivered"}


_REST = ("replaced.lock", "salvage.lock", "erasures.lock", "consent.awaited")


def purge(
    app: App = None,
    author: Author = AUTHOR,
    data_dir: DataDir = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove what a game keeps on this computer, for good.

    It asks first, and says what was not delivered. Not while the game runs, or its last session is being delivered.
    Where the player has said no (consent), or not yet yes, that word is kept, as are files of anybody else's; the next
    start of the game is a new installation.
    """
    with complaints("purge"):
        folder = folder_of(app, author, data_dir)
        if not folder.is_dir():
            raise FileNotFoundError(f"there is no {folder}: no such game was played here, or it is purged already")
        files, ends = _files(folder), _ends(folder / OUTBOX)
        _refuse_if_played(folder)
    if files and not yes:
        typer.echo(f"{folder} holds {_told(ends)}.", err=True)
        typer.confirm("Remove it for good?", abort=True, err=True)
    with complaints("purge"):
        if files:
            _remove(folder)
        _leave_nothing(folder)
        if data_dir is None and app:  # the folders that install() made around it
            _remove_empty(folder.parent, folder.parents[1])
    choice = consent.load(folder)
    kept = f" The player's choice is kept: {choice}." if choice else ""
    if as_json:
        typer.echo(json.dumps({"folder": str(folder), "ends": ends}))
    elif not files:
        typer.echo(f"There is nothing to remove.{kept}")
    else:
        typer.echo(f"Removed {_told(ends)}.{kept}")


def _files(folder: Path) -> list[Path]:
    """What lies there of the player's: never anything else, whichever folder was named."""
    return sorted([*folder.glob(f"{OUTBOX}*"), *folder.glob("runs/*.run")])


def _ends(path: Path) -> dict[str, int] | None:
    """How many ends there are of each kind; None if nobody can tell."""
    try:
        with closing(Browser(path)) as browser:
            return dict(Counter(_STATES[kept.state] for kept in browser.ends(_STATES)))
    except FileNotFoundError:
        return {}
    except OutboxError:
        return None


def _told(ends: dict[str, int] | None) -> str:
    if ends is None:
        return "what cannot be read"
    kinds = [f"{ends[kind]:,} {kind}" for kind in dict.fromkeys(_STATES.values()) if kind in ends]
    return f"{counted(sum(ends.values()), 'end')} ({', '.join(kinds)})" if kinds else "no ends"


def _refuse_if_played(folder: Path) -> None:
    if any_alive(folder / "runs"):
        raise GsPygameError("the game is running: close it first")


def _remove(folder: Path) -> None:
    """Nobody delivers meanwhile, and no game runs; one that starts in this very moment makes its files anew."""
    with ExitStack() as delivery:
        for lock in _delivery_locks(folder):
            try:
                delivery.enter_context(closing(FileLock(lock)))
            except BlockingIOError:
                raise GsPygameError("a session is being delivered right now: try again in ten seconds") from None
        _refuse_if_played(folder)
        if is_open_elsewhere(folder / OUTBOX):  # before anything is erased: it could not all be removed
            raise GsPygameError("another program has the outbox open: close it, or try again in ten seconds")
        with suppress(OutboxError):  # it cannot be read
            erase(folder)
        remove_whole(folder / OUTBOX)


def _delivery_locks(folder: Path) -> set[Path]:
    """Of the destinations that the game says it has, and of those to which somebody has delivered."""
    try:
        with closing(Browser(folder / OUTBOX)) as browser:
            names = browser.destinations()
    except (FileNotFoundError, OutboxError):
        names = []
    return {delivery_lock(folder, name) for name in names} | set(folder.glob("delivery-*.lock"))


def _leave_nothing(folder: Path) -> None:
    """Of the files that hold nothing of the player's; nor their folders, unless somebody else's files are in them. Who
    is about to take a lock looks whether its file is still there."""
    if consent.load(folder) == "granted":
        (folder / "consent").unlink(missing_ok=True)
    found = [path for pattern in ("delivery-*.lock", "runs/*.helper", "consent*.new") for path in folder.glob(pattern)]
    for path in [*(folder / name for name in _REST), *found]:
        with suppress(OSError):  # Windows removes no open file
            path.unlink()
    _remove_empty(folder / "runs", folder)


def _remove_empty(*folders: Path) -> None:
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()
