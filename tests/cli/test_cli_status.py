"""`gs-pygame status`: what it prints, as a person and as a program read it, and its exit codes."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from cli_kit import PLAYING, Command, busy, everything, fill_with_all
from core_kit import T0, choose, environment

from gs_pygame._disk.erasure import erase
from gs_pygame._disk.outbox import Outbox


def test_every_session_is_told_of(command: Command, path: Path) -> None:
    """A line for each state, with what it means; without colour where nobody sees it, within 80 columns."""
    fill_with_all(path)
    done = command.on("status")
    assert done.code == 0
    folder, *lines = [line.rstrip() for line in done.out.splitlines()]
    assert folder == str(path.parent)
    assert [line.split() for line in lines if line and "─" not in line] == [
        ["sessions"],
        ["started", "7"],
        ["open", "1", "being", "played,", "or", "recovered", "at", "the", "next", "start"],
        ["ended", "6"],
        ["waiting", "1", "the", "player", "may", "still", "come", "back"],
        ["ready", "2", "to", "be", "delivered"],
        ["delivered", "1"],
        ["rejected", "1", "refused", "by", "the", "server,", "and", "kept"],
        ["dropped", "1", "1", "full"],
        ["The", "oldest", "that", "is", "not", "delivered", "ended", "at", "2027-01-15T08:00:20.000Z."],
    ]
    assert "\x1b" not in done.out
    assert max(map(len, lines)) <= 80


def test_as_json(command: Command, path: Path) -> None:
    """The same, with the names of plugin.status()."""
    fill_with_all(path)
    done = command.on("status", "--json")
    assert done.code == 0
    assert done.json == {
        "folder": str(path.parent),
        "started": 7,
        "ended": 6,
        "waiting": 1,
        "ready": 2,
        "rejected": 1,
        "delivered": 1,
        "dropped": {"full": 1},
        "oldest": "2027-01-15T08:00:20.000Z",
        "destinations": {},
    }
    assert T0 + 20 == 1_800_000_020


def test_a_no_that_has_not_erased_all(command: Command, path: Path) -> None:
    """It says so, until it is done."""
    fill_with_all(path)
    choose(path.parent, "denied")
    assert "not all is erased yet" in command.on("status").out
    erase(path.parent)
    done = command.on("status")
    assert "not all is erased yet" not in done.out
    assert "by a denied consent" in done.out


def test_an_empty_outbox(command: Command, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found by the environment; what there is none of is left out, but for the headings."""
    Outbox(path).close()
    monkeypatch.setenv("GS_PYGAME_DATA_DIR", str(path.parent))
    done = command("status")
    assert done.code == 0
    words = [line.split()[:2] for line in done.out.splitlines()[1:] if "0" in line]
    assert words == [["started", "0"], ["ended", "0"], ["ready", "0"], ["delivered", "0"]]


def test_by_app_and_author(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They name the folder as install() does, and win over the environment; where nothing was played, nothing is
    made."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("GS_PYGAME_DATA_DIR", str(tmp_path / "elsewhere"))
    done = command("status", "--app", "Starfall", "--author", "Me")
    assert done.code == 1
    assert "no such game was played here" in done.err
    assert "Starfall" in done.err
    assert list(tmp_path.iterdir()) == []


def test_without_a_name(command: Command) -> None:
    """Which game? It says what is missing."""
    done = command("status")
    assert done.code == 2
    assert "--app" in done.err


def test_a_file_that_is_no_outbox(command: Command, path: Path) -> None:
    """One sentence, and the file is left alone."""
    path.parent.mkdir()
    path.write_bytes(b"no database" * 1000)
    done = command.on("status")
    assert (done.code, done.err) == (1, "gs-pygame status: file is not a database\n")
    assert path.read_bytes() == b"no database" * 1000


def test_it_only_looks(command: Command, path: Path) -> None:
    """A game that runs, with a commit that is in the WAL alone: what it has is shown, and no byte of it changes."""
    with busy(PLAYING, path.parent):
        before = everything(path.parent)
        assert command.on("status", "--json").json["started"] == 1
        assert everything(path.parent) == before
    assert command.on("status", "--json").json["started"] == 1  # and of one that was killed


def test_a_newer_outbox(command: Command, path: Path) -> None:
    """It cannot be read, which is said."""
    fill_with_all(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    done = command.on("status")
    assert done.code == 1
    assert "schema version 99" in done.err


@pytest.mark.parametrize("name", ["what? 100% #1 é", os.fsdecode(b"\xff") if os.name == "posix" else "x"], ids=ascii)
def test_any_folder(command: Command, tmp_path: Path, name: str) -> None:
    """Whatever it is called, it is found."""
    fill_with_all(tmp_path / name / "outbox.sqlite3")
    assert command("status", "--data-dir", str(tmp_path / name), "--json").json["started"] == 7
    shown = subprocess.run(
        [sys.executable, "-m", "gs_pygame", "status", "--data-dir", str(tmp_path / name)],
        env=environment(PYTHONIOENCODING="cp1252:strict"),
        capture_output=True,
        check=False,
    )
    assert (shown.returncode, shown.stderr) == (0, b"")
