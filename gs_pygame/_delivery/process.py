"""Starts a process of our own beside the game, with nothing of ours in its command line or environment.

There are two tasks for one: sending while the game plays (`_sending`), and what the exit left (`_afterwards`).
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from . import frozen

PIPE_SIZE = 4096
"""Bytes that a pipe takes at once wherever there are pipes (the least that Linux, macOS and Windows give one)."""

NICENESS = 19
"""The process's priority where there is `nice`: the least. Beside two processes of 10, a sleep until the next frame was
up to 16 ms too long on two processors; of 19, 4 ms."""

CALL_OFF = b"called off\n"
"""A second line, for which there is room in the pipe as well."""

_OURS = "GS_PYGAME_"  # what the environment says to the game, secrets among it, is not for the process

# Windows' creation flags (winbase.h); subprocess has names for them on Windows only.
_CREATE_NO_WINDOW = 0x08000000
_CREATE_NEW_PROCESS_GROUP = 0x00000200
_CREATE_BREAKAWAY_FROM_JOB = 0x01000000
_BELOW_NORMAL_PRIORITY_CLASS = 0x00004000


_PACKAGE = Path(os.path.abspath(__file__)).parents[1]

# This very gs_pygame, not another version that is installed too; and by its folder alone, since beside a game's script
# there may be files that are named like a module of the standard library. Its __init__ is left out: it would import the
# whole plugin.
_PROGRAM = f"""\
import sys
from importlib import machinery, util
spec = machinery.PathFinder.find_spec("{_PACKAGE.name}", [sys.argv[1]])
sys.modules[spec.name] = util.module_from_spec(spec)
from {_PACKAGE.name}._tasks import become
become(sys.argv[2])
"""


def start(
    task: str, order: dict[str, Any], folder: str, *, nap: float = 0.0, answers: bool = False
) -> subprocess.Popen[bytes]:
    """Start a process for `task`, which is told `order`. It begins with `nap` seconds of doing nothing.

    With `answers` its standard output can be read; else nobody need wait for its end. Raises OSError if that is not
    possible here. Takes a millisecond.
    """
    arguments = command(task, nap)
    if arguments is None:
        raise OSError(f"{sys.executable or 'no interpreter'} cannot run a process of ours")
    # It looks at no PYTHONPATH: it is told where it may import requests from, after Python's own folders.
    search = [path for path in sys.path if os.path.isabs(path)]
    return spawn(arguments, folder, json.dumps({"search": search, "order": order}).encode() + b"\n", answers)


def command(task: str, nap: float = 0.0) -> list[str] | None:
    """What runs `task`, in a frozen game too; None if nothing can.

    Isolated (-I): nothing is imported from its working directory, be it by PYTHONPATH or by a missing script's name.
    """
    executable = frozen.executable()
    if not executable or not os.path.isabs(executable) or not os.path.isfile(executable):
        return None
    if frozen.is_frozen():
        return [executable, f"{frozen.ARGUMENT}{task}"] if frozen.is_ready() else None
    if not os.path.basename(executable).lower().startswith(("python", "pypy")):
        return None  # Python inside another program, which would be started again
    as_the_game_does = ["-B"] if sys.dont_write_bytecode else []
    program = f"import time\ntime.sleep({nap})\n{_PROGRAM}" if nap else _PROGRAM
    return [executable, "-I", *as_the_game_does, "-c", program, str(_PACKAGE.parent), task]


def spawn(arguments: list[str], folder: str, told: bytes, answers: bool = False) -> subprocess.Popen[bytes]:
    """Start it with working directory `folder` and `told` on its standard input. Raises OSError."""
    if len(told) > PIPE_SIZE - len(CALL_OFF):
        raise OSError("what it has to know is too long for a pipe that nobody may read")
    environment = {name: value for name, value in os.environ.items() if not name.upper().startswith(_OURS)}
    environment["PYINSTALLER_RESET_ENVIRONMENT"] = "1"  # else a one-file game lends it the folder that it removes
    if sys.platform == "win32":
        flags = _CREATE_NO_WINDOW | _CREATE_NEW_PROCESS_GROUP | _BELOW_NORMAL_PRIORITY_CLASS
        try:
            process = _popen(arguments, folder, environment, flags | _CREATE_BREAKAWAY_FROM_JOB, answers)
        except OSError:  # the job that the game runs in lets nobody go
            process = _popen(arguments, folder, environment, flags, answers)
    else:
        process = _popen(arguments, folder, environment, 0, answers)
        with contextlib.suppress(OSError):  # at once: its own start would already be felt in a frame
            os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
    assert process.stdin is not None
    try:
        process.stdin.write(told)
        process.stdin.flush()
    except OSError:  # a broken pipe: it has died
        leave(process)
        process.kill()
        _wait_aside(process)
        raise
    if not answers:
        _wait_aside(process)
    return process


def leave(process: subprocess.Popen[bytes]) -> None:
    """Close our ends of its pipes."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def _popen(
    arguments: list[str], folder: str, environment: dict[str, str], flags: int, answers: bool
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        arguments,
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE if answers else subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        creationflags=flags,
    )


def _wait_aside(process: subprocess.Popen[bytes]) -> None:
    """Wait for its end in a thread: a game that lives on would have a zombie for a child."""
    try:
        threading.Thread(target=process.wait, name="gs_pygame-child", daemon=True).start()
    except RuntimeError:  # Python 3.12 starts no thread at the exit: then the game goes first, and nobody need wait
        process.returncode = 0  # else Python would warn that it still runs
