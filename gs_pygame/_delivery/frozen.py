"""A frozen game (PyInstaller, Nuitka) is its own interpreter: how it can be a second process of ours."""

from __future__ import annotations

import os
import sys

_program = ""  # Nuitka's sys.executable names a Python that is not there


def allow() -> None:
    """The frozen game has a way in for such a process (`freeze_support`)."""
    global _program
    _program = os.path.abspath(sys.argv[0]) if _by_nuitka() else sys.executable


def is_frozen() -> bool:
    return bool(getattr(sys, "frozen", False)) or _by_nuitka()


def _by_nuitka() -> bool:
    """Nuitka sets no `sys.frozen`, but a global of each module that it compiles."""
    return bool(getattr(globals().get("__compiled__"), "standalone", False))


def program() -> str:
    """What a second process is to run; empty if the frozen game may not be started once more."""
    return _program
