"""What the adapter makes of a window, and of the time that the game spends: a moved clock, and probes that are told."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pygame
import pytest
from core_kit import run

from gs_pygame import SessionPlugin, Settings
from gs_pygame._player import sight, window
from gs_pygame.testing import FakeClock, FakeDestination

GRACE = 30.0
FRAME = 0.1


class Game:
    """A game that is played by hand, with the plugin's own clock and probes."""

    def __init__(self, folder: Path, background_on: Any = "focus", focused: bool = True, visible: bool = True) -> None:
        self.clock = FakeClock()
        self.destination = FakeDestination()
        self.focused = focused
        self.visible = visible
        self.plugin = SessionPlugin(
            Settings(data_dir=folder, background_grace=GRACE, background_on=background_on),
            self.destination,
            self.clock,
            focused=self._is_focused,
            visible=lambda: self.visible,
        )

    def _is_focused(self) -> bool:
        if not pygame.display.get_init():
            raise pygame.error("video system not initialized")
        return self.focused

    def play(self, seconds: float, threads: bool = True) -> None:
        """Frames; without `threads` the plugin's have no turn."""
        for _ in range(round(seconds / FRAME)):
            (self.clock.advance if threads else self.clock.hold)(FRAME)
            pygame.event.get()
            pygame.display.flip()

    @property
    def active(self) -> float:
        session = self.plugin.session
        assert session is not None
        return round(session.active, 1)

    @property
    def state(self) -> str | None:
        return self.plugin.session.state if self.plugin.session else None


@pytest.fixture
def game(tmp_path: Path, screen: None) -> Iterator[Callable[..., Game]]:
    made: list[Game] = []

    def make(**given: Any) -> Game:
        made.append(Game(tmp_path / "data", **given))
        return made[-1]

    yield make
    for one in made:
        one.plugin.close()


# Time


def test_green_threads(game: Callable[..., Game]) -> None:
    """No thread of the plugin ever has a turn, as under gevent, and the game uses hardly any processor time: its own
    calls are the pulse, and a kill costs no more than two heartbeats."""
    player = game()
    player.clock._moved = lambda seconds, moved=player.clock._moved: SimpleNamespace(  # type: ignore[misc, assignment]
        **{name: getattr(moved(seconds), name) for name in ("wall", "active", "elapsed")}, worked=0.0
    )
    player.play(12, threads=False)
    assert (player.state, player.active) == ("active", 12.0)
    engine = player.plugin._engine
    assert engine is not None
    assert engine._storage.run_file is not None
    assert engine._keeper._beaten is not None
    assert 12.0 - engine._keeper._beaten[1].active <= 1.7


def test_a_grace_runs_out_without_threads(game: Callable[..., Game]) -> None:
    """The end is written down by the game's own call."""
    player = game()
    player.play(5)
    player.focused = False
    player.play(GRACE + 3, threads=False)
    status = player.plugin.status()
    assert (player.plugin.session, status.ready, status.waiting) == (None, 1, 0)


@pytest.mark.parametrize(("holds", "state"), [(True, "active"), (False, "away")])
def test_a_title_bar_is_held(
    game: Callable[..., Game], monkeypatch: pytest.MonkeyPatch, holds: bool, state: str
) -> None:
    """Ten seconds inside one call of pygame, without work: play where the system holds a game so, else a stop."""
    monkeypatch.setattr(window, "HOLDS_THE_GAME", holds)
    states: list[str | None] = []
    player: Game

    def pump() -> None:
        if states:
            player.clock.stop(10.0)
            player.clock.advance(0.0)  # the keeper wakes up first
            states.append(player.state)

    monkeypatch.setattr(pygame.event, "pump", pump)
    player = game()
    player.play(5)
    states.append("drag")
    pygame.event.pump()
    assert states == ["drag", state]
    player.play(1)
    assert player.active == pytest.approx(16.0 if holds else 6.0, abs=0.9)


def test_a_held_call_that_raises(game: Callable[..., Game], monkeypatch: pytest.MonkeyPatch) -> None:
    """The game is out of it again: a later stop is one."""
    monkeypatch.setattr(window, "HOLDS_THE_GAME", True)
    player = game()
    with pytest.raises(TypeError):
        pygame.event.get(1, 2, 3, 4, 5)
    player.play(5)
    player.clock.stop(20)
    player.clock.advance(0.0)
    assert player.state == "away"


