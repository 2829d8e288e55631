"""Leaving for good, or not quite: the close button, refusals, restarts, crashes, signals, children."""

from __future__ import annotations

import signal
import time

import pytest
from window_kit import AWAY, EXACT, GRACE, Stage, wait_until

pytestmark = pytest.mark.window


def test_close_button(stage: Stage) -> None:
    """The close button is one end, by the player's will, at that moment."""
    game = stage.play("frames")
    closed = game.close()
    assert game.wait() == 0
    (end,) = stage.server.wait_for(1)
    assert (end.reason, end.number, end.previous_id) == ("quit", 1, None)
    assert stage.measured("endedAt, closed", closed.off(end.ended)) <= EXACT
    assert abs(end.active - end.wall) <= EXACT


@pytest.mark.parametrize("kind", ["frames", "waiting --refuse", "waiting --blocked --refuse"])
def test_a_refused_quit(stage: Stage, kind: str) -> None:
    """A game that asks "really leave?" and plays on for 5 s has lost nothing: one end at last, every second active."""
    game = stage.play(*kind.split())
    if kind == "frames":
        game.hears("refuse 1")
    stage.desktop.close_button(game.window)
    refused = game.expect("refused")
    wait_until(refused + 5)  # real play, well past the grace
    stage.server.wait_for(0)
    closed = game.close()
    (end,) = stage.server.wait_for(1)
    assert end.reason == "quit"
    assert abs(closed.off(end.ended)) <= EXACT
    assert stage.measured("activeMs, refused quit", end.active - (closed.after - end.started)) <= EXACT


def test_a_refused_quit_and_then_away(stage: Stage) -> None:
    """A refusal is no licence to stay: a player who leaves the window after it has left it."""
    game = stage.play("frames")
    game.hears("refuse 1")
    stage.desktop.close_button(game.window)
    refused = game.expect("refused")
    wait_until(refused + 2)  # play
    left = game.lose_focus()
    (end,) = stage.server.wait_for(1)
    assert end.reason == "background"
    assert abs(left.off(end.ended)) <= EXACT


def test_pygame_restarted_within_the_grace(stage: Stage) -> None:
    """A game that calls pygame.quit(), then pygame.init() and plays on, stays in its session."""
    game = stage.play("frames", grace=AWAY)
    stopped = time.time()
    game.hears("restart 0.5")
    game.take_focus()
    time.sleep(AWAY + 0.5)  # play, past the grace
    stage.server.wait_for(0)
    back = game.has_focus(True)  # since when, by the game's own word
    game.close()
    (end,) = stage.server.wait_for(1)
    assert end.reason == "quit"
    assert 0.5 <= end.wall - end.active <= back - stopped + EXACT


def test_pygame_restarted_beyond_the_grace(stage: Stage) -> None:
    """With more than the grace between pygame.quit() and the focus of the next window there are two sessions."""
    game = stage.play("frames")
    stopped = time.time()
    game.hears(f"restart {2 * GRACE}")
    time.sleep(GRACE)  # the next window may have no focus yet
    game.take_focus()
    back = game.has_focus(True)
    game.close()
    first, second = stage.server.wait_for(2)
    assert [first.reason, second.reason] == ["quit", "quit"]
    assert abs(first.ended - stopped) <= EXACT
    assert (second.previous_id, second.number) == (first.id, 2)
    assert abs(second.started - back) <= EXACT


def test_uncaught_exception(stage: Stage) -> None:
    """A crash ends the session as one; the traceback and the exit code are Python's own."""
    game = stage.play("frames")
    game.told("fail")
    assert game.wait() == 1
    assert "RuntimeError: the game's own fault" in "\n".join(game.said)
    assert any("Traceback" in line for line in game.said)
    (end,) = stage.server.wait_for(1)
    assert end.reason == "crash"


def test_excepthook_of_the_game(stage: Stage) -> None:
    """A game's own excepthook, set before the plugin came or after, is called."""
    for when in ("before", "after"):
        game = stage.play("excepthook", when)
        game.told("fail")
        assert game.wait() == 1
        assert f"hook set {when}: RuntimeError" in game.said
    assert [end.reason for end in stage.server.wait_for(2)] == ["crash", "crash"]


def test_interrupted(stage: Stage) -> None:
    """Ctrl-C in the terminal asks the game to stop: no crash; and the process dies of the signal, as ever."""
    stage.needs_posix()
    game = stage.play("frames")
    game.process.send_signal(signal.SIGINT)
    assert game.wait() == -signal.SIGINT
    assert any("KeyboardInterrupt" in line for line in game.said)
    (end,) = stage.server.wait_for(1)
    assert end.reason == "quit"


def test_terminated(stage: Stage) -> None:
    """SIGTERM is a QUIT event under SDL 2, with the plugin too."""
    stage.needs_posix()
    game = stage.play("frames")
    game.process.send_signal(signal.SIGTERM)
    game.expect("event Quit")
    assert game.wait() == 0
    (end,) = stage.server.wait_for(1)
    assert end.reason == "quit"


def test_exit_without_pygame_quit(stage: Stage) -> None:
    """sys.exit() without pygame.quit() is a quit, and its code is kept."""
    game = stage.play("frames")
    game.told("exit 7")
    assert game.wait() == 7
    (end,) = stage.server.wait_for(1)
    assert end.reason == "quit"


def test_forked_children(stage: Stage) -> None:
    """A child process that was forked ends nothing, whichever way it goes; its parent plays on."""
    stage.needs_posix()
    game = stage.play("frames")
    game.hears("fork")
    time.sleep(GRACE + 0.5)  # a wrong end would come now
    stage.server.wait_for(0)
    left = game.lose_focus()
    (first,) = stage.server.wait_for(1)
    assert abs(left.off(first.ended)) <= EXACT
    game.take_focus()
    game.close()
    first, second = stage.server.wait_for(2)
    assert [first.reason, second.reason] == ["background", "quit"]
