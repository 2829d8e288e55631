"""`gs-pygame flush`: delivers what is ready now, in turn with games that deliver from the same outbox."""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from .._base.clocks import Backoff, SystemClock
from .._base.errors import GsPygameError, OutboxError
from .._delivery.courier import Courier
from .._disk import consent
from .._disk.browse import Browser
from .._disk.outbox import Outbox
from .._disk.runs import recover_dead_runs
from .._disk.storage import OUTBOX
from .._settings import Settings
from ..destinations import Destination
from ._game import (
    AllowInsecure,
    App,
    AsJson,
    AskSecret,
    Author,
    Credential,
    DataDir,
    DurationUnit,
    Endpoint,
    complaints,
    connection,
    counted,
    folder_of,
)
from ._run import AUTHOR

LOCK_WAIT = 0.2
"""Seconds between two looks whether a game has stopped delivering."""

LOOK = 0.1
"""Seconds between two steps of the bar."""

_log = logging.getLogger("gs_pygame")


def flush(
    app: App = None,
    author: Author = AUTHOR,
    data_dir: DataDir = None,
    endpoint: Endpoint = None,
    credential: Credential = "device",
    ask_secret: AskSecret = False,
    duration_unit: Annotated[DurationUnit, typer.Option(help="As the game calls install().")] = DurationUnit.ms,
    allow_insecure: AllowInsecure = False,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", min=0, max=86400, help="Give up after so long.")] = 60.0,
    as_json: AsJson = False,
) -> None:
    """Deliver what is ready, now.

    The game may be running: each end is sent once, and its open session stays open. What killed games left is recovered
    first. Nothing is sent without the player's consent, where they have refused it or the game still waits for it.
    """
    _log.addHandler(logging.NullHandler())  # the result says what a log would
    with complaints("flush"):
        folder = folder_of(app, author, data_dir)
        settings = connection(folder, endpoint, credential, allow_insecure, ask_secret, duration_unit=duration_unit)
        _refuse_what_must_stay(folder, settings)
        settings.validate()
        result = _deliver(folder, settings.gamesparks, time.monotonic() + timeout, shows=not as_json)
    if as_json:
        typer.echo(json.dumps({"folder": str(folder), **asdict(result)}))
    else:
        typer.echo(result.sentence())
    raise typer.Exit(1 if result.left else 0)


@dataclass(frozen=True)
class Result:
    """What a flush came to. `left`: what could not be delivered in time."""

    delivered: int
    rejected: int
    left: int
    last_error: str | None

    def sentence(self) -> str:
        done = f"{counted(self.delivered, 'end')} delivered"
        if self.rejected:
            done += f", {self.rejected:,} rejected by the server and kept (gs-pygame export --state rejected)"
        if not self.left:
            return f"{done}; nothing is left."
        why = self.last_error or "there was no time, or another process delivers from this outbox"
        return f"{done}, {self.left:,} left: {why}."


def _refuse_what_must_stay(folder: Path, settings: Settings) -> None:
    """Raises GsPygameError if nothing may be sent, FileNotFoundError if there is nothing to send."""
    if not settings.enabled:
        raise GsPygameError("GS_PYGAME_DISABLED or DO_NOT_TRACK is set: nothing is sent")
    choice = consent.load(folder)
    if choice not in (None, "granted"):
        raise GsPygameError(f"the player's consent is {choice}: nothing is sent")
    if consent.is_awaited(folder):
        raise GsPygameError("the game still waits for the player's consent: nothing is sent")
    Browser(folder / OUTBOX).close()


def _deliver(folder: Path, destination: Destination, deadline: float, shows: bool) -> Result:
    """Deliver in a thread that the deadline, or Ctrl-C, may leave behind: every step is safe to cut off."""
    outbox = Outbox(folder / OUTBOX)
    recover_dead_runs(outbox, folder / "runs")
    before = outbox.counts()
    delivered: list[str] = []
    choice = consent.from_outside(folder)
    courier = Courier(
        outbox.another(),
        destination,
        SystemClock(),
        Backoff(random.random),
        folder / "delivery.lock",
        may_send=choice.may_send,
        on_receipt=lambda receipt: delivered.append(receipt.end.session_id),
        on_rest=lambda: None,
        lock_wait=LOCK_WAIT,
    )
    work = _Work(courier, deadline, choice)
    work.start()
    with closing(outbox):
        console = Console(stderr=True)
        if shows and console.is_terminal:
            _show(work, deadline, before.ready, lambda: outbox.counts().ready, console)
        work.join(max(0.0, deadline - time.monotonic()))
        if work.failed:
            raise work.failed
        outbox.prune()
        after = outbox.counts()
    left = 0 if work.emptied else after.ready  # a game that plays may have ended another session since
    rejected = max(0, after.rejected - before.rejected)
    return Result(len(delivered), rejected, left, courier.line.last_error if left else None)


class _Work(threading.Thread):
    def __init__(self, courier: Courier, deadline: float, choice: consent.Choice) -> None:
        super().__init__(daemon=True)
        self._courier = courier
        self._choice = choice
        self._deadline = deadline
        self.failed: OutboxError | None = None
        self.emptied = False

    def run(self) -> None:
        try:
            while (delay := self._courier.turn()) is not None:
                if time.monotonic() + delay >= self._deadline:
                    return
                time.sleep(delay)
            self.emptied = self._choice.may_send()
        except OutboxError as error:
            self.failed = error
        finally:
            self._courier.close()


def _show(work: _Work, deadline: float, total: int, left: Callable[[], int], console: Console) -> None:
    """Draw how it goes until it is done, or the deadline has come."""
    columns = TextColumn("Delivering"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=total)
        while work.is_alive() and time.monotonic() < deadline:
            work.join(min(LOOK, max(0.0, deadline - time.monotonic())))
            still = left()
            progress.update(task, total=max(total, still), completed=max(total, still) - still)
