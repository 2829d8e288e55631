"""Runs the rows, in the environment that `__main__` made, and has the results written."""

from __future__ import annotations

import argparse
import subprocess
import time
import traceback
from collections.abc import Callable

from . import report
from .kit import CACHE, ROOT, Row
from .rows import backlog, events, exiting, flushing, footprint, frames, idling, recording, starting

RESULTS = ROOT / "assets" / "benchmarks"
PARTIAL = ROOT / CACHE / "partial"
"""Where the results go that are not of a full run."""

ROWS: dict[str, Callable[[bool], Row]] = {
    "frames": frames.run,
    "events": events.run,
    "recording": recording.run,
    "starting": starting.run,
    "flushing": flushing.run,
    "backlog": backlog.run,
    "exiting": exiting.run,
    "footprint": footprint.run,
    "idling": idling.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("--quick", action="store_true", help="a smoke run: its figures mean nothing")
    parser.add_argument("--only", action="append", choices=ROWS, metavar="ROW", help=f"one of {', '.join(ROWS)}")
    options = parser.parse_args()
    names = options.only or list(ROWS)
    begun = time.monotonic()
    rows = [_row(name, options.quick) for name in names]
    full = not options.quick and not options.only
    command = " ".join(["python -m tests.benchmarks", *(["--quick"] if options.quick else []),
                        *(f"--only {name}" for name in options.only or ())])  # fmt: skip
    folder = RESULTS if full else PARTIAL
    print(report.write(folder, rows, command, (time.monotonic() - begun) / 60))
    print(f"written into {folder.relative_to(ROOT)}")


def _row(name: str, quick: bool) -> Row:
    """One that fails says so, and keeps the others from being measured in vain."""
    begun = time.monotonic()
    try:
        row = ROWS[name](quick)
    except (RuntimeError, OSError, KeyError, ValueError, subprocess.SubprocessError) as error:
        traceback.print_exc()
        row = Row(name, name, "", notes=[f"This row could not be measured: {error}"])
    print(f"{name}: {time.monotonic() - begun:.0f} s", flush=True)
    return row


if __name__ == "__main__":
    main()
