"""Active time over a longer play. The longest of the window tests, and the first, so that the others run beside it."""

from __future__ import annotations

import pytest
from window_kit import EXACT, Stage, wait_until

pytestmark = pytest.mark.window


def test_only_time_in_the_window_counts(stage: Stage) -> None:
    """Of a session of 20 s with 8 s away within the grace, 12 s are active and 20 s are its length."""
    game = stage.play("frames", grace=30)
    started = game.lines[game.said.index("installed")][0]
    wait_until(started + 7)  # real play
    left = game.lose_focus()
    wait_until(left.after + 8)  # really away
    back = game.take_focus()
    wait_until(started + 20)  # real play again
    closed = game.close()
    (end,) = stage.server.wait_for(1)
    wall = closed.after - started
    active = wall - (back.after - left.after)
    assert (wall, active) == pytest.approx((20, 12), abs=1)  # the test's own script, on a busy computer
    assert end.reason == "quit"
    assert stage.measured("activeMs of 12 s", end.active - active) <= EXACT
    assert stage.measured("wallMs of 20 s", end.wall - wall) <= EXACT
