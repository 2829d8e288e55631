"""`gs-pygame doctor`: what may keep a game's sessions from being delivered, each with its cure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .._settings import Settings
from ._finding import Finding, State
from ._folder_checks import look_at_folder
from ._game import (
    AllowInsecure,
    App,
    AsJson,
    AskSecret,
    Author,
    Credential,
    DataDir,
    Endpoint,
    complaints,
    connection,
    counted,
    folder_of,
    is_named,
)
from ._run import AUTHOR
from ._server_check import look_at_server
from ._setup_checks import look_at_setup

_STYLES: dict[State, str] = {"ok": "green", "note": "yellow", "fault": "bold red", "skipped": "dim"}


def doctor(
    app: App = None,
    author: Author = AUTHOR,
    data_dir: DataDir = None,
    endpoint: Endpoint = None,
    credential: Credential = "device",
    ask_secret: AskSecret = False,
    allow_insecure: AllowInsecure = False,
    as_json: AsJson = False,
) -> None:
    """Find out what may keep sessions from being delivered, and how to mend it.

    Without a game's name only this computer and the server are looked at. The server is sent one request that it must
    refuse, so that no session is made. Nothing is changed, and no secret is shown; the game may be running.
    """
    with complaints("doctor"):
        folder = folder_of(app, author, data_dir) if is_named(app, data_dir) else None
        settings = connection(folder or Path(), endpoint, credential, allow_insecure, ask_secret)
        findings = list(_look(folder, settings))
    faults = sum(finding.state == "fault" for finding in findings)
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings]))
    else:
        _show(findings, faults)
    raise typer.Exit(1 if faults else 0)


def _look(folder: Path | None, settings: Settings) -> Iterator[Finding]:
    yield from look_at_setup()
    if folder:
        yield from look_at_folder(folder)
    else:
        yield Finding(
            "folder", "skipped", "no game was named", "Add --app and --author as in install(), or --data-dir."
        )
    yield look_at_server(settings)


def _show(findings: list[Finding], faults: int) -> None:
    table = Table.grid(padding=(0, 2, 0, 0))
    for finding in findings:
        style = _STYLES[finding.state]
        table.add_row(Text(finding.state, style), finding.name, Text(finding.said))
        if finding.cure:
            cure = finding.cure if finding.state == "skipped" else f"Cure: {finding.cure}"
            table.add_row("", "", Text(cure, "cyan"))
    console = Console(highlight=False)
    console.print(table)
    notes = sum(finding.state == "note" for finding in findings)
    console.print()
    console.print(f"{counted(faults, 'fault')}, {counted(notes, 'note')}.", style="bold red" if faults else "bold")
