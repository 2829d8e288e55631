"""The kit's tables of what each desktop tells a game, held against the desktops: the same deeds, by a real player."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from window_kit import Game, Stage

from gs_pygame.testing import DESKTOPS
from gs_pygame.testing._desktops import Deed

pytestmark = pytest.mark.window

TELLING = {
    "WindowHidden",
    "WindowMinimized",
    "WindowFocusLost",
    "WindowRestored",
    "WindowShown",
    "WindowFocusGained",
    "WindowTakeFocus",
    "WindowClose",
    "Quit",
}


def heard(game: Game, do: Callable[[], object]) -> tuple[set[str], list[str]]:
    """Which telling events a game hears of a deed, by pygame's names, and what it says of the focus meanwhile."""
    game.settles()
    before = len(game.lines)
    do()
    game.settles()
    said = game.said[before:]
    events = {text.removeprefix("event ") for text in said if text.startswith("event ")}
    return {event.upper() for event in events & TELLING}, [text for text in said if text.startswith("focus")]


def is_as_recorded(game: Game, table: str, deeds: dict[Deed, Callable[[], object]]) -> None:
    for deed, do in deeds.items():
        events, focus = heard(game, do)
        beats = DESKTOPS[table].deeds[deed]
        telling = {name.upper() for name in TELLING}
        assert events == {name for beat in beats for name in beat.events} & telling, (table, deed)
        if focus:
            assert focus[-1] == f"focus {int(beats[-1].focused or False)}", (table, deed)


def everywhere(game: Game) -> dict[Deed, Callable[[], object]]:
    """What a player can do on every desktop, in their order."""
    return {
        "leave": game.desktop.go_elsewhere,
        "return": lambda: game.desktop.activate(game.window),
        "minimise": lambda: game.desktop.minimize(game.window),
        "restore": lambda: game.desktop.activate(game.window),
    }


@pytest.mark.desktops("x11", "x11-icewm", "x11-i3", "wayland")
def test_the_table_of_a_desktop_is_what_it_does(stage: Stage) -> None:
    """Leave, return, minimise, restore, show desktop, switch the mode, close: the events and the focus as it says."""
    desktop, table = stage.desktop, stage.desktop_name
    game = stage.play("frames", WITHOUT_PLUGIN="1")
    deeds = everywhere(game)
    deeds["show desktop"] = lambda: desktop.show_desktop(True)
    if table != "x11":  # openbox gives the focus back if nobody else has it, and does not else
        deeds["hide desktop"] = lambda: desktop.show_desktop(False)
    if table == "wayland":
        deeds["switch mode"] = lambda: game.hears("mode")
    deeds["close"] = lambda: desktop.close_button(game.window)
    is_as_recorded(game, table, deeds)


@pytest.mark.desktops("wine")
def test_the_tables_of_windows_are_what_windows_builds_do(stage: Stage) -> None:
    """The same in a window, then in fullscreen; "show desktop" is the window manager's own under Wine."""
    desktop = stage.desktop
    game = stage.play("frames", WITHOUT_PLUGIN="1")
    deeds = everywhere(game)
    deeds["switch mode"] = lambda: game.hears("fullscreen")
    is_as_recorded(game, "windows", deeds)
    is_as_recorded(game, "windows-fullscreen", deeds | {"close": lambda: desktop.close_button(game.window)})


@pytest.mark.desktops("x11")
def test_the_table_of_fullscreen_is_what_it_does(stage: Stage) -> None:
    """A game in fullscreen becomes an icon when its player leaves it."""
    desktop = stage.desktop
    game = stage.play("frames", WITHOUT_PLUGIN="1")
    game.hears("fullscreen")
    game.has_focus(True)
    is_as_recorded(
        game,
        "x11-fullscreen",
        everywhere(game)
        | {
            "show desktop": lambda: desktop.show_desktop(True),
            "hide desktop": lambda: desktop.show_desktop(False),
        },
    )
