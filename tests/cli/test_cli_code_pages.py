"""Consoles that cannot show every letter: Windows' old code pages, and a terminal without any locale."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from cli_kit import fill_with_all

from gs_pygame.cli import main

CODE_PAGES = ["cp437", "cp1252", "cp932", "ascii", "utf-8"]

NAME = "プレイヤー Zoë"


def said(words: list[str], encoding: str, monkeypatch: pytest.MonkeyPatch) -> tuple[int, bytes]:
    """The exit code of a command in such a console, and the bytes that it was sent."""
    console = io.BytesIO()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", io.TextIOWrapper(console, encoding, write_through=True))
        with pytest.raises(SystemExit) as ended:
            main(words)
        return int(ended.value.code or 0), console.getvalue()


@pytest.mark.parametrize("encoding", CODE_PAGES)
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["status"], 0),
        (["doctor"], 0),
        (["flush", "--endpoint", "http://127.0.0.1:9", "--timeout", "0.1"], 1),  # nobody is there
        (["purge", "--yes"], 0),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_any_console(
    words: list[str], code: int, encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command does the same, and says it in letters that the console has; the folder's name in part as escapes."""
    folder = tmp_path / NAME
    folder.mkdir()
    fill_with_all(folder / "outbox.sqlite3")
    ended, sent = said([*words, "--data-dir", str(folder)], encoding, monkeypatch)
    assert ended == code
    assert sent.decode(encoding).strip()


@pytest.mark.parametrize("encoding", CODE_PAGES)
def test_an_export_is_utf_8_in_any_console(encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is for a program to read, whatever the console shows."""
    folder = tmp_path / NAME
    folder.mkdir()
    fill_with_all(folder / "outbox.sqlite3")
    ended, sent = said(["export", "--data-dir", str(folder)], encoding, monkeypatch)
    assert ended == 0
    assert all(json.loads(line)["id"] for line in sent.decode("utf-8").splitlines())
