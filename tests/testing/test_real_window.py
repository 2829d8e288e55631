"""The kit's table of what X11 says, held against a real window: the same deeds, done by a window manager."""

from __future__ import annotations

import pygame
import pytest

import gs_pygame
from gs_pygame.testing import Player, _display, ended
from gs_pygame.testing._display import Display, eventually

pytestmark = [pytest.mark.window, pytest.mark.filterwarnings("ignore:re-creating window")]


@pytest.mark.gs_window
def test_every_deed_in_a_real_window(gs_player: Player) -> None:
    """A script that says all that a player can do is played by the window manager as it is under the dummy driver."""

    def main() -> None:
        gs_pygame.install(app="Window", author="gs_pygame", endpoint="http://127.0.0.1:9", background_grace=30)
        pygame.init()
        pygame.display.set_mode((320, 240))
        clock = pygame.time.Clock()
        while not pygame.event.get(pygame.QUIT):
            pygame.event.clear()
            clock.tick(60)

    gs_player.plays(
        main,
        [
            5, gs_player.switches_mode, 5, gs_player.switches_mode,
            5, gs_player.is_interrupted, 5, gs_player.returns,
            5, gs_player.shows_desktop, 40, gs_player.hides_desktop, gs_player.returns,
            5, gs_player.kills,
        ],
    )  # fmt: skip
    gs_player.plays(main, [1])
    assert gs_player.ends == [
        ended("background", active=20, within=0.5),
        ended("abnormal", active=5, within=1),
        ended("quit", active=1),
    ]


MADE_ANEW = (
    """
import pygame
from pygame._sdl2.video import Window
pygame.display.init()
first = Window("pygame window", (120, 90))
pygame.time.wait(500)
first.destroy()
"""
    + _display._ELSEWHERE
)


def test_the_other_window_is_known_by_its_title(gs_display: Display, monkeypatch: pytest.MonkeyPatch) -> None:
    """SDL may open a window, and at once another in its place: on a busy machine the first one was seen, and lost."""
    monkeypatch.setattr(_display, "_ELSEWHERE", MADE_ANEW)
    display = Display()
    try:
        eventually(lambda: "elsewhere" in display._ask("wmctrl", "-l"), "the other window is there")
        display.go_elsewhere()
        eventually(lambda: display.is_active(display._elsewhere), "it has the focus")
    finally:
        display.close()
