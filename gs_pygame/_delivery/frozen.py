"""A frozen game (PyInstaller, Nuitka) is its own interpreter: how it can be a second process of ours."""

from __future__ import annotations

import os
import sys

ARGUMENT = "--gs-pygame-"
"""With its task's name, all that stands in the command line of such a process; the rest comes on standard input."""

_ready = False
_program = ""  # Nuitka's sys.executable names a Python that is not there


def freeze_support() -> None:
    """Call this first thing in a game that is to be frozen, before pygame is imported.

    To send outside the game's frames, and after its exit, a frozen game is started once more, and this call is where
    that second process does its work and ends, instead of opening a second window. Without this call a thread of the
    game sends, and the next start delivers what the exit left. Without effect in a game that is not frozen.
    """
    global _ready, _program
    if not is_frozen():
        return
    _ready = True
    _program = os.path.abspath(sys.argv[0])
    if len(sys.argv) == 2 and sys.argv[1].startswith(ARGUMENT):
        from .._tasks import become

        become(sys.argv[1].removeprefix(ARGUMENT))


def is_frozen() -> bool:
    return bool(getattr(sys, "frozen", False)) or _by_nuitka()


def _by_nuitka() -> bool:
    """Nuitka sets no `sys.frozen`, but a global of each module that it compiles."""
    return bool(getattr(globals().get("__compiled__"), "standalone", False))


def executable() -> str:
    """What a second process is to run."""
    return _program if _by_nuitka() else sys.executable


def is_ready() -> bool:
    """Whether the frozen game may be started as such a process."""
    return _ready
