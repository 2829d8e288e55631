"""How a game's own tests can check what happens when its player leaves: no screen, no network, no waiting.

Copy it, put your game in the place of `my_game`, and run pytest. `gs_player` comes with gs_pygame.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pygame
import pytest

from examples import my_game
from gs_pygame.testing import DESKTOPS, FakeDestination, Player, ended


def test_a_long_absence_ends_the_session_when_the_player_left(gs_player: Player) -> None:
    """Ten seconds of play, a minute elsewhere, five more of play: two sessions, and nothing of the minute counts."""
    gs_player.plays(my_game.main, [10, gs_player.leaves, 60, gs_player.returns, 5])
    assert gs_player.ends == [ended("background", active=10, wall=10), ended("quit", active=5, wall=5)]


def test_a_short_absence_does_not_count_as_play(gs_player: Player) -> None:
    """Twenty seconds as an icon, within the grace: the same session goes on, without those twenty seconds."""
    gs_player.plays(my_game.main, [10, gs_player.minimises, 20, gs_player.returns, 5])
    assert gs_player.ends == [ended("quit", active=15, wall=35)]


@pytest.mark.parametrize("desktop", DESKTOPS)
@pytest.mark.parametrize("leaves", [Player.leaves, Player.minimises])
def test_every_way_out_on_every_system(gs_player: Player, desktop: str, leaves: Callable[[Player], None]) -> None:
    """Whatever the system calls it, a player who is away for longer than the grace has ended the session."""
    gs_player.desktop = desktop
    gs_player.plays(my_game.main, [10, lambda: leaves(gs_player), 40])
    assert gs_player.ends == [ended("background", active=10)]


def test_going_fullscreen_is_no_leaving(gs_player: Player) -> None:
    """The window goes and comes back when its mode is switched; the session goes on."""
    gs_player.plays(my_game.main, [10, gs_player.switches_mode, 10, gs_player.switches_mode, 10])
    assert gs_player.ends == [ended("quit", active=30, within=0.5)]


def test_a_night_with_the_lid_closed(gs_player: Player) -> None:
    """The session ended when the computer fell asleep; the next one begins when it wakes."""
    gs_player.plays(my_game.main, [10, lambda: gs_player.sleeps(8 * 60 * 60), 5])
    assert gs_player.ends == [ended("suspend", active=10, within=1), ended("quit", active=5, within=1)]


def test_a_killed_game_is_accounted_for_at_its_next_start(gs_player: Player) -> None:
    """Nothing runs when a process is killed: the next start ends that session at its last heartbeat."""
    gs_player.plays(my_game.main, [10, gs_player.kills])
    assert gs_player.ends == []
    gs_player.plays(my_game.main, [1])
    assert gs_player.ends == [ended("abnormal", active=10, number=1, within=1), ended("quit", active=1, number=2)]


def test_nothing_is_lost_offline(gs_player: Player, gs_destination: FakeDestination) -> None:
    """No network when the player quits: the end waits on disk, and the next start delivers it."""
    gs_destination.offline = True
    gs_player.plays(my_game.main, [10])
    assert gs_player.ends == []
    gs_destination.offline = False
    gs_player.plays(my_game.main, [1])
    assert gs_player.ends == [ended("quit", active=10, number=1), ended("quit", active=1, number=2)]


def test_the_score_goes_along(gs_player: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script can do anything between two seconds, here: press a key. It may be written as a generator."""
    monkeypatch.setattr(random, "randrange", lambda width: 190)  # where the next apple falls

    def story() -> Iterator[float]:
        yield 1.5
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_RIGHT))
        yield 1

    gs_player.plays(my_game.main, story())
    assert gs_player.ends == [ended("quit", script_data={"score": 2})]


@pytest.mark.gs_window
def test_in_a_real_window(gs_player: Player) -> None:
    """The same on a virtual display, where the window manager does it (skipped without Xvfb and its tools)."""
    gs_player.plays(my_game.main, [10, gs_player.minimises, 20, gs_player.returns, 5, gs_player.leaves, 60])
    assert gs_player.ends == [ended("background", active=15, wall=35)]
