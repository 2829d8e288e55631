"""A Wayland desktop without a screen: sway, headless, and a virtual keyboard. Linux, with the tools.

It has no icons: what is hidden lies in its scratchpad. Where SDL asks it to minimise a window, it does not.
"""

from __future__ import annotations

import json
import os
import pwd
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gs_pygame.testing._display import Display, Moment, eventually

USER = "nobody"
"""Who runs sway where root runs the tests: sway refuses to be root."""

KEYBOARD_MS = 3_600_000
"""For how long there is a keyboard, without which no window has the focus. More would overflow in wtype."""

BEHIND = "behind"
"""A window of an application with this name gets no focus by itself."""

CONFIG = f"""
xwayland disable
output * resolution 800x600 position 0 0
seat * fallback true
focus_follows_mouse no
mouse_warping none
for_window [app_id=".*"] floating enable, border none
focus_on_window_activation focus
no_focus [app_id="{BEHIND}"]
"""


class Sway(Display):
    """The same deeds as on X11. Raises OSError without TOOLS."""

    TOOLS = ("sway", "swaymsg", "swaylock", "wtype")
    tells_visibility = False

    def _open(self) -> None:
        home = Path(self._home)
        (home / "config").write_text(CONFIG, "utf-8")
        runtime = home / "runtime"
        runtime.mkdir(mode=0o700)
        other: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam(USER)
            os.chmod(home, 0o711)
            os.chmod(home / "config", 0o644)
            os.chown(runtime, user.pw_uid, user.pw_gid)
            other = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self.environment = self._clean_environment() | {
            "XDG_RUNTIME_DIR": str(runtime),
            "SDL_VIDEODRIVER": "wayland",
            "SWAYSOCK": str(runtime / "sway.sock"),
        }
        headless = {
            "WLR_BACKENDS": "headless",
            "WLR_LIBINPUT_NO_DEVICES": "1",
            "WLR_RENDERER": "pixman",
            "HOME": str(runtime),
        }
        configuration = str(home / "config")
        self._compositor = self._start("sway", "--config", configuration, env=self.environment | headless, **other)
        eventually(lambda: self._ask("swaymsg", "-t", "get_version"), "sway runs")
        (socket,) = (path for path in runtime.glob("wayland-*") if path.suffix != ".lock")
        self.environment["WAYLAND_DISPLAY"] = socket.name
        self.press("Shift_L")

    def _tree(self) -> list[dict[str, Any]]:
        """All windows that sway has, those in its scratchpad too."""

        def windows(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
            if node.get("pid"):
                yield node
            for child in (*node["nodes"], *node["floating_nodes"]):
                yield from windows(child)

        return list(windows(json.loads(self._ask("swaymsg", "-t", "get_tree", "-r"))))

    def window(self, pid: int, title: str | None = None) -> str:
        def found() -> list[str]:
            return [str(each["id"]) for each in self._tree() if each["pid"] == pid and title in (None, each["name"])]

        windows: list[str] = eventually(found, f"process {pid} has a window {title or ''}")
        return windows[0]

    def _tell(self, words: str) -> Moment:
        return self._do("swaymsg", "--", words)

    def activate(self, window: str) -> Moment:
        return self._tell(f"[con_id={window}] focus")

    def minimize(self, window: str) -> Moment:
        return self._tell(f"[con_id={window}] move scratchpad")

    def close_button(self, window: str) -> Moment:
        return self._tell(f"[con_id={window}] kill")

    def show_desktop(self, on: bool) -> Moment:
        return self._tell(f"workspace {'empty' if on else '1'}")

    def fullscreen(self, window: str, on: bool) -> Moment:
        """By the compositor, as a player has it from a key."""
        return self._tell(f"[con_id={window}] fullscreen {'enable' if on else 'disable'}")

    def lock(self) -> Moment:
        """Lock the screen."""
        before = time.time()
        self._lock = self._start("swaylock", "--color", "203040", env=self.environment)
        return Moment(before, time.time())

    def unlock(self) -> Moment:
        before = time.time()
        self._children.remove(self._lock)
        self._lock.kill()
        self._lock.wait()
        return Moment(before, time.time())

    def die(self) -> Moment:
        before = time.time()
        self._compositor.kill()
        self._compositor.wait()
        return Moment(before, time.time())

    def behind(self) -> dict[str, str]:
        return {"SDL_VIDEO_WAYLAND_WMCLASS": BEHIND}

    def press(self, key: str) -> Moment:
        """By a keyboard that stays plugged in: SDL 2.28 crashes in a program that starts after one was unplugged."""
        before = time.time()
        with tempfile.TemporaryFile(dir=self._home) as said:
            self._start(
                *("wtype", "-k", key, "-s", str(KEYBOARD_MS), "-k", key),
                env={**self.environment, "WAYLAND_DEBUG": "1"},
                stderr=said,
            )
            eventually(lambda: os.pread(said.fileno(), 1 << 16, 0).count(b".key(") == 2, "it is pressed and released")
        return Moment(before, time.time())

    def is_active(self, window: str) -> bool:
        return any(each["focused"] and str(each["id"]) == window for each in self._tree())
