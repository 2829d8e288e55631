"""What a game gets to see: the same with the plugin as without it."""

from __future__ import annotations

import time
from collections import Counter
from itertools import groupby, product

import pytest
from window_kit import GRACE, Game, Stage

pytestmark = pytest.mark.window

PLAYS = 3


def through_everything(stage: Stage, kind: str, **environment: str) -> Game:
    """One player's doings, from the first frame to the close button."""
    game = stage.play(*kind.split(), **environment)
    doings = [
        game.lose_focus,
        game.take_focus,
        game.minimize,
        game.take_focus,
        lambda: stage.desktop.press("space"),
    ]
    if kind == "frames":
        doings += [lambda: game.hears("fullscreen"), lambda: game.hears("fullscreen"), lambda: game.hears("refuse 1")]
    doings += [lambda: stage.desktop.close_button(game.window) and game.expect("refused"), lambda: time.sleep(GRACE)]
    for do in doings:
        game.settles()
        do()
    game.close()
    return game


@pytest.mark.parametrize("kind", ["frames", "waiting --refuse", "waiting --blocked --refuse"])
def test_same_events_and_exit(stage: Stage, kind: str) -> None:
    """Focus, icon, fullscreen, keys, quits: a game with the plugin gets the events that it gets without.

    Now and then the window manager is in another mind (it gives the focus before a change to fullscreen is over, or
    after it), with either: then both are played again, until one play of each has gone the same way.
    """
    plains, watcheds = [], []
    for played in range(1, PLAYS + 1):
        plains.append(through_everything(stage, kind, WITHOUT_PLUGIN="1"))
        stage.server.wait_for(played - 1)
        watcheds.append(through_everything(stage, kind))
        stage.server.wait_for(played)
        alike = [pair for pair in product(plains, watcheds) if in_order(pair[0]) == in_order(pair[1])]
        if alike:
            break
    assert alike, [in_order(game) for game in (plains[-1], watcheds[-1])]
    plain, watched = alike[0]
    assert Counter(watched.said)["event WindowTakeFocus"] == Counter(plain.said)["event WindowTakeFocus"]
    assert {"event KeyDown", "event Quit"} <= set(watched.said)
    assert (watched.wait(), plain.wait()) == (0, 0)


def in_order(game: Game) -> list[str]:
    """The types of its events; repeats in a row as one, since how often a window is redrawn is chance.

    So is where among the events of a change to fullscreen the window manager offers the focus.
    """
    events = (text for text in game.said if text.startswith("event") and text != "event WindowTakeFocus")
    return [event for event, _ in groupby(events)]
