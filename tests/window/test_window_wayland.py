"""What only a Wayland compositor does: it locks, has workspaces and a fullscreen of its own, and may die."""

from __future__ import annotations

import time

import pytest
from window_kit import AWAY, EXACT, GRACE, Game, Moment, Stage, eventually, wait_until

pytestmark = [pytest.mark.window, pytest.mark.desktops("wayland")]


def is_left_and_entered_again(stage: Stage, game: Game, left: Moment, back: Moment) -> None:
    """One end of the moment `left`, and a new session from `back` on."""
    time.sleep(GRACE + 0.5)  # real play, in which a wrong end would go out
    game.close()
    first, second = stage.server.wait_for(2)
    assert first.reason == "background"
    assert stage.measured("endedAt, focus lost", left.off(first.ended)) <= EXACT
    assert (second.reason, second.previous_id) == ("quit", first.id)
    assert stage.measured("startedAt, focus back", back.off(second.started)) <= EXACT


def test_the_screen_is_locked(stage: Stage) -> None:
    """A player whose screen is locked has left."""
    game = stage.play("frames")
    left = game.knows(False, stage.desktop.lock())
    stage.server.wait_for(1)
    wait_until(left.after + AWAY)
    back = game.knows(True, stage.desktop.unlock())
    is_left_and_entered_again(stage, game, left, back)


@pytest.mark.parametrize("arguments", ["", "--vsync"])
def test_another_workspace(stage: Stage, arguments: str) -> None:
    """A player who goes to another workspace has left, also where the game is held up in flip() meanwhile."""
    game = stage.play("frames", *arguments.split())
    left = game.knows(False, stage.desktop.show_desktop(True))
    stage.server.wait_for(1)
    wait_until(left.after + AWAY)
    back = game.knows(True, stage.desktop.show_desktop(False))
    is_left_and_entered_again(stage, game, left, back)


def test_fullscreen_by_the_compositor(stage: Stage) -> None:
    """A window that the player makes as large as the screen, and small again, was never left."""
    game = stage.play("frames")
    for on in (True, False):
        stage.desktop.fullscreen(game.window, on)
        game.expect("event WindowResized")
        time.sleep(GRACE + 0.5)
    game.has_focus(True)
    closed = game.close()
    (end,) = stage.server.wait_for(1)
    assert (end.reason, end.number) == ("quit", 1)
    assert abs(closed.off(end.ended)) <= EXACT
    assert abs(end.active - end.wall) <= EXACT


def test_the_compositor_dies_while_the_game_refuses_to_go(stage: Stage) -> None:
    """SDL asks the game to quit, once, and goes on as if its window were there: nobody can be in it any more."""
    game = stage.play("frames", grace=GRACE)
    game.hears("refuse 1000")
    died = stage.desktop.die()
    game.expect("refused")
    (end,) = eventually(lambda: stage.server.ends, "the session ends")
    assert stage.measured("endedAt, the compositor died", died.off(end.ended)) <= 1.0
    assert game.process.poll() is None
