"""What the benchmark makes of what it measured. The measuring itself is no test."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.benchmarks import report
from tests.benchmarks.kit import ROOT, Budget, Figure, Row, interval_of_median
from tests.benchmarks.rows.frames import Play, _latest
from tests.benchmarks.rows.recording import Log


@pytest.mark.parametrize(("count", "expected"), [(5, None), (6, (1, 6)), (9, (2, 8)), (12, (3, 10)), (20, (6, 15))])
def test_interval_leaves_out_what_the_sign_test_allows(count: int, expected: tuple[int, int] | None) -> None:
    """As the tables of the sign test say; fewer than six values have none."""
    assert interval_of_median(range(1, count + 1)) == expected


def test_interval_holds_the_median_as_often_as_it_says() -> None:
    """Whatever the distribution: here one with a tail that makes means useless."""
    rng = random.Random(1)
    runs = [interval_of_median([rng.paretovariate(0.5) for _ in range(12)]) for _ in range(2000)]
    held = sum(low <= 4.0 <= high for low, high in filter(None, runs))  # the median of this distribution
    assert held / len(runs) == pytest.approx(0.96, abs=0.015)


@pytest.mark.parametrize(
    ("measured", "interval", "kept"),
    [(0.2, (0.1, 0.4), True), (0.7, (0.6, 0.9), False), (0.45, (0.4, 0.6), None), (0.45, None, True)],
)
def test_budget_says_when_it_cannot_be_told(
    measured: float, interval: tuple[float, float] | None, kept: bool | None
) -> None:
    """A run whose interval holds what is allowed says neither yes nor no: the next run might say the other."""
    assert Budget("figure", 0.5, measured, "ms", interval=interval).kept is kept


def test_latest_frames_are_told_against_their_own() -> None:
    """A heavy frame is not late, if it is as heavy in every play; a light one that comes late is."""
    usual = [1.0, 9.0, 1.0, 1.0]
    assert _latest(Play([1.0, 9.0, 4.0, 1.0], 0), usual, 1) == 3.0
    assert _latest(Play([1.0, 9.0, 4.0, 2.0], 0), usual, 2) == 2.0


def test_what_was_written_is_read_again() -> None:
    """One row can be measured anew, and the others stay as they were."""
    row = Row("frames", "Frames", "Played.", against="none", measured="yesterday", notes=["A note."])
    row.add("none", "ms", Figure.of([1.0, 2.0]))
    row.add("ours", "ms", Figure.typical([float(number) for number in range(6)]))
    row.tell("ours", "word", "yes")
    row.budgets.append(Budget("figure", 1.0, 0.5, "ms", interval=(0.25, 0.75)))
    about = {"command": "", "machine": {}, "versions": {}}
    read = report._row(json.loads(json.dumps(report._plain(row))))
    assert report._markdown(about, [read]) == report._markdown(about, [row])


def test_rows_import_nothing_that_they_measure() -> None:
    """Else an import would take no time, and memory would be there before it is looked at."""
    measured = "{'gs_pygame', 'requests', 'pygame', 'psutil'}"
    program = f"import sys; from tests.benchmarks import run; print(sorted({measured} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_runs_stand_side_by_side() -> None:
    """A line for each budget, a column for each run."""
    runs = [[Row("r", "", "", budgets=[Budget("figure", 1.0, value, "ms")])] for value in (0.5, 0.75)]
    assert "| figure | <= 1.00 ms | 0.500 ms | 0.750 ms |" in report.side_by_side(runs)


def test_pages_of_a_log_that_begins_again(tmp_path: Path) -> None:
    """SQLite does not cut the file off when it writes the log from its beginning again: its size would tell nothing."""
    with closing(sqlite3.connect(tmp_path / "queue.sqlite3", isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE t (x)")
        database.execute("INSERT INTO t VALUES (zeroblob(100000))")
        before = Log.of(tmp_path)
        database.execute("INSERT INTO t VALUES (1)")
        assert Log.of(tmp_path).since(before) == (1, 1)
        database.execute("PRAGMA wal_checkpoint(PASSIVE)")
        before = Log.of(tmp_path)
        database.execute("INSERT INTO t VALUES (2)")
        assert Log.of(tmp_path).since(before) == (1, 1)
