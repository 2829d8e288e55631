"""Runs the rows, in the environment that `__main__` made, and has the results written."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
import traceback
from collections.abc import Callable

from . import report
from .kit import CACHE, ROOT, Row
from .rows import backlog, events, exiting, flushing, footprint, frames, idling, recording, starting

RESULTS = ROOT / "assets" / "benchmarks"
QUICK = ROOT / CACHE / "quick"
"""Where the results go that mean nothing."""

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
    parser.add_argument(
        "--only", action="append", choices=ROWS, metavar="ROW", help=f"replace this row alone: {', '.join(ROWS)}"
    )
    parser.add_argument(
        "--repeat", type=int, metavar="N", help="measure so many times, and print the budgets side by side"
    )
    options = parser.parse_args()
    names = [name for name in ROWS if not options.only or name in options.only]
    command = " ".join(["python -m tests.benchmarks", *sys.argv[1:]])
    if options.repeat:
        runs = [[_row(name, options.quick) for name in names] for _ in range(options.repeat)]
        print(report.side_by_side(runs))
        return
    folder = QUICK if options.quick else RESULTS
    rows = report.read(folder) | {name: _row(name, options.quick) for name in names}
    print(report.write(folder, [rows[name] for name in ROWS if name in rows], command))
    print(f"written into {folder.relative_to(ROOT)}")


def _row(name: str, quick: bool) -> Row:
    """One that fails says so, and keeps the others from being measured in vain."""
    begun = time.monotonic()
    try:
        row = ROWS[name](quick)
    except (RuntimeError, OSError, KeyError, ValueError, subprocess.SubprocessError) as error:
        traceback.print_exc()
        row = Row(name, name, "", notes=[f"This row could not be measured: {error}"])
    row.measured = report.moment((time.monotonic() - begun) / 60)
    print(f"{name}: {time.monotonic() - begun:.0f} s", flush=True)
    return row


if __name__ == "__main__":
    main()
