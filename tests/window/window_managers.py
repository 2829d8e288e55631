"""X11 under other window managers than openbox: the kit's tables of them are held against them."""

from __future__ import annotations

from pathlib import Path

from gs_pygame.testing._display import Display, Moment

FLOATING = 'for_window [class=".*"] floating enable\n'
"""A game keeps its size; without a configuration, i3 asks a question at its first start."""


class IceWM(Display):
    """Raises OSError without TOOLS."""

    TOOLS = (*Display.TOOLS, "icewm")
    window_manager = ("icewm",)


class I3(Display):
    """It has no icons, but a scratchpad, and no "show desktop", but a workspace that is empty. Raises OSError without
    TOOLS."""

    TOOLS = (*Display.TOOLS, "i3", "i3-msg")

    def _open(self) -> None:
        configuration = Path(self._home, "i3.conf")
        configuration.write_text(FLOATING, "utf-8")
        self.window_manager = ("i3", "-c", str(configuration))
        super()._open()

    def minimize(self, window: str) -> Moment:
        return self._do("i3-msg", f"[id={int(window, 16)}] move scratchpad")

    def show_desktop(self, on: bool) -> Moment:
        return self._do("i3-msg", f"workspace {'empty' if on else '1'}")
