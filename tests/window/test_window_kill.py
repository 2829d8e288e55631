"""Games that are killed: the next start finds out, and how long they were played."""

from __future__ import annotations

import time

import pytest
from window_kit import AWAY, EXACT, GRACE, Stage

pytestmark = pytest.mark.window


@pytest.mark.parametrize("seconds", [0.2, 0.65, 2.25])
def test_killed_while_active(stage: Stage, seconds: float) -> None:
    """The session of a game that is killed ends at its last sign of life, at most a second too early."""
    game = stage.play("frames")
    time.sleep(seconds)  # real play
    killed = game.kill()
    (end,) = stage.next_start(1)
    assert (end.reason, end.number) == ("abnormal", 1)
    lost = stage.measured("endedAt, killed", end.ended - killed.before)
    assert lost <= 1.0
    assert end.ended <= killed.after
    assert abs(end.active - end.wall) <= EXACT


def test_killed_while_away(stage: Stage) -> None:
    """A player who had left already when the game was killed has left at that moment, for that reason."""
    game = stage.play("frames", grace=30)
    left = game.lose_focus()
    time.sleep(GRACE)
    game.kill()
    (end,) = stage.next_start(1)
    assert end.reason == "background"
    assert stage.measured("endedAt, killed while away", left.off(end.ended)) <= EXACT


def test_killed_after_a_return(stage: Stage) -> None:
    """A player who had come back within the grace had not left: only the time away is missing."""
    game = stage.play("frames", grace=30)
    left = game.lose_focus()
    time.sleep(GRACE)
    back = game.take_focus()
    time.sleep(AWAY)  # real play
    killed = game.kill()
    (end,) = stage.next_start(1)
    assert end.reason == "abnormal"
    assert killed.before - 1.0 <= end.ended <= killed.after
    assert abs(end.active - (end.wall - (back.after - left.after))) <= EXACT


def test_left_by_os_exit(stage: Stage) -> None:
    """os._exit runs nothing of ours: the session is as safe as that of a killed game, and its code is kept."""
    game = stage.play("frames")
    game.told("os-exit")
    assert game.wait() == 3
    (end,) = stage.next_start(1)
    assert end.reason == "abnormal"
