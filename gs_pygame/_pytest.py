"""The pytest plugin: fixtures for a game's own tests. It is loaded by every pytest run, so it imports only when asked.

- `gs_player`: a `testing.Player`; `gs_pygame.install(...)` makes plugins for it, whose files lie in a temporary folder
- `gs_clock`: its `FakeClock`
- `gs_destination`: its `FakeDestination`
- `gs_fault_server`: a `FaultServer`, real HTTP that fails as it is told

With the marker `gs_window`, `gs_player` plays in a real window on a virtual display (Linux with Xvfb, openbox, wmctrl
and xdotool; else the test is skipped).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .testing import FakeClock, FakeDestination, FaultServer, Player
    from .testing._display import Display

_OURS = ("GS_PYGAME_", "DO_NOT_TRACK")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "gs_window: gs_player plays in a real window (Xvfb, openbox, wmctrl, xdotool); skipped without"
    )


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """What was seen instead of the ends that were expected."""
    kit = sys.modules.get(f"{__package__}.testing._ended")
    if kit is None or op != "==" or not (isinstance(left, list) and isinstance(right, list)):
        return None
    return kit.compared(left, right)  # type: ignore[no-any-return]


@pytest.fixture
def gs_player(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Player]:
    """A player of the game. Settings of gs_pygame in the environment stay out; pygame is quit afterwards if it was not
    initialised before.
    """
    for name in [name for name in os.environ if name.startswith(_OURS)]:
        monkeypatch.delenv(name)
    video = "dummy"
    window = None
    if request.node.get_closest_marker("gs_window"):
        from .testing._window import RealWindow

        display = request.getfixturevalue("gs_display")
        window = RealWindow(display)
        monkeypatch.setenv("DISPLAY", display.environment["DISPLAY"])
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        video = "x11"
    for name in ("SDL_VIDEODRIVER", "SDL_VIDEO_DRIVER"):  # SDL 2's, SDL 3's
        monkeypatch.setenv(name, video)
    for name in ("SDL_AUDIODRIVER", "SDL_AUDIO_DRIVER"):
        monkeypatch.setenv(name, "dummy")

    import pygame

    from .testing import game

    if window and pygame.display.get_init():
        pygame.display.quit()  # it has another driver
    was_initialised = pygame.get_init()
    try:
        with game(tmp_path / "gs_pygame", window=window) as player:
            yield player
    finally:
        if window:
            pygame.display.quit()
        if not was_initialised:
            pygame.quit()


@pytest.fixture
def gs_clock(gs_player: Player) -> FakeClock:
    """The clock by which `gs_player` is played."""
    return gs_player.clock


@pytest.fixture
def gs_destination(gs_player: Player) -> FakeDestination:
    """Where the ends of `gs_player`'s sessions are delivered to; offline or failing as it is told."""
    return gs_player.destination


@pytest.fixture
def gs_fault_server() -> Iterator[FaultServer]:
    """An HTTP server on loopback that answers each request as it is told."""
    from .testing import FaultServer

    with FaultServer() as server:
        yield server


@pytest.fixture(scope="session")
def gs_display() -> Iterator[Display]:
    """The virtual display of all tests with the marker `gs_window`."""
    from .testing._display import Display

    missing = Display.missing_tools()
    if missing:
        pytest.skip(f"a real window needs {', '.join(missing)}, which are not installed")
    display = Display()
    yield display
    display.close()
