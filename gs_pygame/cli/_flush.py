"""`gs-pygame flush`: delivers what is ready now, in turn with games that deliver from the same outbox."""

from __future__ import annotations

import json
import logging
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from .._base.clocks import Backoff, SystemClock
from .._base.errors import GsPygameError, OutboxError
from .._base.messages import End
from .._delivery.courier import Courier
from .._disk import consent
from .._disk.browse import Browser
from .._disk.outbox import Outbox
from .._disk.runs import recover_dead_runs
from .._disk.storage import OUTBOX, delivery_lock
from .._settings import Settings
from ..destinations import Delivered, Destination, Outcome
from ..destinations._telling import Known
from ._game import (
    AllowInsecure,
    App,
    AsJson,
    AskSecret,
    Author,
    Credential,
    DataDir,
    DestinationNames,
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
    destination: DestinationNames = None,
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
        if destination:
            sys.path.insert(0, os.getcwd())  # where an author's modules are
        settings = connection(
            *(folder, endpoint, credential, allow_insecure, ask_secret),
            duration_unit=duration_unit,
            destination=destination or None,
        )
        _refuse_what_must_stay(folder, settings)
        settings.validate()
        result = _deliver(folder, settings.destinations, time.monotonic() + timeout, shows=not as_json)
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


def _deliver(folder: Path, destinations: Sequence[Known], deadline: float, shows: bool) -> Result:
    """Deliver in threads that the deadline, or Ctrl-C, may leave behind: every step is safe to cut off."""
    outbox = Outbox(folder / OUTBOX)
    names = [known.name for known in destinations]
    among = outbox.destinations() or names
    if unknown := set(names) - set(among):
        raise GsPygameError(
            f"the game sends to {', '.join(among)}, and not to {', '.join(unknown)}: name its own by --destination"
        )
    recover_dead_runs(outbox, folder / "runs")
    before = outbox.counts()
    choice = consent.from_outside(folder)
    works = [_Work(outbox.another(), folder, known.destination, among, deadline, choice) for known in destinations]
    for work in works:
        work.start()
    with closing(outbox):
        console = Console(stderr=True)
        if shows and console.is_terminal:
            _show(works, deadline, before.ready, lambda: outbox.counts().ready, console)
        for work in works:
            work.join(max(0.0, deadline - time.monotonic()))
        for work in works:
            if work.failed:
                raise work.failed
        outbox.prune(among)
        after = outbox.counts()
    # A game that plays may have ended another session since.
    left = 0 if all(work.emptied for work in works) else max(after.share(name).ready for name in names)
    rejected = max(0, after.rejected - before.rejected)
    errors = [work.last_error for work in works if work.last_error]
    return Result(sum(work.delivered for work in works), rejected, left, errors[0] if left and errors else None)


class _Work(threading.Thread):
    """Delivers to one destination. `delivered`: how many; `emptied`: whether that was all."""

    def __init__(
        self,
        outbox: Outbox,
        folder: Path,
        destination: Destination,
        among: Sequence[str],
        deadline: float,
        choice: consent.Choice,
    ) -> None:
        super().__init__(daemon=True)
        self.name, self.batch_size, self.close = destination.name, destination.batch_size, destination.close
        self._destination = destination
        self._outbox = outbox
        self._choice = choice
        self._deadline = deadline
        self.delivered = 0
        self.failed: OutboxError | None = None
        self.emptied = False
        self._courier = Courier(
            outbox,
            self,
            SystemClock(),
            Backoff(random.random),
            delivery_lock(folder, destination.name),
            may_send=choice.may_send,
            on_receipt=lambda receipt: None,
            on_rest=lambda: None,
            lock_wait=LOCK_WAIT,
            among=among,
        )

    @property
    def last_error(self) -> str | None:
        return self._courier.line.last_error

    def deliver(self, ends: Sequence[End]) -> Sequence[Outcome]:
        outcomes = self._destination.deliver(ends)
        self.delivered += sum(isinstance(outcome, Delivered) for outcome in outcomes)
        return outcomes

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
            self._outbox.close()


def _show(works: list[_Work], deadline: float, total: int, left: Callable[[], int], console: Console) -> None:
    """Draw how it goes until it is done, or the deadline has come."""
    columns = TextColumn("Delivering"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=total)
        while alive := [work for work in works if work.is_alive()]:
            if time.monotonic() >= deadline:
                break
            alive[0].join(min(LOOK, max(0.0, deadline - time.monotonic())))
            still = left()
            progress.update(task, total=max(total, still), completed=max(total, still) - still)
