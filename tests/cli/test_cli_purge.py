"""`gs-pygame purge`: it asks, it says what it removes, it removes nothing else, and never under a game's feet."""

from __future__ import annotations

import io
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from cli_kit import DELIVERING, PLAYING, Command, busy, everything, fill_with_all
from core_kit import begin, choose, ids, run

from gs_pygame import Settings
from gs_pygame._base.messages import Consent
from gs_pygame._disk import consent, opening
from gs_pygame._disk.outbox import Outbox


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_yes(command: Command, path: Path) -> None:
    """All that was kept of the player is gone, a dead game's heartbeat and damaged files as well."""
    with busy(PLAYING, path.parent):
        pass  # killed
    fill_with_all(path)
    path.with_name("outbox.sqlite3.damaged-123").write_bytes(b"old")
    done = command.on("purge", "--yes")
    assert done.code == 0
    assert "3 undelivered, 1 rejected, 1 delivered" in done.out
    assert not path.parent.exists()


def test_nothing_is_left_of_a_game(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A game that was named: its folder, its author's if that was the only one, and ours; with every kind of lock."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    games = [Settings(app=app, author="Me").folder for app in ("One", "Two")]
    for game in games:
        game.mkdir(parents=True)
        fill_with_all(game / "outbox.sqlite3")
        (game / "runs").mkdir()
        for name in (
            "delivery-gamesparks.lock",
            "delivery-gamesparks.1.lock",
            "replaced.lock",
            "salvage.lock",
            "runs/x.helper",
            "consent1.new",
        ):
            (game / name).touch()
        begin(game, "pending")
    assert command("purge", "--app", "One", "--author", "Me", "--yes").code == 0
    assert [games[0].exists(), games[1].exists()] == [False, True]
    assert command("purge", "--app", "Two", "--author", "Me", "--yes").code == 0
    assert list((tmp_path / "home").rglob("*")) == []


def test_nothing_is_left_by_a_real_game(command: Command, path: Path) -> None:
    """Played in a process of its own, and its end delivered to nobody."""
    run(
        """
        import sys, time
        import pygame, gs_pygame
        gs_pygame.install(data_dir=sys.argv[1], endpoint="http://127.0.0.1:9", exit_delivery="next-start")
        pygame.init()
        pygame.display.set_mode((32, 32))
        pygame.event.get()
        """,
        path.parent,
    )
    assert path.exists()
    done = command.on("purge", "--yes")
    assert (done.code, done.out) == (0, "Removed 1 end (1 undelivered).\n")
    assert not path.parent.exists()


@pytest.mark.parametrize(("choice", "kept"), [("granted", []), ("pending", ["consent"]), ("denied", ["consent"])])
def test_a_no_is_kept(command: Command, path: Path, choice: Consent, kept: list[str]) -> None:
    """Else the next start would take a player for asked who has said no. It says so. A yes can be asked for again."""
    fill_with_all(path)
    choose(path.parent, choice)
    done = command.on("purge", "--yes")
    assert (names(path.parent) if path.parent.exists() else []) == kept
    assert (f"The player's choice is kept: {choice}." in done.out) == bool(kept)


def test_it_asks(command: Command, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what would be lost; "n", and no answer at all, leave everything as it is."""
    fill_with_all(path)
    before = everything(path.parent)
    for answer in ("n\n", "\n", ""):
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        done = command.on("purge")
        assert done.code == 1
        assert "3 undelivered, 1 rejected, 1 delivered" in done.err
        assert everything(path.parent) == before
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert command.on("purge").code == 0
    assert not path.exists()


def test_as_json(command: Command, path: Path) -> None:
    """For programs, which say --yes."""
    fill_with_all(path)
    done = command.on("purge", "--yes", "--json")
    assert done.json == {
        "folder": str(path.parent),
        "ends": {"undelivered": 3, "rejected": 1, "delivered": 1},
    }


def test_what_is_not_ours_stays(command: Command, path: Path) -> None:
    """The player's choice, and files of anybody else's, whichever folder was named."""
    fill_with_all(path)
    choose(path.parent, "denied")
    (path.parent / "saves").mkdir()
    (path.parent / "saves" / "slot1").write_text("hero")
    assert command.on("purge", "--yes").code == 0
    assert names(path.parent) == ["consent", "saves/slot1"]
    assert consent.load(path.parent) == "denied"


def test_not_while_the_game_runs(command: Command, path: Path) -> None:
    """It would lose what the player is doing."""
    fill_with_all(path)
    with busy(PLAYING, path.parent):
        before = everything(path.parent)
        done = command.on("purge", "--yes")
        assert (done.code, done.err) == (1, "gs-pygame purge: the game is running: close it first\n")
        assert everything(path.parent) == before
    assert command.on("purge", "--yes").code == 0


def test_not_when_the_game_starts_before_the_answer(
    command: Command, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looks again after the question."""
    fill_with_all(path)
    playing = busy(PLAYING, path.parent)

    def answer(*_words: object, **_options: object) -> bool:
        playing.__enter__()
        return True

    monkeypatch.setattr("typer.confirm", answer)
    try:
        done = command.on("purge")
        assert (done.code, "the game is running" in done.err) == (1, True)
        assert path.exists()
    finally:
        playing.__exit__(None, None, None)


def test_not_while_something_is_delivered(command: Command, path: Path) -> None:
    """The process that outlives a game would lose its receipt, and a later copy would send again."""
    fill_with_all(path)
    with busy(DELIVERING, path.parent):
        done = command.on("purge", "--yes")
        assert (done.code, "being delivered right now" in done.err) == (1, True)
        assert path.exists()


def test_not_while_another_program_has_it_open(command: Command, path: Path) -> None:
    """A process that has the outbox open, to try again when there is a network, or to show it: not all of it could be
    removed on Windows, so nothing is, and what has it open goes on. Then it can be."""
    fill_with_all(path)
    with closing(Outbox(path)) as another:
        done = command.on("purge", "--yes")
        assert done.code == 1
        assert done.err == (
            "gs-pygame purge: another program has the outbox open: close it, or try again in ten seconds\n"
        )
        assert ids(another) == ["a", "b"]
    assert command.on("purge", "--yes").code == 0
    assert not path.exists()


def test_not_while_windows_keeps_a_file(command: Command, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scanner, say, that has opened one of the files: Windows lets nobody rename it, nor remove it."""
    fill_with_all(path)
    real = os.rename

    def rename(source: str, target: str) -> None:
        if source.endswith("-wal"):
            raise PermissionError(13, "Sharing violation")
        real(source, target)

    Path(f"{path}-wal").touch()
    monkeypatch.setattr(os, "rename", rename)
    monkeypatch.setattr(opening, "sys", SimpleNamespace(platform="win32"))
    before = path.read_bytes()
    done = command.on("purge", "--yes")
    assert (done.code, "another program has the outbox open" in done.err) == (1, True)
    assert path.read_bytes() == before
    monkeypatch.undo()
    assert command.on("purge", "--yes").code == 0


@pytest.mark.parametrize("harm", ["damaged", "newer"])
def test_what_cannot_be_read(command: Command, path: Path, harm: str) -> None:
    """A damaged outbox, or one of a newer version, can be removed all the same; it says that nobody knows its ends."""
    if harm == "damaged":
        path.parent.mkdir()
        path.write_bytes(b"no database" * 1000)
    else:
        fill_with_all(path)
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA user_version = 99")
    done = command.on("purge", "--yes")
    assert (done.code, "what cannot be read" in done.out) == (0, True)
    assert not path.parent.exists()


def test_again(command: Command, path: Path) -> None:
    """What is purged already cannot be told from a name that was mistyped; where a no is kept, it can."""
    assert command.on("purge", "--yes").code == 1
    assert not path.parent.exists()
    fill_with_all(path)
    assert command.on("purge", "--yes").code == 0
    done = command.on("purge")
    assert (done.code, "no such game was played here, or it is purged already" in done.err) == (1, True)
    choose(path.parent, "denied")
    done = command.on("purge")
    assert (done.code, done.out) == (0, "There is nothing to remove. The player's choice is kept: denied.\n")


def test_the_next_start_is_a_new_installation(command: Command, path: Path) -> None:
    """Numbers begin again, under another id."""
    fill_with_all(path)
    with closing(Outbox(path)) as outbox:
        before = outbox.installation_id
    command.on("purge", "--yes")
    with closing(Outbox(path)) as outbox:
        assert outbox.installation_id != before
        assert outbox.counts().started == 0
