"""What each system tells a game when its player does something: pure data.

X11 is as recorded (openbox under Xvfb, with pygame 2.6.1 and pygame-ce 2.5.8; in fullscreen pygame's order: pygame-ce
keeps a fullscreen window on the screen when it loses the focus). Windows, macOS and Wayland are written from pygame's
and SDL's issue trackers, and have not been recorded: see `Desktop.recorded`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Deed = Literal[
    "leave", "minimise", "return", "restore", "show desktop", "hide desktop", "switch mode", "interrupt", "close"
]


@dataclass(frozen=True, slots=True)
class Beat:
    """Events of one moment, by pygame's names, and how things stand after it; None: as before.

    `after`: seconds since the beat before it, or since the deed.
    """

    events: tuple[str, ...]
    focused: bool | None = None
    visible: bool | None = None
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class Desktop:
    """One system. `recorded`: seen on such a system, rather than written from issue trackers."""

    recorded: bool
    deeds: Mapping[Deed, tuple[Beat, ...]]


_LOST = Beat(("WINDOWFOCUSLOST",), focused=False)
_GAINED = Beat(("WINDOWFOCUSGAINED", "WINDOWTAKEFOCUS"), focused=True, visible=True)
_FLAP = 0.003  # seconds
_SWITCH = 0.2  # seconds

_COMMON: dict[Deed, tuple[Beat, ...]] = {
    "leave": (_LOST,),
    "return": (_GAINED,),
    "interrupt": (
        _LOST,
        Beat(("WINDOWFOCUSGAINED",), focused=True, after=_FLAP),
        Beat(("WINDOWFOCUSLOST",), focused=False, after=_FLAP),
    ),
    "switch mode": (
        Beat(("WINDOWHIDDEN", "WINDOWFOCUSLOST"), focused=False, visible=False),
        Beat(("WINDOWSHOWN", "WINDOWFOCUSGAINED"), focused=True, visible=True, after=_SWITCH),
    ),
    "close": (Beat(("WINDOWCLOSE", "QUIT")),),
}

_X11: dict[Deed, tuple[Beat, ...]] = {
    **_COMMON,
    "minimise": (Beat(("WINDOWHIDDEN", "WINDOWMINIMIZED", "WINDOWFOCUSLOST"), focused=False, visible=False),),
    "restore": (
        Beat(
            ("WINDOWRESTORED", "WINDOWSHOWN", "WINDOWFOCUSGAINED", "WINDOWTAKEFOCUS"),
            focused=True,
            visible=True,
        ),
    ),
    "show desktop": (Beat(("WINDOWFOCUSLOST", "WINDOWHIDDEN", "WINDOWMINIMIZED"), focused=False, visible=False),),
    "hide desktop": (Beat(("WINDOWRESTORED", "WINDOWSHOWN"), visible=True),),  # without focus, until it is clicked
}

_ICON = Beat(("WINDOWMINIMIZED", "WINDOWFOCUSLOST"), focused=False, visible=False)

_WINDOWS: dict[Deed, tuple[Beat, ...]] = {
    **_COMMON,
    "minimise": (_ICON,),
    "restore": (Beat(("WINDOWRESTORED", "WINDOWFOCUSGAINED"), focused=True, visible=True),),
    "show desktop": (_ICON,),
    "hide desktop": (Beat(("WINDOWRESTORED",), focused=True, visible=True),),  # FOCUSGAINED may be missing
}

DESKTOPS: Mapping[str, Desktop] = {
    "x11": Desktop(True, _X11),
    "x11-fullscreen": Desktop(
        True,
        {
            **_X11,
            "leave": (
                Beat(
                    ("WINDOWFOCUSLOST", "WINDOWLEAVE", "WINDOWHIDDEN", "WINDOWMINIMIZED"), focused=False, visible=False
                ),
            ),
            "hide desktop": (),  # it stays an icon
        },
    ),
    "windows": Desktop(False, _WINDOWS),
    "windows-fullscreen": Desktop(False, {**_WINDOWS, "leave": (_ICON,)}),
    "macos": Desktop(
        False,
        {
            **_COMMON,
            "minimise": (_ICON,),
            "restore": (Beat(("WINDOWRESTORED", "WINDOWFOCUSGAINED"), focused=True, visible=True),),
            "show desktop": (_LOST,),
            "hide desktop": (_GAINED,),
            "close": (Beat(("QUIT",)),),  # Cmd-Q
        },
    ),
    "wayland": Desktop(
        False,
        {
            **_COMMON,
            "minimise": (_LOST,),  # no minimise is ever reported
            "restore": (_GAINED,),
            "show desktop": (_LOST,),
            "hide desktop": (_GAINED,),
        },
    ),
}
"""The systems that `gs_player.desktop` may name: x11, x11-fullscreen, windows, windows-fullscreen, macos, wayland."""