# The window


def test_the_display_is_quit(game: Callable[..., Game]) -> None:
    """Away from that moment, though no call of the game says so later; a new window brings the player back."""
    player = game()
    player.play(2)
    pygame.display.quit()
    player.clock.advance(6)
    assert (player.state, player.active) == ("away", 2.0)
    pygame.display.set_mode((64, 64))
    player.play(3)
    assert (player.state, player.active) == ("active", 4.9)  # it was back when a call found it there
    pygame.display.quit()
    player.clock.advance(GRACE + 1)
    player.clock.advance(1)
    (end,) = player.destination.ends
    assert (end.reason, round(end.active, 1), round(end.wall, 1)) == ("background", 4.9, 11.0)


def test_the_display_is_gone(game: Callable[..., Game]) -> None:
    """By a way that no hook sees: away when the next look finds it so. Without a display at first: no leaving."""
    pygame.display.quit()
    player = game()
    player.plugin.update()
    assert player.state == "active"
    pygame.display.set_mode((64, 64))
    player.play(2)
    pygame.display.quit.__wrapped__()  # type: ignore[attr-defined]
    player.plugin.update()
    assert player.state == "away"


def test_started_behind_another_window(game: Callable[..., Game]) -> None:
    """The session runs and counts; once the focus is seen, the time without it is no play."""
    player = game(focused=False)
    player.play(5)
    assert (player.state, player.active) == ("active", 5.0)
    player.focused = True
    player.play(10)
    assert (player.state, player.active) == ("active", 10.0)  # a frame at the start, and all but one now


def test_a_screen_that_loads_before_its_first_events(game: Callable[..., Game]) -> None:
    """Frames are drawn, and no events asked for: SDL has not heard of the focus yet, and the load is play."""
    player = game(focused=False)
    for _ in range(50):
        player.clock.advance(FRAME)
        pygame.display.flip()
    player.focused = True
    player.play(5)
    assert player.active == 10.0


def test_a_focus_that_is_never_seen(game: Callable[..., Game]) -> None:
    """A seat without a keyboard: the game that goes on is played; what its events say decides."""
    player = game(focused=False)
    player.play(100)
    assert (player.state, player.active) == ("active", 100.0)
    pygame.event.post(pygame.event.Event(pygame.WINDOWMINIMIZED))
    player.play(1)
    assert player.state == "away"


# background_on="minimize"


class OneWindow:
    """A `pygame.Window`, as far as events show it."""

    def __init__(self, number: int) -> None:
        self.number: int | None = number

    @property
    def id(self) -> int:
        if self.number is None:
            raise pygame.error("Invalid window")
        return self.number


def hear(player: Game, shown: OneWindow | None, *names: str, focused: bool | None = None) -> None:
    for name in names:
        event = SimpleNamespace(type=getattr(pygame, f"WINDOW{name}"), window=shown)
        player.plugin._adapter.after_event(event)
    player.focused = player.focused if focused is None else focused
    player.play(0.2)


@pytest.fixture
def seen(game: Callable[..., Game]) -> Game:
    """A game that never calls set_mode, with the plugin told of no window yet."""
    player = game(background_on="minimize", visible=False)
    player.play(0.2)
    return player


def test_a_window_without_set_mode(seen: Game) -> None:
    """`get_active()` is never True: the window's own events say whether it can be seen."""
    one = OneWindow(1)
    hear(seen, one, "SHOWN", "FOCUSGAINED")
    hear(seen, one, "FOCUSLOST", focused=False)
    assert seen.state == "active"
    hear(seen, one, "HIDDEN", "MINIMIZED")
    assert seen.state == "away"
    hear(seen, one, "RESTORED", "SHOWN")
    assert seen.state == "active"


def test_two_windows(seen: Game) -> None:
    """Away only when neither can be seen."""
    one, other = OneWindow(1), OneWindow(2)
    hear(seen, one, "SHOWN", "FOCUSGAINED")
    hear(seen, other, "SHOWN")
    hear(seen, one, "HIDDEN", "MINIMIZED", "FOCUSLOST", focused=False)
    assert seen.state == "active"
    hear(seen, other, "HIDDEN", "MINIMIZED")
    assert seen.state == "away"


