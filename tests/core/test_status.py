"""`gs-pygame status`: what it prints, as a person and as a program read it, and its exit codes."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from core_kit import T0, ready, save, start

from gs_pygame import EndSessionResponse
from gs_pygame._outbox import Outbox
from gs_pygame.cli import main


def filled(path: Path) -> str:
    """Seven sessions: one open, one waiting, two ready, one delivered, one rejected, one dropped. The folder."""
    with closing(Outbox(path)) as outbox:
        ready(outbox, "dropped", "a", "b", "delivered", "rejected")
        outbox.deliver("delivered", EndSessionResponse(1))
        outbox.reject("rejected", "no")
        start(outbox, "waiting")
        save(outbox, "waiting")
        start(outbox, "open")
        outbox._change("DELETE FROM ends WHERE session_id = 'dropped'")
        outbox._count("dropped:full")
    return str(path.parent)


def test_every_session_is_told_of(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each state, with what it means."""
    folder = filled(path)
    assert main(["status", "--data-dir", folder]) == 0
    assert capsys.readouterr().out.splitlines() == [
        folder,
        "       7  sessions started",
        "       1  open (being played, or to be recovered at the next start)",
        "       6  ended",
        "       1  waiting (the player may still come back)",
        "       2  ready (to be delivered)",
        "       1  delivered",
        "       1  rejected (refused by the server, and kept)",
        "       1  dropped (1 full)",
        "the oldest that is not delivered: 2027-01-15T08:00:20.000Z",
    ]


def test_as_json(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same, with the names of plugin.status()."""
    folder = filled(path)
    assert main(["status", "--data-dir", folder, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "folder": folder,
        "started": 7,
        "ended": 6,
        "waiting": 1,
        "ready": 2,
        "rejected": 1,
        "delivered": 1,
        "dropped": {"full": 1},
        "oldest": "2027-01-15T08:00:20.000Z",
    }
    assert T0 + 20 == 1_800_000_020


def test_an_empty_outbox(path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Found by the environment; what there is none of is left out, but for the headings."""
    Outbox(path).close()
    monkeypatch.setenv("GS_PYGAME_DATA_DIR", str(path.parent))
    assert main(["status"]) == 0
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()[1:]] == [
        ["0", "sessions"],
        ["0", "ended"],
        ["0", "ready"],
        ["0", "delivered"],
    ]


def test_by_app_and_author(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """They name the folder as install() does; where nothing was played, nothing is made."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert main(["status", "--app", "Starfall", "--author", "Me"]) == 1
    assert "no such game was played here" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_without_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    """Which game? It says what is missing."""
    assert main(["status"]) == 2
    assert "app" in capsys.readouterr().err


def test_a_file_that_is_no_outbox(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence, and the file is left alone."""
    path.parent.mkdir()
    path.write_bytes(b"no database" * 1000)
    assert main(["status", "--data-dir", str(path.parent)]) == 1
    assert "not a database" in capsys.readouterr().err
    assert path.read_bytes() == b"no database" * 1000
