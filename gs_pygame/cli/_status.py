"""`gs-pygame status`: what lies in a game's outbox on this computer, and what has become of its sessions."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import asdict

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .._base.messages import to_rfc3339
from .._disk import consent
from .._disk.accounts import Counts, Share
from .._disk.browse import Browser
from .._disk.erasure import is_left
from .._disk.storage import OUTBOX
from ._game import App, AsJson, Author, DataDir, complaints, folder_of
from ._run import AUTHOR


def status(app: App = None, author: Author = AUTHOR, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show what lies in a game's outbox, and what has become of its sessions.

    It only looks, and the game may be running.
    """
    with complaints("status"):
        folder = folder_of(app, author, data_dir)
        with closing(Browser(folder / OUTBOX)) as browser:
            counts, names = browser.counts(), browser.destinations()
    shares = {name: counts.share(name) for name in names}
    oldest = None if counts.oldest is None else to_rfc3339(counts.oldest)
    if as_json:
        totals = {name: value for name, value in asdict(counts).items() if name != "shares"}
        destinations = {name: asdict(share) for name, share in shares.items()}
        typer.echo(json.dumps({"folder": str(folder), **totals, "oldest": oldest, "destinations": destinations}))
        return
    console = Console()
    console.print(str(folder), markup=False, highlight=False, soft_wrap=True)
    console.print(_table(counts))
    if len(shares) > 1:
        console.print(_table_of(shares))
    if oldest:
        console.print(f"The oldest that is not delivered ended at {oldest}.", highlight=False)
    if consent.load(folder) == "denied" and is_left(folder):
        console.print("The player said no, and not all is erased yet: the game's next start does it.")


def _table(counts: Counts) -> Table:
    erased = counts.dropped.get("consent", 0)
    dropped = {cause: count for cause, count in counts.dropped.items() if cause != "consent"}
    causes = ", ".join(f"{count} {cause}" for cause, count in sorted(dropped.items()))
    rows = [
        ("started", counts.started, "", ""),
        ("open", counts.started - counts.ended, "being played, or recovered at the next start", "cyan"),
        ("ended", counts.ended, "", ""),
        ("waiting", counts.waiting, "the player may still come back", "cyan"),
        ("ready", counts.ready, "to be delivered", "yellow"),
        ("delivered", counts.delivered, "", "green"),
        ("rejected", counts.rejected, "refused by the server, and kept", "red"),
        ("dropped", sum(dropped.values()), causes, "red"),
        ("erased", erased, "by a denied consent, of the installations before", "red"),
    ]
    table = Table("sessions", "", "", box=box.SIMPLE_HEAD, pad_edge=False)
    table.columns[1].justify = "right"
    for name, count, note, style in rows:
        if count or name in ("started", "ended", "ready", "delivered"):
            table.add_row(name, f"{count:,}", Text(note), style=style if count else "")
    return table


def _table_of(shares: dict[str, Share]) -> Table:
    table = Table("destination", "ready", "delivered", "rejected", "dropped", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for name, share in shares.items():
        counts = (share.ready, share.delivered, share.rejected, share.dropped)
        table.add_row(name, *(f"{count:,}" for count in counts), style="yellow" if share.ready else "")
    return table