@pytest.mark.parametrize("had_focus", [True, False])
def test_a_tool_window_is_destroyed(seen: Game, had_focus: bool) -> None:
    """It says so without its name, with or without the focus; the other one, minimised, is then the last."""
    one, tool = OneWindow(1), OneWindow(2)
    hear(seen, one, "SHOWN", "FOCUSGAINED")
    hear(seen, tool, "SHOWN")
    if had_focus:
        hear(seen, one, "FOCUSLOST")
        hear(seen, tool, "FOCUSGAINED")
    tool.number = None
    hear(seen, None, "HIDDEN")
    if had_focus:
        hear(seen, None, "FOCUSLOST")
        hear(seen, one, "FOCUSGAINED")
    hear(seen, one, "FOCUSLOST", focused=False)
    assert seen.state == "active"
    hear(seen, one, "HIDDEN", "MINIMIZED")
    assert seen.state == "away"


def test_what_cannot_be_known_the_focus_decides(seen: Game) -> None:
    """The events that would tell are blocked."""
    hear(seen, OneWindow(1), "SHOWN", "FOCUSGAINED")
    pygame.event.set_blocked([pygame.WINDOWMINIMIZED, pygame.WINDOWHIDDEN])
    seen.focused = False
    seen.play(0.2)
    pygame.event.set_allowed([pygame.WINDOWMINIMIZED, pygame.WINDOWHIDDEN])
    assert seen.state == "away"


@pytest.mark.parametrize(
    ("driver", "wayland", "state"), [("x11", "", "active"), ("x11", "wayland-0", "away"), ("wayland", "", "away")]
)
def test_wayland_does_not_tell_what_is_seen(
    game: Callable[..., Game], monkeypatch: pytest.MonkeyPatch, driver: str, wayland: str, state: str
) -> None:
    """`get_active()` is True in a scratchpad and on another workspace, for a game of X11 in Wayland, too."""
    monkeypatch.setattr(pygame.display, "get_driver", lambda: driver)
    monkeypatch.setenv("WAYLAND_DISPLAY", wayland)
    player = game(background_on="minimize")
    player.play(1)
    player.focused = False
    player.play(1)
    assert player.state == state


# A compositor that dies


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="Wayland is a Unix socket")
def test_the_compositor_has_died(game: Callable[..., Game], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """SDL sends one QUIT and says for ever that the window has the focus: a game that refuses it is left all the same.
    While the compositor lives, a refused QUIT is one."""
    monkeypatch.chdir(tmp_path)  # a socket's path is short
    monkeypatch.setenv("XDG_RUNTIME_DIR", ".")
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-7")
    monkeypatch.setattr(pygame.display, "get_driver", lambda: "wayland")
    compositor = socket.socket(socket.AF_UNIX)
    compositor.bind("wayland-7")
    compositor.listen()
    player = game()
    player.play(2)
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    player.play(3)
    assert (player.state, player.active) == ("active", 5.0)
    compositor.close()
    assert os.path.exists("wayland-7")  # as SIGKILL leaves it
    assert sight.has_lost_its_compositor()
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    player.play(GRACE + 2)
    player.play(1)
    assert player.plugin.session is None
    (end,) = player.destination.ends
    assert (end.reason, round(end.active, 1)) == ("quit", 5.1)


def test_a_display_that_comes_back_where_no_focus_is_seen(tmp_path: Path, screen: None) -> None:
    """pygame.quit(), pygame.init() and a new window: after the second of play that takes back a quit the player is
    there again, each time."""
    script = """
import sys, time
import pygame
import gs_pygame
plugin = gs_pygame.install(endpoint="http://127.0.0.1:9", data_dir=sys.argv[1], exit_delivery="next-start")
for _ in range(3):
    pygame.init()
    pygame.display.set_mode((8, 8))
    until = time.monotonic() + 30
    while plugin.session.state != "active" and time.monotonic() < until:
        pygame.event.get()
    print(plugin.session.state)
    pygame.quit()
    print(plugin.session.state)
"""
    done = run(script, tmp_path / "data")
    assert (done.stdout.split()[-6:], done.stderr) == (["active", "away"] * 3, "")
