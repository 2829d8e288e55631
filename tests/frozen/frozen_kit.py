"""What the tests of frozen games share: the games as PyInstaller makes them, each a process under a virtual display."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from server_kit import ServerProcess
from window.window_kit import DEADLINE, Desktop, eventually
from window.wine import Wine

from gs_pygame._delivery.process import ARGUMENT

HERE = Path(__file__).parent

HEADING = "frozen games"
"""Of what was measured, in the summary."""

BUILD_LIMIT = 300.0
"""Seconds that PyInstaller may take; it takes fifteen of a processor, which it may have to share."""

QUICKLY = {"PYINSTALLER_ZLIB_COMPRESSION_LEVEL": "1", "PYGAME_HIDE_SUPPORT_PROMPT": "1"}
"""A one-file game is packed once, and thrown away; as small as can be, it takes half a minute longer."""


@dataclass(frozen=True)
class Build:
    """What PyInstaller made of games.spec, and what it said."""

    is_posix: bool
    said: str
    missing: str  # its list of modules that were imported and not found
    seconds: float
    folder: Path
    one_file: Path
    forgetful: Path
    returning: Path

    def program(self, kind: str) -> Path:
        return self.folder if kind == "folder" else self.one_file

    def size(self, kind: str) -> int:
        """Bytes of what would be shipped."""
        if kind == "one file":
            return self.one_file.stat().st_size
        return sum(file.stat().st_size for file in self.folder.parent.rglob("*") if file.is_file())


def build(place: Path, desktop: Desktop) -> Build:
    """By the Python whose games are played there."""
    began = time.monotonic()
    made = subprocess.run(
        [*desktop.python, "-m", "PyInstaller", "--log-level=WARN", "--workpath=work", HERE / "games.spec"],
        cwd=place,
        env={**desktop.environment, **QUICKLY, "PYINSTALLER_CONFIG_DIR": str(place / "cache")},
        capture_output=True,
        text=True,
        timeout=BUILD_LIMIT,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    suffix = "" if desktop.is_posix else ".exe"
    return Build(
        is_posix=desktop.is_posix,
        said=made.stdout + made.stderr,
        missing=(place / "work" / "games" / "warn-games.txt").read_text(),
        seconds=time.monotonic() - began,
        folder=place / "dist" / "folder" / f"starfall{suffix}",
        one_file=place / "dist" / f"starfall{suffix}",
        forgetful=place / "dist" / "folder" / f"forgetful{suffix}",
        returning=place / "dist" / f"returning{suffix}",
    )


class Place:
    """Where one test plays: a desktop, a server, a computer's folders; and what is left there."""

    def __init__(self, desktop: Desktop, server: ServerProcess, folder: Path) -> None:
        self.desktop = desktop
        self.server = server
        self.data = folder / "data"
        self._folder = folder
        self._temporary = folder / "temporary"
        self._temporary.mkdir()
        if isinstance(desktop, Wine):  # which tells its programs of one place alone
            self._temporary = desktop.temporary
        self._before = set(self._temporary.iterdir())
        self.plays_on = folder / "plays on"  # see returning.py

    def play(self, program: Path, *options: str) -> Playing:
        """Start a frozen game, and wait for its window and its session."""
        environment = {
            **self.desktop.environment,
            "TMPDIR": str(self._temporary),
            "GS_PYGAME_ENDPOINT": self.server.address,
            "GS_PYGAME_DATA_DIR": str(self.data),
            "PLAYS_ON": str(self.plays_on),
        }
        began = time.monotonic()
        self._process = process = subprocess.Popen(
            [*self.desktop.python[:-1], program, *options],
            env=environment,
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,  # a Windows build under Wine takes no file
        )
        try:
            ((_, pid),) = eventually(lambda: self.windows(program), "the game has a window")
            seconds = time.monotonic() - began
            eventually(
                lambda: self._on_disk("SELECT session_id FROM sessions WHERE state = 'open'"), "a session begins"
            )
            return Playing(process, pid, seconds, self, program)
        except BaseException:
            process.kill()
            process.wait()
            print(self.complaints())
            raise

    def windows(self, program: Path) -> list[tuple[str, int]]:
        """The windows of a program, and the processes they belong to."""
        listed = subprocess.run(
            ["wmctrl", "-l", "-p"], env=self.desktop.environment, capture_output=True, text=True, check=False
        )
        rows = [row.split(maxsplit=3) for row in listed.stdout.splitlines()]
        return [(row[0], int(row[2])) for row in rows if int(row[2]) in processes(program)]

    def complaints(self) -> str:
        """What the last game had to say on its standard error."""
        assert self._process.stderr is not None
        os.set_blocking(self._process.stderr.fileno(), False)  # of one file's two processes one may go on
        with self._process.stderr as said:
            return (said.read() or b"").decode()

    def ends(self) -> list[tuple[str, str]]:
        """The ends in the outbox: state, reason."""
        return self._on_disk("SELECT state, reason FROM sessions WHERE state != 'open' ORDER BY number")

    def _on_disk(self, query: str) -> list[tuple[Any, ...]]:
        """Nothing, as long as there is no outbox with its tables."""
        file = self.data / "outbox.sqlite3"
        if not file.exists():
            return []
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as database:
            made = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'sessions'").fetchone()
            return database.execute(query).fetchall() if made else []

    def received(self, count: int) -> list[dict[str, Any]]:
        """The sessions that the server has, as soon as there are so many."""

        def asked() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = httpx.get(f"{self.server.address}/sessions", timeout=DEADLINE).json()
            return found if len(found) >= count else []

        found = eventually(asked, f"{count} sessions at the server")
        assert len(found) == count
        return list(found)

    def unpacked(self) -> int:
        """How many processes have their files in the temporary folder."""
        return len(set(self._temporary.iterdir()) - self._before)

    def left(self, program: Path) -> bool:
        """Whether anything is left of a frozen game but its data: a process, a temporary file."""
        return bool(processes(program) or self.unpacked())


@dataclass(frozen=True)
class Playing:
    """A frozen game that shows its window: `pid`. With one file, `process` is what unpacked it and waits for it."""

    process: subprocess.Popen[bytes]
    pid: int
    seconds: float  # from the start to the window
    place: Place
    program: Path

    def close(self) -> float:
        """The close button; waits for the exit. The moment at which it was pressed."""
        ((window, _),) = eventually(lambda: self.place.windows(self.program), "the game has a window")
        pressed = self.place.desktop.close_button(window)
        assert self.process.wait(DEADLINE) == 0
        return pressed.after


def processes(program: Path) -> list[int]:
    """Those that run this program."""
    return [int(found.name) for found in Path("/proc").glob("[0-9]*") if str(program) in _run_by(found)]


def _run_by(process: Path) -> tuple[str, str]:
    """The program by its file; and by its first word, which is a Windows build's own under Wine."""
    word = _said((process / "cmdline").read_text).partition("\0")[0]
    return _said(lambda: os.readlink(process / "exe")), word.removeprefix("Z:").replace("\\", "/")


def helpers(program: Path) -> int:
    """How many helper processes this program was started once more for. With one file, what unpacks it is one more."""
    lines = [_said(Path(f"/proc/{pid}/cmdline").read_text) for pid in processes(program)]
    return len({word for line in lines for word in line.split("\0") if word.startswith(ARGUMENT)})


def _said(ask: Callable[[], str]) -> str:
    """What /proc says; nothing if the process has just gone."""
    try:
        return ask()
    except OSError:
        return ""


def unix_time(rfc3339: str) -> float:
    return datetime.fromisoformat(rfc3339.replace("Z", "+00:00")).timestamp()
