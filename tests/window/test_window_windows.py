"""What only Windows does to a game: it logs the user off, and would show a console or a report of an error."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from window_kit import AWAY, EXACT, Stage

pytestmark = [pytest.mark.window, pytest.mark.desktops("wine")]


@pytest.mark.parametrize("away", [False, True])
def test_the_user_is_logged_off(stage: Stage, away: bool) -> None:
    """Windows asks each window (WM_QUERYENDSESSION), of which pygame tells no game, and ends who has not gone: the next
    start tells how long it was played, and of a player who was away that they had left."""
    game = stage.play("frames", grace=30)
    done = game.lose_focus() if away else None
    time.sleep(AWAY)  # real play
    logged_off = stage.desktop.log_off()
    game.wait()
    (end,) = stage.next_start(1)
    if done:
        assert end.reason == "background"
        assert stage.measured("endedAt, logged off while away", done.off(end.ended)) <= EXACT
    else:
        assert end.reason == "abnormal"
        assert stage.measured("endedAt, logged off", end.ended - logged_off.before) <= 1.0
        assert end.ended <= logged_off.after


@contextmanager
def windows_seen(stage: Stage) -> Iterator[set[str]]:
    """The titles of all windows that are there meanwhile."""
    seen: set[str] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.1):
            seen.update(stage.desktop.titles())

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield seen
    finally:
        over.set()
        looking.join()


@pytest.mark.parametrize("leaves", ["close", "kill", "fail"])
def test_no_window_but_the_games(stage: Stage, leaves: str) -> None:
    """Neither a console of the process that sends, while it plays and after the exit, nor a report of an error."""
    with windows_seen(stage) as seen:
        game = stage.play("frames")
        game.lose_focus()
        stage.server.wait_for(1)  # sent beside the game
        game.take_focus()
        if leaves == "close":
            game.close()
        elif leaves == "kill":
            game.kill()
        else:
            game.told("fail")
            game.wait()
        stage.next_start(2)
    assert seen <= {"game", "elsewhere", "pygame window"}
