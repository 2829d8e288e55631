"""Leaving the window and coming back to it: which of what a window manager does is an end, and when it happened."""

from __future__ import annotations

import time

import pytest
from window_kit import AWAY, EXACT, GRACE, Game, Stage, eventually, wait_until

pytestmark = pytest.mark.window

KINDS = ("frames", "blocked", "waiting", "waiting --blocked", "renderer", "threaded", "own_calls")


def past_the_grace() -> None:
    """Time in which a wrong end would go out: nothing tells when nothing happens."""
    time.sleep(GRACE + 0.5)


def closed_without_a_break(stage: Stage, game: Game) -> None:
    """Close the game. One end may come of all that was done, and only flaps of the focus are not active."""
    away = game.without_focus()
    closed = game.close()
    (end,) = stage.server.wait_for(1)
    assert end.reason == "quit"
    assert abs(closed.off(end.ended)) <= EXACT
    assert end.wall - end.active <= away + 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_focus_lost_beyond_the_grace(stage: Stage, kind: str) -> None:
    """Another window takes the focus for 3 s: one end, of that moment; a new session of its own on return.

    In every kind of game: with window events blocked, without frames, without set_mode, in another thread, unhooked.
    """
    game = stage.play(*kind.split())
    left = game.lose_focus()
    stage.server.wait_for(1)
    wait_until(left.after + AWAY)
    back = game.take_focus()
    past_the_grace()
    stage.server.wait_for(1)
    closed = game.close()
    first, second = stage.server.wait_for(2)
    assert first.reason == "background"
    assert stage.measured("endedAt, focus lost", left.off(first.ended)) <= EXACT
    assert (second.reason, second.previous_id, second.number) == ("quit", first.id, first.number + 1)
    assert stage.measured("startedAt, focus back", back.off(second.started)) <= EXACT
    assert stage.measured("endedAt, closed", closed.off(second.ended)) <= EXACT


@pytest.mark.parametrize("kind", KINDS)
def test_minimised_and_restored_within_the_grace(stage: Stage, kind: str) -> None:
    """A game that is minimised and restored within the grace goes on with its session; that time is not active."""
    game = stage.play(*kind.split(), grace=5)
    left = game.minimize()
    time.sleep(GRACE)
    back = game.take_focus()
    past_the_grace()
    closed = game.close()
    (end,) = stage.server.wait_for(1)
    assert (end.reason, end.number) == ("quit", 1)
    away = back.after - left.after
    assert stage.measured("activeMs, minimised for 1 s", end.active - (end.wall - away)) <= EXACT
    assert abs(closed.off(end.ended)) <= EXACT


def test_minimised_beyond_the_grace(stage: Stage) -> None:
    """A game that is minimised for 3 s has ended at that moment, and begins anew when it is restored."""
    game = stage.play("frames")
    left = game.minimize()
    stage.server.wait_for(1)
    wait_until(left.after + AWAY)
    back = game.take_focus()
    game.close()
    first, second = stage.server.wait_for(2)
    assert first.reason == "background"
    assert stage.measured("endedAt, minimised", left.off(first.ended)) <= EXACT
    assert (second.previous_id, second.number) == (first.id, 2)
    assert abs(back.off(second.started)) <= EXACT


def test_away_means_minimised(stage: Stage) -> None:
    """With background_on="minimize" a player who looks at another window is in the game; an icon is not played."""
    stage.needs_visibility()
    game = stage.play("frames", "--minimize")
    game.lose_focus()
    time.sleep(AWAY)
    stage.server.wait_for(0)
    game.take_focus()
    game.lose_focus()
    past_the_grace()
    left = stage.desktop.minimize(game.window)
    (first,) = stage.server.wait_for(1)
    assert first.reason == "background"
    assert stage.measured("endedAt, minimised", left.off(first.ended)) <= EXACT
    assert abs(first.active - first.wall) <= EXACT
    back = game.take_focus()
    past_the_grace()
    game.close()
    _, second = stage.server.wait_for(2)
    assert (second.reason, second.previous_id) == ("quit", first.id)
    assert abs(back.off(second.started)) <= EXACT


