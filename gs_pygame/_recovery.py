"""What dead runs left in the outbox becomes ends that are ready to go."""

from __future__ import annotations

from pathlib import Path

from ._outbox import Outbox
from ._runfile import dead_runs, may_live


def recover_dead_runs(outbox: Outbox, runs: Path) -> None:
    """Finish the sessions of every run in the folder `runs` whose process has died. Raises OSError and OutboxError.

    A run that still lives is never touched: its file's lock is held. Several may do this at once.
    """
    found = dead_runs(runs)
    try:
        while found:
            outbox.recover(found[0].run, found[0].progress())
            found.pop(0).bury()
    finally:
        for dead in found:  # their locks, too, would keep every other look away
            dead.leave()
    for run in outbox.unfinished_runs():
        if not may_live(runs, run):
            outbox.recover(run, None)
