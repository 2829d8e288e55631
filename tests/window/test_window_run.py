"""`gs-pygame run` with games that know nothing of it, in real windows."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import subprocess
import time

import pytest
from sway import Sway
from window_kit import EXACT, GAMES, Game, Moment, Stage, eventually

pytestmark = pytest.mark.window

RUN = ("-m", "gs_pygame", "run")

HEARS = 1.0
"""Seconds within which a game hears that it is left. These do not say when they do, and one draws as fast as it can."""


PRESSES = 10


def played(stage: Stage, *target: str, **environment: str) -> Game:
    """Start it, and wait until its window is there and active."""
    game = stage.run(*RUN, *target, **environment)
    eventually(lambda: stage.desktop.is_active(game.window), "the game is active")
    time.sleep(1)  # real play
    return game


def one_quit(stage: Stage, left: Moment) -> None:
    """One session has come by the next start, left at that moment by the player's will."""
    (end,) = stage.next_start(1)
    assert (end.reason, end.number) == ("quit", 1)
    assert stage.measured("endedAt, run", left.off(end.ended)) <= HEARS
    assert end.active >= 1 - EXACT


def escaped(stage: Stage, game: Game) -> Moment:
    """Press the escape key, again if need be, as a player would: a key is lost that comes while a program makes its
    window anew, which eventlist does when it hears of its size."""
    first = last = stage.desktop.press("Escape")
    for _ in range(PRESSES):
        with contextlib.suppress(subprocess.TimeoutExpired):
            game.process.wait(HEARS)
            break
        last = stage.desktop.press("Escape")
    return Moment(first.before, last.after)


def its_own_codes(stage: Stage, example: str) -> tuple[int, ...]:
    """How it ends without the plugin: on Wayland, pygame 2.6.1 crashes at the end of a game with a Renderer."""
    crashes = example == "sprite_texture" and isinstance(stage.desktop, Sway)
    return (0, -signal.SIGSEGV) if crashes else (0,)


def need(example: str) -> None:
    """Skip the test where pygame comes without its examples, which CI must have."""
    if importlib.util.find_spec(f"pygame.examples.{example}") is None:
        pytest.fail(f"{example} is not there") if os.environ.get("CI") else pytest.skip(f"{example} is not there")


@pytest.mark.parametrize("example", ["stars", "eventlist", "sprite_texture"])
def test_example_closed(stage: Stage, example: str) -> None:
    """pygame's own examples, unmodified, left by the close button."""
    need(example)
    game = played(stage, "-m", f"pygame.examples.{example}")
    closed = stage.desktop.close_button(game.window)
    assert game.wait() in its_own_codes(stage, example)
    one_quit(stage, closed)


@pytest.mark.parametrize("example", ["eventlist", "sprite_texture"])
def test_example_escaped(stage: Stage, example: str) -> None:
    """The same, left by the escape key, which is no QUIT event."""
    need(example)
    game = played(stage, "-m", f"pygame.examples.{example}")
    left = escaped(stage, game)
    assert game.wait() in its_own_codes(stage, example)
    one_quit(stage, left)


@pytest.mark.library("pygame_menu")
def test_exit_entry_of_pygame_menu(stage: Stage) -> None:
    """pygame-menu's exit calls pygame.quit(), then os._exit(1): the session is on disk by then."""
    game = played(stage, str(GAMES / "menu.py"))
    left = stage.desktop.press("Return")
    assert game.wait() == 1
    one_quit(stage, left)


@pytest.mark.parametrize(("command", "code", "reason"), [("exit 7", 7, "quit"), ("fail", 1, "crash")])
def test_exit_code(stage: Stage, command: str, code: int, reason: str) -> None:
    """The game's exit code passes through `run`, and its uncaught exception is a crash."""
    game = played(stage, str(GAMES / "frames.py"), WITHOUT_PLUGIN="1")
    game.told(command)
    assert game.wait() == code
    (end,) = stage.next_start(1)
    assert end.reason == reason
