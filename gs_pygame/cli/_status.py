"""`gs-pygame status`: what lies in a game's outbox on this computer, and what has become of its sessions."""

from __future__ import annotations

import argparse
import json
import os
import sys
from contextlib import closing
from dataclasses import asdict

from .._accounts import Counts
from .._errors import GsPygameError
from .._messages import to_rfc3339
from .._outbox import Outbox
from .._settings import Settings
from .._storage import OUTBOX


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--app", help="the game's name, as it calls install()")
    parser.add_argument("--author", help="its author, as it calls install()")
    parser.add_argument("--data-dir", metavar="DIR", help="the folder itself (GS_PYGAME_DATA_DIR)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """0; 1 if there is no outbox, or it cannot be read; 2 if the words of the call are wrong."""
    data_dir = arguments.data_dir or (None if arguments.app else os.environ.get("GS_PYGAME_DATA_DIR"))
    settings = Settings(app=arguments.app, author=arguments.author, data_dir=data_dir)
    try:
        settings.validate(needs_endpoint=False)
    except GsPygameError as error:
        print(f"gs-pygame status: {error}", file=sys.stderr)
        return 2
    path = settings.folder / OUTBOX
    try:
        if not path.exists():
            raise FileNotFoundError(f"there is no outbox in {settings.folder}: no such game was played here")
        with closing(Outbox(path)) as outbox:
            counts = outbox.counts()
    except (OSError, GsPygameError) as error:
        print(f"gs-pygame status: {error}", file=sys.stderr)
        return 1
    if arguments.json:
        oldest = None if counts.oldest is None else to_rfc3339(counts.oldest)
        print(json.dumps({"folder": str(settings.folder), **asdict(counts), "oldest": oldest}))
    else:
        print("\n".join(_lines(str(settings.folder), counts)))
    return 0


def _lines(folder: str, counts: Counts) -> list[str]:
    erased = counts.dropped.get("consent", 0)
    dropped = {cause: count for cause, count in counts.dropped.items() if cause != "consent"}
    causes = ", ".join(f"{count} {cause}" for cause, count in sorted(dropped.items()))
    rows = [
        ("sessions started", counts.started, ""),
        ("open", counts.started - counts.ended, "being played, or to be recovered at the next start"),
        ("ended", counts.ended, ""),
        ("waiting", counts.waiting, "the player may still come back"),
        ("ready", counts.ready, "to be delivered"),
        ("delivered", counts.delivered, ""),
        ("rejected", counts.rejected, "refused by the server, and kept"),
        ("dropped", sum(dropped.values()), causes),
        ("erased by a denied consent", erased, "of the installation before"),
    ]
    shown = [row for row in rows if row[1] or row[0] in ("sessions started", "ended", "ready", "delivered")]
    lines = [folder, *(f"{count:>8}  {name}{f' ({note})' if note else ''}" for name, count, note in shown)]
    return (
        lines if counts.oldest is None else [*lines, f"the oldest that is not delivered: {to_rfc3339(counts.oldest)}"]
    )
