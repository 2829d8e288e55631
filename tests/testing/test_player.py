"""A player of a game that is played frame by frame, on each system; and what becomes of the game's process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pygame
import pytest

import gs_pygame
from gs_pygame.testing import DESKTOPS, Player, ended, game


def start_game(**settings: float) -> gs_pygame.SessionPlugin:
    pygame.init()
    pygame.display.set_mode((64, 64))
    pygame.event.clear()
    given: dict[str, object] = {"app": "Kit", "author": "gs_pygame", "endpoint": "http://127.0.0.1:9", **settings}
    return gs_pygame.install(**{"background_grace": 30.0, **given})  # type: ignore[arg-type]


def heard() -> list[str]:
    """What the game gets from its queue, by pygame's names."""
    return [pygame.event.event_name(event.type) for event in pygame.event.get()]


def test_there_are_as_many_deeds_on_every_system() -> None:
    """A scenario can be played on each of them, and what they say is events that pygame has."""
    deeds = {name: set(desktop.deeds) for name, desktop in DESKTOPS.items()}
    assert all(known == deeds["x11"] for known in deeds.values()), deeds
    beats = [beat for desktop in DESKTOPS.values() for deed in desktop.deeds.values() for beat in deed]
    events = {event for beat in beats for event in beat.events}
    assert [event for event in events if not hasattr(pygame, event)] == []
    assert [name for name, desktop in DESKTOPS.items() if not desktop.recorded_on] == ["macos"]


@pytest.mark.parametrize("lacks", [lambda patch: patch.delattr(pygame, "WINDOWTAKEFOCUS"),
                                   lambda patch: patch.setattr(pygame, "WINDOWTAKEFOCUS", 0)])  # fmt: skip
def test_a_build_of_sdl_3_lacks_an_event(
    gs_player: Player, monkeypatch: pytest.MonkeyPatch, lacks: Callable[[pytest.MonkeyPatch], None]
) -> None:
    """What a system would say and this pygame has no word for is not said."""
    start_game()
    said: list[str] = []
    gs_player.frame = lambda: said.extend(heard())
    lacks(monkeypatch)
    gs_player.leaves()
    gs_player.returns()
    assert said == ["WindowFocusLost", "WindowFocusGained"]


def test_an_unknown_desktop_is_refused() -> None:
    """The failure names those that there are."""
    with pytest.raises(ValueError, match="desktop is 'beos'; allowed is x11, x11-fullscreen, x11-icewm,"):
        Player(desktop="beos")


@pytest.mark.parametrize(
    ("desktop", "visible", "events"),
    [
        ("x11", True, ["WindowFocusLost"]),
        ("x11-fullscreen", False, ["WindowFocusLost", "WindowLeave", "WindowHidden", "WindowMinimized"]),
        ("windows-fullscreen", False, ["WindowMinimized", "WindowFocusLost", "WindowLeave"]),
        ("wayland", True, ["WindowFocusLost"]),
    ],
)
def test_alt_tab(gs_player: Player, desktop: str, visible: bool, events: list[str]) -> None:
    """The game hears what its system says, and sees how things stand."""
    start_game()
    said: list[str] = []
    gs_player.frame = lambda: said.extend(heard())
    gs_player.desktop = desktop
    gs_player.leaves()
    assert (said, gs_player.focused, gs_player.visible) == (events, False, visible)


def test_a_mode_switch_takes_its_time(gs_player: Player) -> None:
    """The window is gone for 0.2 s, in which frames pass; a next deed waits until it is back."""
    plugin = start_game()
    gs_player.wait(1)
    gs_player.switches_mode()
    assert plugin.session is not None
    assert plugin.session.state == "away"
    gs_player.wait(0.3)
    assert plugin.session.state == "active"
    gs_player.switches_mode()
    gs_player.leaves()
    assert (gs_player.focused, gs_player.visible) == (False, True)


def test_show_desktop_and_back_on_x11(gs_player: Player) -> None:
    """The window can be seen again, but the player is not back before they click on it."""
    plugin = start_game()
    gs_player.wait(10)
    gs_player.shows_desktop()
    gs_player.hides_desktop()
    assert plugin.session is not None
    assert plugin.session.state == "away"
    gs_player.returns()
    assert plugin.session.state == "active"


def test_the_end_of_the_test_is_the_end_of_the_process(tmp_path: Path) -> None:
    """What still plays has quit; the close button before that does not make it anything else."""
    with game(tmp_path / "one") as player:
        start_game()
        player.wait(10)
    assert player.ends == [ended("quit", active=10)]
    with game(tmp_path / "two") as player:
        start_game()
        player.wait(10)
        player.closes()
    assert player.ends == [ended("quit", active=10)]


def test_killed_and_started_again_in_the_same_folder(tmp_path: Path) -> None:
    """Nothing runs in a killed process; another player's game recovers what is in the folder."""
    script_data_was_asked: list[bool] = []
    with game(tmp_path) as player:
        plugin = start_game(script_data=lambda: script_data_was_asked.append(True) or {})  # type: ignore[arg-type]
        player.wait(10)
        player.kills()
        player.wait(100)
    assert plugin.closed
    assert (player.ends, player.destination.attempts, script_data_was_asked) == ([], [], [])
    with game(tmp_path) as player:
        start_game()
        player.wait(1)
    assert player.ends == [ended("abnormal", active=10, number=1, within=1), ended("quit", active=1, number=2)]


def test_a_copy_that_was_not_killed_is_left_alone(tmp_path: Path) -> None:
    """Of two games in one folder, each has its own process: only the killed one is recovered, by the other."""
    pygame.init()
    with game(tmp_path) as one, game(tmp_path) as other:
        settings = gs_pygame.Settings(data_dir=tmp_path, hook=False)
        one.plugin(settings)
        other.plugin(settings)
        one.kills()
        other.wait(61)
        assert [end.reason for end in other.ends] == ["abnormal"]


def test_nothing_of_ours_in_the_environment_counts(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """A developer's DO_NOT_TRACK, or settings of ours, do not change what a test sees."""
    monkeypatch.setenv("DO_NOT_TRACK", "1")
    monkeypatch.setenv("GS_PYGAME_BACKGROUND_GRACE", "1")
    player = request.getfixturevalue("gs_player")
    plugin = start_game()
    player.wait(10)
    player.leaves()
    player.wait(10)
    assert plugin.session is not None
    assert plugin.session.state == "away"
