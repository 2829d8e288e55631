"""How a game's own tests can check what happens when the player leaves. Run by pytest, without a screen."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")

import pygame

import gs_pygame
from gs_pygame import testing


def start_game() -> gs_pygame.SessionPlugin:
    """What the game does when it starts."""
    pygame.init()
    pygame.display.set_mode((320, 180))
    return gs_pygame.install(app="My Game", author="Me", endpoint="http://127.0.0.1:8765", background_grace=30)


def test_a_long_absence_ends_the_session_when_the_player_left(tmp_path: Path) -> None:
    """Ten seconds of play, then away for a minute: one end of ten seconds, and a new session on return."""
    with testing.game(tmp_path) as player:
        plugin = start_game()
        player.wait(10)
        player.leaves()
        player.wait(60)
        player.returns()
        assert plugin.session is not None
        assert plugin.session.number == 2
    assert [(end.reason, round(end.active)) for end in player.ends] == [("background", 10), ("explicit", 0)]


def test_a_short_absence_does_not_count_as_play(tmp_path: Path) -> None:
    """Minimised for 20 seconds, within the grace: the same session goes on, without those 20 seconds."""
    with testing.game(tmp_path) as player:
        start_game()
        player.wait(10)
        player.minimises()
        player.wait(20)
        player.returns()
        player.wait(5)
    assert [(end.reason, round(end.active), round(end.wall)) for end in player.ends] == [("explicit", 15, 35)]


def test_nothing_is_lost_offline(tmp_path: Path) -> None:
    """No network when the player quits: the end waits on disk, and the next start delivers it."""
    with testing.game(tmp_path) as player:
        start_game()
        player.destination.offline = True
        player.wait(10)
        player.closes()
    assert player.ends == []
    with testing.game(tmp_path) as player:
        start_game()
        player.wait(1)
        assert [(end.number, end.reason) for end in player.ends] == [(1, "explicit")]
