"""`gs-pygame export`: the ends in an outbox as JSON lines or CSV."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from .._base.messages import End
from .._base.spreadsheet import csv_lines
from .._disk.browse import Browser, Kept
from .._disk.rows import response_of
from .._disk.storage import OUTBOX
from ._game import App, Author, DataDir, complaints, counted, folder_of
from ._run import AUTHOR

COLUMNS = (
    "state",  # waiting, ready, delivered or rejected
    "id",
    "previousId",
    "number",
    "installationId",
    "playerId",
    "startedAt",  # RFC 3339, UTC, milliseconds
    "endedAt",
    "activeMs",
    "wallMs",
    "reason",
    "requestId",
    "appVersion",
    "sdk",
    "platform",
    "python",
    "pygame",
    "scriptData",  # JSON
    "counters",  # JSON
    "response",  # JSON: sessionDuration and scriptData of a delivered one
    "error",  # the server's words about a rejected one
    "app",
    "exception",  # its type, if a crash ended the session
    "frame",  # where in the game's own files it came up
)
"""Stable: new ones come last. Their names are those of the wire."""


class State(str, Enum):
    """Of an end."""

    waiting = "waiting"
    ready = "ready"
    delivered = "delivered"
    rejected = "rejected"


class Format(str, Enum):
    """Of the export. jsonl: JSON lines, one object for each end."""

    jsonl = "jsonl"
    csv = "csv"


def export(
    app: App = None,
    author: Author = AUTHOR,
    data_dir: DataDir = None,
    format_: Annotated[Format, typer.Option("--format", help="JSON lines, or a table.")] = Format.jsonl,
    state: Annotated[list[State] | None, typer.Option(help="Only these; may be given several times.")] = None,
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Write here, not to the terminal.")] = None,
) -> None:
    """Write out the ends that an outbox holds, as JSON lines or CSV.

    Oldest first. It only looks, and the game may be running. Delivered ends are the last hundred: older receipts are
    not kept. In CSV, a text that a spreadsheet would take for a formula begins with an apostrophe.
    """
    states = [each.value for each in state or State]
    with complaints("export"):
        folder = folder_of(app, author, data_dir)
        with closing(Browser(folder / OUTBOX)) as browser:
            kept = list(browser.ends(states))
        sound = [_record(each, each.end) for each in kept if each.end]
        lines = _jsonl(sound) if format_ is Format.jsonl else csv_lines(COLUMNS, sound)
        if output is None:
            _print(lines)
        else:
            with output.open("w", encoding="utf-8", newline="") as file:
                file.writelines(lines)
    if len(sound) < len(kept):
        left_out = counted(len(kept) - len(sound), "damaged record")
        typer.echo(f"gs-pygame export: {left_out} left out: nobody can tell what they were", err=True)
        raise typer.Exit(1)


def _record(kept: Kept, end: End) -> dict[str, Any]:
    record = {
        **end.measured(),
        "state": kept.state,
        "playerId": end.player_id,
        "requestId": end.request_id,
        "scriptData": json.loads(end.script_data),
    }
    response = response_of(kept.answer) if kept.answer else None
    record["response"] = json.loads(response.to_json()) if response else None
    if len(kept.refused) > 1 or (kept.refused and response):
        record["error"] = "; ".join(f"{name}: {words}" for name, words in kept.refused.items())
    elif kept.state == "rejected":
        record["error"] = kept.answer
    return {name: record.get(name) for name in COLUMNS}


def _jsonl(records: Iterable[dict[str, Any]]) -> Iterator[str]:
    for record in records:
        yield json.dumps(record) + "\n"


def _print(lines: Iterable[str]) -> None:
    """To standard output as UTF-8, wherever it goes."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    sys.stdout.writelines(lines)
