"""Active time over a longer play. The longest of the window tests, and the first, so that the others run beside it."""

from __future__ import annotations

import pytest
from window_kit import EXACT, Moment, Stage, wait_until

pytestmark = pytest.mark.window


def test_only_time_in_the_window_counts(stage: Stage) -> None:
    """Of a session of 20 s with 8 s away within the grace, 12 s are active and 20 s are its length."""
    game = stage.play("frames", grace=30)
    begun = Moment(*(game.lines[game.said.index(word)][0] for word in ("installing", "installed")))
    started = begun.after
    wait_until(started + 7)  # real play
    left = game.lose_focus()
    wait_until(left.after + 8)  # really away
    back = game.take_focus()
    wait_until(started + 20)  # real play again
    closed = game.close()
    (end,) = stage.server.wait_for(1)
    away = back.after - left.after
    wall = Moment(closed.before - begun.after, closed.after - begun.before)
    active = Moment(wall.before - away, wall.after - away)
    assert (wall.after, active.after) == pytest.approx((20, 12), abs=1)  # the test's own script, on a busy computer
    assert end.reason == "quit"
    assert stage.measured("activeMs of 12 s", active.off(end.active)) <= EXACT
    assert stage.measured("wallMs of 20 s", wall.off(end.wall)) <= EXACT
