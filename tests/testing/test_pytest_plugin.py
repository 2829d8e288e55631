"""The pytest plugin as a game's author has it: installed, loaded with every run, and silent until asked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from core_kit import environment, run

DEADLINE = 100.0
"""Seconds for a whole run of pytest, with all that it imports; it takes three of a processor."""

MODULES = {
    "conftest": """
import sys

loaded = set(sys.modules)
""",
    "test_1_silent": """
from conftest import loaded

def test_it():
    assert "gs_pygame._pytest" in loaded
    assert not [name for name in loaded if name in ("pygame", "requests") or name.startswith("gs_pygame.testing")]
""",
    "test_2_game": """
import gs_pygame, pygame
from gs_pygame.testing import ended

def main():
    gs_pygame.install(app="a", author="b", endpoint="http://127.0.0.1:9")
    pygame.init()
    pygame.display.set_mode((64, 64))
    while not pygame.event.get(pygame.QUIT):
        pygame.time.wait(10)

def test_otherwise(gs_player, gs_clock, gs_destination, gs_fault_server):
    assert (gs_player.clock, gs_player.destination) == (gs_clock, gs_destination)
    gs_player.plays(main, [10])
    assert gs_player.ends == [ended("background", active=10)]

def test_goes_on(gs_player):
    gs_player.plays(lambda: [main(), pygame.time.wait(20_000)], [10])
""",
    "test_3_window": """
import pytest

@pytest.mark.gs_window
def test_it(gs_player):
    raise AssertionError
""",
    "test_4_pygame": """
import pygame

def test_fresh(gs_player):
    pygame.init()

def test_after():
    assert not pygame.get_init()
    pygame.init()

def test_initialised(gs_player):
    pass

def test_still():
    assert pygame.get_init()
""",
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What pytest says of an author's tests, one after the other, on a computer without the tools for real windows."""
    folder = tmp_path_factory.mktemp("author")
    for name, test in MODULES.items():
        (folder / f"{name}.py").write_text(test)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--strict-markers", "-rA"]
    return subprocess.run(
        command, cwd=folder, env=environment(PATH=""), capture_output=True, text=True, timeout=DEADLINE, check=False
    ).stdout


def test_it_loads_no_pygame(said: str) -> None:
    """A run of tests that ask for none of its fixtures costs neither pygame nor the kit."""
    assert "PASSED test_1_silent.py::test_it" in said, said


def test_a_game_that_fails_its_test(said: str) -> None:
    """The author reads what was seen instead, without a line of the kit's inside."""
    assert "FAILED test_2_game.py::test_otherwise - assert the sessions ended otherwise" in said, said
    assert "ended (quit), number 1, active 10." in said
    assert "AssertionError: the game still runs 10 s after the close button was pressed: it took QUIT" in said
    assert os.path.join("gs_pygame", "testing") not in said, said


def test_a_real_window_without_the_tools(said: str) -> None:
    """The test is skipped, and says what is missing; the marker is known to --strict-markers."""
    assert "a real window needs Xvfb, openbox, wmctrl, xdotool, which are not installed" in said, said


def test_pygame_is_left_as_it_was_found(said: str) -> None:
    """A pygame that the author's own tests had initialised is not quit; else it is."""
    assert said.count("PASSED test_4_pygame.py") == 4, said


def test_the_kit_needs_no_pytest(tmp_path: Path) -> None:
    """`gs_pygame.testing` can be used with unittest, or from a script."""
    result = run(
        """
        import sys
        sys.modules["pytest"] = None
        import gs_pygame, pygame
        from gs_pygame import testing
        def main():
            gs_pygame.install(app="a", author="b", endpoint="http://127.0.0.1:9")
            pygame.init()
            pygame.display.set_mode((64, 64))
            while not pygame.event.get(pygame.QUIT):
                pygame.time.wait(10)
        with testing.game(sys.argv[1]) as player:
            player.plays(main, [10])
        print(player.ends == [testing.ended("quit", active=10)])
        """,
        tmp_path,
        SDL_AUDIODRIVER="dummy",
    )
    assert result.stdout == "True\n", result.stderr


def test_names_of_the_kit() -> None:
    """The public names, sorted."""
    from gs_pygame import testing

    assert testing.__all__ == sorted(testing.__all__)
    assert all(hasattr(testing, name) for name in testing.__all__)


@pytest.mark.skipif(not os.environ.get("CI"), reason="only a CI must have the tools")
def test_ci_has_the_tools() -> None:
    """So that under CI no test of a real window is skipped."""
    from gs_pygame.testing._display import Display

    assert Display.missing_tools() == []
