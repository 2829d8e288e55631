"""What the tests of the process after the exit share: games that end in a given way, and a look at what they leave."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import psutil
from core_kit import DEADLINE, line_of, started

from gs_pygame._delivery.process import ARGUMENT
from gs_pygame._disk.runs import any_alive
from gs_pygame.testing import FaultServer

Answer = TypeVar("Answer")

SECRET = "hush-hush"

GAME = f"""
pygame.display.init()  # no sound: SDL's own quit in a forked child joins a sound thread that is not there
pygame.display.set_mode((64, 64))
settings = dict(app="A", author="B", data_dir=sys.argv[1], endpoint=sys.argv[2], secret="{SECRET}")
plugin = gs_pygame.install(**settings)
pygame.event.get()
print("playing", flush=True)
"""


def script(then: str, before: str = "", **settings: str) -> str:
    """A game that does `before`, is installed with `settings` (source code) as well, plays, and does `then`."""
    imports = "import os, sys, time\n" + textwrap.dedent(before) + "\nimport pygame, gs_pygame\n"
    game = GAME
    for name, code in settings.items():
        game = game.replace("plugin = ", f"settings[{name!r}] = {code}\nplugin = ")
    return imports + game + textwrap.dedent(then)


@contextmanager
def playing(source: str, folder: Path, url: str, **more: str) -> Iterator[subprocess.Popen[str]]:
    """The game `source`, which has begun to play. It says no more until it is told to, or killed."""
    with started([sys.executable, "-c", source, str(folder), url], **more) as game:
        assert line_of(game) == "playing"
        yield game


def played(source: str, folder: Path, url: str, *flags: str, **more: str) -> subprocess.CompletedProcess[str]:
    """The same, run with `flags`, to its end. `stdout` is what it said after "playing"."""
    with started([sys.executable, *flags, "-c", source, str(folder), url], **more) as game:
        out, err = game.communicate(timeout=DEADLINE)
    assert out.startswith("playing\n"), err
    return subprocess.CompletedProcess(game.args, game.returncode, out.removeprefix("playing\n"), err)


def helpers(folder: Path) -> list[int]:
    """The processes after an exit: those that work in the data folder, removed or not. Zombies work nowhere."""
    there = [process for process in psutil.process_iter() if Path(_said(process.cwd) or ".") == folder]
    return [process.pid for process in there if not _is_console(process)]


def _is_console(process: psutil.Process) -> bool:
    """Windows' own, which a program without a window has all the same; under Wine it works where that does."""
    words = _said(process.cmdline) or [""]
    return words[0].lower().endswith("conhost.exe")


def children(parent: int) -> list[int]:
    """All children of a process, zombies too."""
    return [process.pid for process in psutil.Process(parent).children()]


def _said(ask: Callable[[], Answer]) -> Answer | None:
    """What the system says; nothing if the process has just gone, or is somebody else's."""
    try:
        return ask()
    except (psutil.Error, OSError):
        return None


def eventually(condition: Callable[[], Any], within: float = DEADLINE) -> None:
    """Wait until `condition` holds."""
    limit = time.monotonic() + within
    while not condition():
        assert time.monotonic() < limit, "the condition never came true"
        time.sleep(0.01)


def helper(folder: Path) -> int:
    """The one process after the exit, as soon as it is there and no copy of the game any more."""
    eventually(lambda: [_is_ours(pid) for pid in helpers(folder)] == [True])  # without the shell that starts it
    (pid,) = helpers(folder)
    return pid


def _is_ours(pid: int) -> bool:
    words = _said(lambda: psutil.Process(pid).cmdline()) or [""]
    return any(word.startswith(ARGUMENT) for word in words) and words[0] != "nice"


def gone(folder: Path, within: float = DEADLINE) -> None:
    """Wait until no process after the exit is left."""
    eventually(lambda: not helpers(folder), within)


def reasons(server: FaultServer) -> list[str]:
    """How the sessions ended that the server was told of, in order."""
    return [request.json["scriptData"]["session"]["reason"] for request in server.requests]


def on_disk(folder: Path) -> list[tuple[str, str, int]]:
    """The ends (state, reason, whether the game was told); nothing else is left open. A run file may be left by an exit
    that had no time for it, for the next start to remove; but nobody holds it.
    """
    with closing(sqlite3.connect(folder / "outbox.sqlite3")) as db:
        assert db.execute("SELECT count(*) FROM sessions WHERE state IN ('open', 'waiting')").fetchone() == (0,)
        assert not any_alive(folder / "runs")
        return db.execute("SELECT state, reason, coalesce(told, 0) FROM sessions ORDER BY number").fetchall()
