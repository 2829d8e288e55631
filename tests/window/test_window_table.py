"""The testing kit's table of what Windows says, held against Windows builds under Wine: the same deeds, done by a window
manager."""

from __future__ import annotations

import pytest
from window_kit import Game, Moment, Stage
from wine import Wine

from gs_pygame.testing._desktops import Deed

pytestmark = pytest.mark.window

TELLING = {"WindowHidden", "WindowMinimized", "WindowFocusLost", "WindowRestored", "WindowShown", "WindowFocusGained"}
TELLING |= {"WindowTakeFocus", "WindowClose", "WindowLeave", "Quit"}


def deeds(stage: Stage, game: Game) -> list[tuple[Deed, object]]:
    """In an order in which each can be done."""
    desktop = stage.desktop

    def activate() -> Moment:
        return desktop.activate(game.window)

    return [
        ("leave", desktop.go_elsewhere),
        ("return", activate),
        ("minimise", lambda: desktop.minimize(game.window)),
        ("restore", activate),
        ("show desktop", lambda: desktop.show_desktop(True)),
        ("hide desktop", lambda: desktop.show_desktop(False)),
        ("return", activate),
        ("switch mode", lambda: game.hears("switch")),
        ("switch mode", lambda: game.hears("switch")),
        ("close", lambda: desktop.close_button(game.window)),
    ]


@pytest.mark.parametrize("name", ["windows", "windows-fullscreen"])
def test_the_table_is_what_windows_builds_say(stage: Stage, name: str) -> None:
    """The very events of the table, and how things stand as it says."""
    if not isinstance(stage.desktop, Wine):
        pytest.skip("of Windows builds under Wine")
    game = stage.play("telling", *(["--fullscreen"] if name.endswith("fullscreen") else []))
    game.settles()
    for deed, do in deeds(stage, game):
        begun = len(game.lines)
        do()
        game.settles()
        print(name, deed, [(f"{when - game.lines[begun][0]:.3f}", text) for when, text in game.lines[begun:]])
