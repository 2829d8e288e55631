"""Starts a process of our own that outlives the game, with nothing of ours in its command line or environment."""

from __future__ import annotations

import os
import subprocess
import sys

from . import _frozen

_SECRETS = ("GS_PYGAME_SECRET", "GS_PYGAME_API_KEY")

# Windows' creation flags (winbase.h); subprocess has names for them on Windows only.
_CREATE_NO_WINDOW = 0x08000000
_CREATE_NEW_PROCESS_GROUP = 0x00000200
_CREATE_BREAKAWAY_FROM_JOB = 0x01000000
_BELOW_NORMAL_PRIORITY_CLASS = 0x00004000


def command(program: str) -> list[str] | None:
    """What runs the Python source `program`, or its frozen counterpart; None if nothing can."""
    executable = sys.executable
    if not executable or not os.path.isfile(executable):
        return None
    if _frozen.is_frozen():
        return [executable, _frozen.ARGUMENT] if _frozen.is_ready() else None
    if not os.path.basename(executable).lower().startswith(("python", "pypy")):
        return None  # Python inside another program, which would be started again
    return [executable, "-c", program]


def spawn(arguments: list[str], folder: str, told: bytes) -> subprocess.Popen[bytes]:
    """Start it with working directory `folder` and `told` on its standard input. Raises OSError."""
    environment = {name: value for name, value in os.environ.items() if name not in _SECRETS}
    environment["PYINSTALLER_RESET_ENVIRONMENT"] = "1"  # else a one-file game lends it the folder that it removes
    if sys.platform == "win32":
        flags = _CREATE_NO_WINDOW | _CREATE_NEW_PROCESS_GROUP | _BELOW_NORMAL_PRIORITY_CLASS
        try:
            process = _popen(arguments, folder, environment, flags | _CREATE_BREAKAWAY_FROM_JOB)
        except OSError:  # the job that the game runs in lets nobody go
            process = _popen(arguments, folder, environment, flags)
    else:
        process = _popen(arguments, folder, environment, 0)
    assert process.stdin is not None
    try:
        process.stdin.write(told)
        process.stdin.close()  # only now: closing flushes, and a broken pipe is the process's end, not ours
    except OSError:
        process.kill()
        raise
    return process


def _popen(arguments: list[str], folder: str, environment: dict[str, str], flags: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        arguments,
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        creationflags=flags,
    )
