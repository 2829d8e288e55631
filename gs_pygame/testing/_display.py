"""A virtual display with a window manager, for games in real windows without a screen. Linux, with the tools there."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

DEADLINE = 20.0
"""Seconds that something may take which is sure to happen; only a broken test waits this long."""

_ELSEWHERE = """
import pygame
pygame.display.init()
pygame.display.set_mode((120, 90))
pygame.display.set_caption("elsewhere")
while pygame.event.wait().type != pygame.QUIT:
    pass
"""


def eventually(is_so: Callable[[], Any], what: str, timeout: float = DEADLINE) -> Any:
    """Wait until `is_so()` is true; its value. Raises AssertionError with `what` after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        value = is_so()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(f"did not happen within {timeout:g} s: {what}")
        time.sleep(0.02)


@dataclass(frozen=True)
class Moment:
    """When something was done, as the test's own wall clock saw it: somewhere between `before` and `after`."""

    before: float
    after: float

    def off(self, wall: float) -> float:
        """How far `wall` lies outside."""
        return min(0.0, wall - self.before) or max(0.0, wall - self.after)


class Display:
    """A virtual display with a window manager, and a window that is not the game's. Raises OSError without TOOLS.

    `environment`: what a game needs to be played on it.
    """

    TOOLS: tuple[str, ...] = ("Xvfb", "openbox", "wmctrl", "xdotool")

    window_manager: tuple[str, ...] = ("openbox", "--sm-disable")
    python: tuple[str, ...] = (sys.executable,)
    """What runs a game's script there."""

    is_posix = True
    """Whether its games can fork, and have POSIX signals."""

    tells_visibility = True
    """Whether a window is told that it cannot be seen."""

    @classmethod
    def missing_tools(cls) -> list[str]:
        """Which of TOOLS are not installed."""
        return [tool for tool in cls.TOOLS if shutil.which(tool) is None]

    def __init__(self) -> None:
        self._home = tempfile.mkdtemp(prefix="gs_pygame-window-")
        self._children: list[subprocess.Popen[Any]] = []
        try:
            self._open()
            elsewhere = self._start(sys.executable, "-c", _ELSEWHERE, env=self.environment)
            self._elsewhere = self.window(elsewhere.pid, "elsewhere")  # SDL may have another one at first
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        reading, writing = os.pipe()
        self._start(
            "Xvfb", "-displayfd", str(writing), "-screen", "0", "800x600x24", "-noreset", "-nolisten", "tcp",
            env={**os.environ}, pass_fds=(writing,),
        )  # fmt: skip
        os.close(writing)
        number = b""
        try:
            while not number.endswith(b"\n"):  # it comes in two pieces, and Xvfb fails if it is not taken whole
                readable, _, _ = select.select([reading], [], [], DEADLINE)
                piece = os.read(reading, 32) if readable else b""
                if not piece:
                    raise OSError("Xvfb did not start")
                number += piece
        finally:
            os.close(reading)
        self.environment = self._clean_environment() | {
            "DISPLAY": f":{number.decode().strip()}",
            "SDL_VIDEODRIVER": "x11",
        }
        self._start(*self.window_manager, env=self.environment)
        eventually(lambda: "Name:" in self._ask("wmctrl", "-m"), f"{self.window_manager[0]} runs")
        self._ask("xdotool", "mousemove", "799", "599")  # out of the way of the windows

    def _clean_environment(self) -> dict[str, str]:
        """Of a game on no display yet: the player's own settings, and their display, stay out of this."""
        apart = ("DISPLAY", "WAYLAND_DISPLAY", "DO_NOT_TRACK", "PYTHONSAFEPATH")
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name not in apart and not name.startswith(("GS_PYGAME", "SDL_", "XDG_"))
        }
        return {
            **inherited,
            "HOME": self._home,
            "SDL_AUDIODRIVER": "dummy",
            "PYGAME_HIDE_SUPPORT_PROMPT": "1",
            "PYTHONUNBUFFERED": "1",
            "NO_PROXY": "127.0.0.1",
        }

    def _start(self, *command: str, **options: Any) -> subprocess.Popen[Any]:
        child = subprocess.Popen(command, **{"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **options})
        self._children.append(child)
        return child

    def _ask(self, *command: str) -> str:
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=DEADLINE, check=False
        ).stdout

    def _do(self, *command: str) -> Moment:
        before = time.time()
        subprocess.run(command, env=self.environment, capture_output=True, timeout=DEADLINE, check=True)
        return Moment(before, time.time())

    def close(self) -> None:
        """The last started goes first."""
        for child in reversed(self._children):
            child.terminate()
            try:
                child.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        shutil.rmtree(self._home, ignore_errors=True)

    def is_whole(self) -> bool:
        """Whether all that makes it is still there."""
        return all(child.poll() is None for child in self._children)

    def window(self, pid: int, title: str | None = None) -> str:
        """The window of a process: its only one, or the one with this title."""

        def found() -> list[str]:
            rows = [row.split(maxsplit=4) for row in self._ask("wmctrl", "-l", "-p").splitlines()]
            return [row[0] for row in rows if row[2] == str(pid) and title in (None, *row[4:])]

        windows: list[str] = eventually(found, f"process {pid} has a window {title or ''}")
        return windows[0]

    # What a player does

    def activate(self, window: str) -> Moment:
        """Go to this window: out of an icon, too."""
        return self._do("xdotool", "windowactivate", window)

    def go_elsewhere(self) -> Moment:
        """Go to a window that is not the game's."""
        return self.activate(self._elsewhere)

    def minimize(self, window: str) -> Moment:
        return self._do("xdotool", "windowminimize", window)

    def close_button(self, window: str) -> Moment:
        return self._do("wmctrl", "-i", "-c", window)

    def show_desktop(self, on: bool) -> Moment:
        return self._do("wmctrl", "-k", "on" if on else "off")

    def behind(self) -> dict[str, str]:
        """What makes the window of a game one that gets no focus by itself."""
        return {"SDL_X11_WINDOW_TYPE": "_NET_WM_WINDOW_TYPE_DOCK"}

    def press(self, key: str) -> Moment:
        return self._do("xdotool", "key", key)

    def is_active(self, window: str) -> bool:
        """What the window manager says, which may be a moment before the game knows."""
        active = self._ask("xdotool", "getactivewindow").strip()
        return active != "" and int(active) == int(window, 16)
