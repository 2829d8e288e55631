"""`gs-pygame export`: what it writes, and that a spreadsheet runs none of it."""

from __future__ import annotations

import csv
import io
import json
from contextlib import closing
from pathlib import Path

import pytest
from cli_kit import PLAYING, Command, busy, everything, fill, fill_with_all
from core_kit import save, start

from gs_pygame._disk.outbox import Outbox

COLUMNS = [
    "state",
    "id",
    "previousId",
    "number",
    "installationId",
    "playerId",
    "startedAt",
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
    "scriptData",
    "counters",
    "response",
    "error",
    "app",
    "exception",
    "frame",
]


def test_json_lines(command: Command, path: Path) -> None:
    """An object for each end, in the order in which they ended, with stable names."""
    fill_with_all(path)
    done = command.on("export")
    assert done.code == 0
    records = [json.loads(line) for line in done.out.splitlines()]
    assert [(record["state"], record["id"]) for record in records] == [
        ("ready", "a"),
        ("ready", "b"),
        ("delivered", "delivered"),
        ("rejected", "rejected"),
        ("waiting", "waiting"),
    ]
    assert all(list(record) == COLUMNS for record in records)
    first, _, delivered, rejected, _ = records
    assert (first["number"], first["activeMs"], first["wallMs"], first["reason"]) == (2, 10_000, 20_000, "quit")
    assert (first["startedAt"], first["endedAt"]) == ("2027-01-15T08:00:00.000Z", "2027-01-15T08:00:20.000Z")
    assert (first["requestId"], first["previousId"]) == ("d_a", "dropped")
    assert first["playerId"] == first["installationId"]
    assert first["counters"]["started"] == 2
    assert delivered["response"] == {"sessionDuration": 1, "scriptData": {"medal": "gold"}}
    assert (rejected["response"], rejected["error"]) == (None, '{"DETAILS": "no"}')


def test_csv(command: Command, path: Path) -> None:
    """A table with a heading; what is JSON stays JSON in its cell."""
    fill_with_all(path)
    rows = list(csv.DictReader(io.StringIO(command.on("export", "--format", "csv").out)))
    assert list(rows[0]) == COLUMNS
    assert [row["id"] for row in rows] == ["a", "b", "delivered", "rejected", "waiting"]
    assert (rows[0]["activeMs"], rows[0]["error"]) == ("10000", "")
    assert json.loads(rows[2]["response"])["scriptData"] == {"medal": "gold"}


def test_chosen_states(command: Command, path: Path) -> None:
    """One, or several."""
    fill_with_all(path)
    done = command.on("export", "--state", "rejected", "--state", "waiting")
    assert [json.loads(line)["id"] for line in done.out.splitlines()] == ["rejected", "waiting"]
    assert command.on("export", "--state", "lost").code == 2


@pytest.mark.parametrize("evil", ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "\t=1", "\r=1"])
def test_a_spreadsheet_runs_none_of_it(command: Command, path: Path, evil: str) -> None:
    """A text that begins like a formula gets an apostrophe before it in CSV; JSON has it as it is."""
    with closing(Outbox(path)) as outbox:
        start(outbox, "s", player=evil)
        save(outbox, "s")
    (row,) = csv.DictReader(io.StringIO(command.on("export", "--format", "csv").out, newline=""))
    assert row["playerId"] == f"'{evil}"
    assert json.loads(command.on("export").out)["playerId"] == evil


@pytest.mark.parametrize("format_", ["jsonl", "csv"])
def test_to_a_file(command: Command, path: Path, tmp_path: Path, format_: str) -> None:
    """UTF-8 with plain line ends, wherever it is written; nothing is said."""
    with closing(Outbox(path)) as outbox:
        start(outbox, "s", player="Zoë, 名")
        save(outbox, "s")
    target = tmp_path / "out"
    done = command.on("export", "--format", format_, "--output", str(target))
    assert (done.code, done.out, done.err) == (0, "", "")
    data = target.read_bytes()
    assert b"\r" not in data
    text = data.decode()
    found = json.loads(text)["playerId"] if format_ == "jsonl" else next(csv.DictReader(io.StringIO(text)))["playerId"]
    assert found == "Zoë, 名"


def test_a_file_that_cannot_be_written(command: Command, path: Path) -> None:
    """One sentence."""
    fill(path, "a")
    done = command.on("export", "--output", str(path / "no folder"))
    assert done.code == 1
    assert done.err.startswith("gs-pygame export: ")
    assert "Traceback" not in done.err


def test_damaged_records(command: Command, path: Path) -> None:
    """What nobody can tell is left out, and that is said; the rest is there."""
    fill(path, "a", "b", "c")
    with closing(Outbox(path)) as outbox:
        outbox._database.change("UPDATE sessions SET active = 'much' WHERE session_id = 'b'")
    done = command.on("export")
    assert [json.loads(line)["id"] for line in done.out.splitlines()] == ["a", "c"]
    assert (done.code, "1 damaged record left out" in done.err) == (1, True)


def test_while_the_game_runs(command: Command, path: Path) -> None:
    """It only looks."""
    fill(path, "a")
    with busy(PLAYING, path.parent):
        before = everything(path.parent)
        assert json.loads(command.on("export").out)["id"] == "a"
        assert everything(path.parent) == before