@pytest.mark.desktops("wayland")
@pytest.mark.parametrize("kind", ["frames", "renderer"])
def test_where_nothing_tells_an_icon_the_focus_does(stage: Stage, kind: str) -> None:
    """With background_on="minimize" a desktop that does not tell whether a window can be seen is no reason to play for
    ever: there the focus decides."""
    game = stage.play(kind, "--minimize")
    left = game.lose_focus()
    stage.server.wait_for(1)
    back = game.take_focus()
    past_the_grace()
    game.close()
    first, second = stage.server.wait_for(2)
    assert first.reason == "background"
    assert stage.measured("endedAt, focus lost", left.off(first.ended)) <= EXACT
    assert abs(back.off(second.started)) <= EXACT


def test_flapping(stage: Stage) -> None:
    """A focus that goes and comes many times in a second is no end."""
    game = stage.play("frames")
    for _ in range(20):
        stage.desktop.go_elsewhere()
        stage.desktop.activate(game.window)
    eventually(lambda: stage.desktop.is_active(game.window), "the game is active")
    past_the_grace()
    game.has_focus(True)
    closed_without_a_break(stage, game)


def test_fullscreen_toggled(stage: Stage) -> None:
    """A player who switches to fullscreen and back five times has not left."""
    game = stage.play("frames")
    for _ in range(5):
        game.hears("fullscreen")
        game.settles()
    past_the_grace()
    game.has_focus(True)
    game.hears("fullscreen")
    eventually(lambda: stage.desktop.is_active(game.window), "a window again")
    closed_without_a_break(stage, game)


def test_tool_window(stage: Stage) -> None:
    """A second window of the game that is hidden, minimised or destroyed is no leaving: the player is in the game."""
    game = stage.play("tools")
    game.hears("open")
    for command in ("hide", "show", "minimize", "restore"):
        stage.desktop.activate(game.window)  # the tool goes while the game has the focus
        eventually(lambda: stage.desktop.is_active(game.window), "the game is active")
        game.hears(command)
        past_the_grace()
    tool = stage.desktop.window(game.process.pid, "tool")
    stage.desktop.activate(tool)
    eventually(lambda: stage.desktop.is_active(tool), "the tool window is active")
    past_the_grace()
    game.hears("hide")  # while it has the focus, which the game gets
    eventually(lambda: stage.desktop.is_active(game.window), "the game is active")
    past_the_grace()
    game.hears("show")
    game.hears("destroy")
    eventually(lambda: stage.desktop.is_active(game.window), "the game is active")
    past_the_grace()
    game.has_focus(True)
    closed_without_a_break(stage, game)


def test_show_desktop(stage: Stage) -> None:
    """ "Show desktop" for 3 s is an end; the new session begins when the game has the focus again."""
    game = stage.play("frames")
    left = game.knows(False, stage.desktop.show_desktop(True))
    stage.server.wait_for(1)
    wait_until(left.after + AWAY)
    stage.desktop.show_desktop(False)
    back = game.has_focus(True)  # openbox gives it back by itself if nobody else has it
    past_the_grace()
    game.close()
    first, second = stage.server.wait_for(2)
    assert first.reason == "background"
    assert stage.measured("endedAt, show desktop", left.off(first.ended)) <= EXACT
    assert (second.previous_id, second.number) == (first.id, 2)
    assert abs(second.started - back) <= EXACT


@pytest.mark.desktops("x11")  # no other desktop tells of it
def test_visible_again_but_not_in_it(stage: Stage) -> None:
    """When "show desktop" is taken back, and another window gets the focus, the player is not in the game yet."""
    game = stage.play("frames")
    left = game.lose_focus()
    stage.desktop.show_desktop(True)
    game.expect("event WindowHidden")
    stage.server.wait_for(1)
    stage.desktop.show_desktop(False)
    game.expect("event WindowShown")
    past_the_grace()
    back = game.take_focus()
    game.close()
    first, second = stage.server.wait_for(2)
    assert first.reason == "background"
    assert abs(left.off(first.ended)) <= EXACT
    assert (second.previous_id, second.number) == (first.id, 2)
    assert abs(back.off(second.started)) <= EXACT
