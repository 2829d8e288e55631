"""What each system tells a game when its player does something: pure data.

X11, Wayland and Windows are as recorded with pygame 2.6.1 and pygame-ce 2.5.8, which tell the same (pygame-ce now and
then one event twice), and a test plays them again; Windows builds under Wine, which is not Windows. macOS is written
from pygame's and SDL's issue trackers: see `Desktop.recorded_on`.
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
    """One system. `recorded_on`: where this was seen; empty if it is written from issue trackers."""

    recorded_on: str
    deeds: Mapping[Deed, tuple[Beat, ...]]


_LOST = Beat(("WINDOWFOCUSLOST",), focused=False)
_GAINED = Beat(("WINDOWFOCUSGAINED", "WINDOWTAKEFOCUS"), focused=True, visible=True)
_BACK = Beat(("WINDOWFOCUSGAINED",), focused=True, visible=True)
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

_OUT_OF_THE_ICON = Beat(("WINDOWRESTORED", "WINDOWFOCUSGAINED"), focused=True, visible=True)

_WINDOWS: dict[Deed, tuple[Beat, ...]] = {
    **_COMMON,
    "return": (_BACK,),
    "minimise": (Beat(("WINDOWFOCUSLOST", "WINDOWMINIMIZED"), focused=False, visible=False),),
    "restore": (_OUT_OF_THE_ICON,),
    # These two are from the issue trackers: Wine leaves them to the window manager.
    "show desktop": (_ICON,),
    "hide desktop": (Beat(("WINDOWRESTORED",), focused=True, visible=True),),  # FOCUSGAINED may be missing
    "switch mode": (  # all at once, when it is over
        Beat(
            ("WINDOWSHOWN", "WINDOWMINIMIZED", "WINDOWFOCUSLOST", "WINDOWFOCUSGAINED", "WINDOWHIDDEN"),
            focused=True,
            visible=True,
        ),
    ),
}

_WINDOWS_FULLSCREEN: dict[Deed, tuple[Beat, ...]] = {
    **_WINDOWS,
    "leave": (Beat(("WINDOWMINIMIZED", "WINDOWFOCUSLOST", "WINDOWLEAVE"), focused=False, visible=False),),
    "return": (_OUT_OF_THE_ICON,),
    "minimise": (_ICON,),
    "switch mode": (),
}

_WINE = "Windows builds under Wine 8.0"

_OPENBOX = "openbox 3.6 under Xvfb"

_ICEWM: dict[Deed, tuple[Beat, ...]] = {
    **_X11,
    "show desktop": _X11["minimise"],
    "hide desktop": _X11["restore"],
}

_I3: dict[Deed, tuple[Beat, ...]] = {
    **_COMMON,
    "return": (_BACK,),
    "minimise": (_LOST,),  # into the scratchpad: it has no icons
    "restore": (_BACK,),
    "show desktop": (_LOST,),  # a workspace that is empty
    "hide desktop": (_BACK,),
    "switch mode": (),  # not recorded: toggle_fullscreen() never returns there, nor does it without the plugin
}

_AN_ICON_LATER = Beat(("WINDOWFOCUSLOST",), focused=False, after=_SWITCH)
_IN_IT_LATER = (
    Beat(("WINDOWRESTORED", "WINDOWSHOWN", "WINDOWTAKEFOCUS"), visible=True),
    Beat(("WINDOWFOCUSGAINED",), focused=True, after=_SWITCH),
)

_X11_FULLSCREEN: dict[Deed, tuple[Beat, ...]] = {
    **_X11,
    "leave": (
        Beat(("WINDOWFOCUSLOST", "WINDOWLEAVE", "WINDOWHIDDEN", "WINDOWMINIMIZED"), focused=False, visible=False),
    ),
    "return": _IN_IT_LATER,
    "minimise": (Beat(("WINDOWHIDDEN", "WINDOWMINIMIZED", "WINDOWLEAVE"), visible=False), _AN_ICON_LATER),
    "restore": _IN_IT_LATER,
    "show desktop": (
        Beat(("WINDOWFOCUSLOST", "WINDOWLEAVE", "WINDOWHIDDEN", "WINDOWMINIMIZED"), focused=False, visible=False),
    ),
    "hide desktop": (),  # it stays an icon
}

_WAYLAND: dict[Deed, tuple[Beat, ...]] = {
    **_COMMON,
    "return": (_BACK,),
    "minimise": (_LOST,),  # hidden, or on another workspace: nothing tells that a window cannot be seen
    "restore": (_BACK,),
    "show desktop": (_LOST,),
    "hide desktop": (_BACK,),
    "switch mode": (  # by set_mode(); toggle_fullscreen() does nothing there
        Beat(
            ("WINDOWFOCUSLOST", "WINDOWHIDDEN", "WINDOWSHOWN", "WINDOWFOCUSGAINED"),
            focused=True,
            visible=True,
        ),
    ),
}

DESKTOPS: Mapping[str, Desktop] = {
    "x11": Desktop(_OPENBOX, _X11),
    "x11-fullscreen": Desktop(_OPENBOX, _X11_FULLSCREEN),
    "x11-icewm": Desktop("icewm 3.3 under Xvfb", _ICEWM),
    "x11-i3": Desktop("i3 4.22 under Xvfb", _I3),
    "windows": Desktop(_WINE, _WINDOWS),
    "windows-fullscreen": Desktop(_WINE, _WINDOWS_FULLSCREEN),
    "macos": Desktop(
        "",
        {
            **_COMMON,
            "minimise": (_ICON,),
            "restore": (_OUT_OF_THE_ICON,),
            "show desktop": (_LOST,),
            "hide desktop": (_GAINED,),
            "close": (Beat(("QUIT",)),),  # Cmd-Q
        },
    ),
    "wayland": Desktop("sway 1.7, headless", _WAYLAND),
}
"""The systems that `gs_player.desktop` may name."""
