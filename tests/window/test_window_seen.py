"""Windows that can be seen or not, that are not there any more, and that were never looked at."""

from __future__ import annotations

import time

import pytest
from window_kit import AWAY, EXACT, GAMES, GRACE, Stage

pytestmark = pytest.mark.window


def test_a_window_without_set_mode_is_left_when_it_cannot_be_seen(stage: Stage) -> None:
    """With background_on="minimize" a player who looks at another window is in the game; an icon is not played."""
    stage.needs_visibility()
    game = stage.play("renderer", "--minimize")
    game.lose_focus()
    time.sleep(AWAY)
    stage.server.wait_for(0)
    left = stage.desktop.minimize(game.window)
    (first,) = stage.server.wait_for(1)
    assert first.reason == "background"
    assert stage.measured("endedAt, minimised without set_mode", left.off(first.ended)) <= EXACT
    assert abs(first.active - first.wall) <= EXACT
    game.take_focus()
    time.sleep(GRACE + 0.5)
    game.close()
    _, second = stage.server.wait_for(2)
    assert (second.reason, second.previous_id) == ("quit", first.id)


@pytest.mark.desktops("x11")  # Wayland tells of no icon; under Wine the one that is left keeps the focus
def test_two_windows_are_left_when_neither_can_be_seen(stage: Stage) -> None:
    """One of them as an icon is no leaving, whichever has the focus; both are."""
    game = stage.play("renderer", "--minimize", "--two")
    second = stage.desktop.window(game.process.pid, "second")
    stage.desktop.minimize(game.window)
    stage.desktop.go_elsewhere()
    game.has_focus(False)
    time.sleep(AWAY)
    stage.server.wait_for(0)
    left = stage.desktop.minimize(second)
    (first,) = stage.server.wait_for(1)
    assert first.reason == "background"
    assert stage.measured("endedAt, both minimised", left.off(first.ended)) <= EXACT
    assert abs(first.active - first.wall) <= EXACT


def test_the_display_is_quit_and_the_program_goes_on(stage: Stage) -> None:
    """pygame.display.quit(), and three seconds without a call of pygame: left at that moment; the next window is a new
    session's."""
    game = stage.play("frames")
    time.sleep(1)  # real play
    game.told(f"display-quit {AWAY}")
    left = game.expect("without a display")
    (first,) = stage.server.wait_for(1)
    assert first.reason == "background"
    assert stage.measured("endedAt, display.quit", first.ended - left) <= EXACT
    game.expect(f"done display-quit {AWAY}")
    game.has_focus(True)
    time.sleep(0.5)  # real play
    game.close()
    _, second = stage.server.wait_for(2)
    assert (second.reason, second.previous_id, second.number) == ("quit", first.id, 2)


def test_started_behind_another_window(stage: Stage) -> None:
    """The session runs from the start; the three seconds before its first focus are not active time."""
    game = stage.run(str(GAMES / "frames.py"), **stage.desktop.behind())
    drawn = game.expect("event WindowShown")
    time.sleep(AWAY)
    seen = game.take_focus()
    time.sleep(AWAY)
    game.told("exit 0")  # a dock has no close button
    assert game.wait() == 0
    (end,) = stage.server.wait_for(1)
    assert end.reason == "quit"
    assert stage.measured("activeMs, started behind", end.wall - end.active - (seen.after - drawn)) <= EXACT
