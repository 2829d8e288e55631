"""Processes that a game has started by multiprocessing, and that live on when it is gone."""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from core_kit import DEADLINE, line_of, started, tell

from gs_pygame._base.threads import ThreadWorker
from gs_pygame._settings import Settings
from gs_pygame.testing import Player

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX's")

GAME = """
import multiprocessing, os, sys, time

def work(end):
    print("working", flush=True)
    while not os.path.exists(end):
        time.sleep(0.02)

if __name__ == "__main__":
    import pygame, gs_pygame
    pygame.display.init()  # no sound: SDL's own quit in a forked child joins a sound thread that is not there
    pygame.display.set_mode((64, 64))
    gs_pygame.install(endpoint="http://127.0.0.1:9", data_dir=sys.argv[1], consent="pending")
    pygame.event.get()
    multiprocessing.get_context(sys.argv[2]).Process(target=work, args=(sys.argv[3],)).start()
    sys.stdin.readline()
    pygame.quit()
    if sys.argv[4] == "os._exit":
        os._exit(0)
    sys.exit(0)  # waits for the child
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def next_start(folder: Path) -> list[tuple[int | None, str]]:
    """Number and reason of what the next start of the game delivers."""
    player = Player(frame=lambda: None)
    with player.plugin(Settings(data_dir=folder, hook=False)):
        player.clock.advance(1)
        return [(end.number, end.reason) for end in player.ends]


def ends(folder: Path) -> list[tuple[int, str, str]]:
    with closing(sqlite3.connect(folder / "outbox.sqlite3")) as db:
        return db.execute("SELECT number, state, reason FROM sessions WHERE state != 'open' ORDER BY number").fetchall()


def wait_for(folder: Path, end: tuple[int, str, str]) -> None:
    give_up = time.monotonic() + DEADLINE
    while ends(folder) != [end]:
        assert time.monotonic() < give_up, "the end never came"
        time.sleep(0.01)


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize(
    ("way", "reason", "code"), [("SIGKILL", "abnormal", -9), ("os._exit", "quit", 0), ("sys.exit", "quit", 0)]
)
def test_a_child_that_outlives_the_game(
    folder: Path, tmp_path: Path, method: str, way: str, reason: str, code: int
) -> None:
    """The game is killed, or leaves, while its child works on: its session ends once, and the next start recovers it
    although the child lives. A game that waits for its child is still there: its session is nobody's to recover. The
    child's own exit changes nothing."""
    (tmp_path / "game.py").write_text(GAME)
    end = tmp_path / "end"
    with started([sys.executable, str(tmp_path / "game.py"), str(folder), method, str(end), way]) as game:
        assert line_of(game) == "working"
        if way == "SIGKILL":
            game.kill()
        else:
            tell(game)
        if way == "sys.exit":
            wait_for(folder, (1, "waiting", "quit"))
            assert next_start(folder) == []
        else:
            assert game.wait(DEADLINE) == code
            assert next_start(folder) == [(1, reason)]
            before = ends(folder)
        end.touch()
        assert game.stdout is not None
        assert game.stdout.read() == ""  # its end: the game and its child are gone
        assert game.wait(DEADLINE) == code
    if way == "sys.exit":
        assert sorted(next_start(folder)) == [(1, "quit"), (2, "quit")]
    else:
        assert ends(folder) == before


def test_a_thread_that_a_fork_has_doubled_has_no_more_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eventlet's and gevent's go on in a forked child (eventlet/eventlet #802), with the parent's files at hand."""
    turns, closed = [], []

    def turn() -> float:
        turns.append(monkeypatch.setattr(os, "getpid", lambda: -1))  # from here on as in the child
        if len(turns) > 1:
            worker.stop(0.0)
        return 0.0

    worker = ThreadWorker("test", turn, lambda: closed.append(True))
    worker._run()
    assert (len(turns), closed) == (1, [])
