"""Games of others, written without the plugin in mind, tested with the kit as the README says."""

from __future__ import annotations

import runpy
import socket
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pygame
import pytest
from games_to_test import breakout, dungeon, pond

import gs_pygame
from gs_pygame.testing import DESKTOPS, Player, ended

GAMES = [breakout, dungeon, pond]


@pytest.fixture(params=GAMES, ids=["blocks window events", "nested loops", "asyncio"])
def main(request: pytest.FixtureRequest) -> Callable[[], None]:
    """Each game, with the two lines that install the plugin."""
    return with_plugin(request.param)


def with_plugin(game: ModuleType) -> Callable[[], None]:
    def main() -> None:
        gs_pygame.install(app="Other", author="Somebody", endpoint="http://127.0.0.1:9", background_grace=30.0)
        game.main()

    return main


def press(key: int) -> None:
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key))


def test_a_long_absence(gs_player: Player, main: Callable[[], None]) -> None:
    """Away for minutes: the session has ended when the player left, and a new one begins when they return."""
    gs_player.plays(main, [10, gs_player.leaves, 60, gs_player.returns, 5])
    assert gs_player.ends == [ended("background", active=10, wall=10), ended("quit", active=5)]


def test_a_short_absence(gs_player: Player, main: Callable[[], None]) -> None:
    """An icon for 20 s: the same session, without those."""
    gs_player.plays(main, [10, gs_player.minimises, 20, gs_player.returns, 5])
    assert gs_player.ends == [ended("quit", active=15, wall=35)]


@pytest.mark.parametrize("desktop", DESKTOPS)
def test_to_the_desktop_and_back(gs_player: Player, desktop: str) -> None:
    """Show desktop for minutes, everything back, a click on the game: two sessions, on every system."""
    gs_player.desktop = desktop
    gs_player.plays(with_plugin(pond), [10, gs_player.shows_desktop, 60, gs_player.hides_desktop, gs_player.returns, 5])
    assert gs_player.ends == [ended("background", active=10), ended("quit", active=5)]


def test_killed(gs_player: Player, main: Callable[[], None]) -> None:
    """The next start accounts for the session that a kill cut off."""
    gs_player.plays(main, [10, gs_player.kills])
    gs_player.plays(main, [3])
    assert gs_player.ends == [ended("abnormal", active=10, within=1), ended("quit", active=3)]


def test_in_the_inner_loops(gs_player: Player) -> None:
    """The player leaves while the game is in its pause, two loops deep, and from the splash, which only pumps."""
    gs_player.plays(
        with_plugin(dungeon),
        [
            1, gs_player.leaves, 60, gs_player.returns,
            3, lambda: press(pygame.K_SPACE),
            1, lambda: press(pygame.K_p),
            4, gs_player.leaves, 60, gs_player.returns, 2,
        ],
    )  # fmt: skip
    assert gs_player.ends == [
        ended("background", active=1),
        ended("background", active=8),
        ended("quit", active=2),
    ]


def test_a_refused_quit(gs_player: Player) -> None:
    """ "Really leave?" - no: the same session goes on, and so it does through the second question's five seconds."""
    playing = [3, lambda: press(pygame.K_SPACE), 2]
    refusing = [gs_player.closes, 2, lambda: press(pygame.K_n), 10]
    gs_player.plays(with_plugin(dungeon), [*playing, *refusing])
    assert gs_player.ends == [ended("quit", active=22, wall=22)]


def test_a_game_that_is_a_script(gs_player: Player) -> None:
    """A game without a main function, the README's own: it is run from its file."""
    path = Path(gs_pygame.__file__).parents[1] / "examples" / "minimal.py"
    gs_player.plays(lambda: runpy.run_path(str(path), run_name="__main__"), [10, gs_player.leaves, 310])
    assert gs_player.ends == [ended("background", active=10)]


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: socket.socket, address: object) -> None:
        raise AssertionError(f"the kit connected to {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_no_network(gs_player: Player, main: Callable[[], None], no_network: None) -> None:
    """Nothing goes to the endpoint that the game was given."""
    gs_player.plays(main, [3])
    assert gs_player.ends == [ended("quit", active=3)]
