"""Starts a process of our own that outlives the game, with nothing of ours in its command line or environment."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

from . import _frozen

PIPE_SIZE = 4096
"""Bytes that a pipe takes at once wherever there are pipes (the least that Linux, macOS and Windows give one)."""

_OURS = "GS_PYGAME_"  # what the environment says to the game, secrets among it, is not for the process

# Windows' creation flags (winbase.h); subprocess has names for them on Windows only.
_CREATE_NO_WINDOW = 0x08000000
_CREATE_NEW_PROCESS_GROUP = 0x00000200
_CREATE_BREAKAWAY_FROM_JOB = 0x01000000
_BELOW_NORMAL_PRIORITY_CLASS = 0x00004000


def command(program: str, argument: str) -> list[str] | None:
    """What runs the Python source `program`, or its frozen counterpart; None if nothing can.

    Isolated (-I): nothing is imported from its working directory, be it by PYTHONPATH or by a missing script's name.
    """
    executable = sys.executable
    if not executable or not os.path.isabs(executable) or not os.path.isfile(executable):
        return None
    if _frozen.is_frozen():
        return [executable, _frozen.ARGUMENT] if _frozen.is_ready() else None
    if not os.path.basename(executable).lower().startswith(("python", "pypy")):
        return None  # Python inside another program, which would be started again
    as_the_game_does = ["-B"] if sys.dont_write_bytecode else []
    return [executable, "-I", *as_the_game_does, "-c", program, argument]


def spawn(arguments: list[str], folder: str, told: bytes) -> subprocess.Popen[bytes]:
    """Start it with working directory `folder` and `told` on its standard input. Raises OSError."""
    if len(told) > PIPE_SIZE:
        raise OSError("what it has to know is too long for a pipe that nobody may read")
    environment = {name: value for name, value in os.environ.items() if not name.upper().startswith(_OURS)}
    environment["PYINSTALLER_RESET_ENVIRONMENT"] = "1"  # else a one-file game lends it the folder that it removes
    if sys.platform == "win32":
        flags = _CREATE_NO_WINDOW | _CREATE_NEW_PROCESS_GROUP | _BELOW_NORMAL_PRIORITY_CLASS
        try:
            process = _popen(arguments, folder, environment, flags | _CREATE_BREAKAWAY_FROM_JOB)
        except OSError:  # the job that the game runs in lets nobody go
            process = _popen(arguments, folder, environment, flags)
    else:
        process = _popen(arguments, folder, environment, 0)
    _wait_aside(process)
    assert process.stdin is not None
    try:
        with process.stdin:
            process.stdin.write(told)
    except OSError:  # a broken pipe: it has died
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


def _wait_aside(process: subprocess.Popen[bytes]) -> None:
    """Wait for its end in a thread: a game that lives on would have a zombie for a child."""
    try:
        threading.Thread(target=process.wait, name="gs_pygame-afterwards", daemon=True).start()
    except RuntimeError:  # Python 3.12 starts no thread at the exit: then the game goes first, and nobody need wait
        process.returncode = 0  # else Python would warn that it still runs
