"""What the tests of real windows share: a virtual display, a server that remembers, and games as real processes."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

TOOLS = ("Xvfb", "openbox", "wmctrl", "xdotool")
GAMES = Path(__file__).parent / "games"

DEADLINE = 20.0
"""Seconds that something may take which is sure to happen; only a broken test waits this long."""

GRACE = 1.0
"""Seconds that a player may be away, unless a test says otherwise."""

AWAY = 3.0
"""Seconds away: well past the grace."""

EXACT = 0.2
"""Seconds by which a moment or a length may be off: a frame or two, and what xdotool needs."""


def eventually(is_so: Callable[[], Any], what: str, timeout: float = DEADLINE) -> Any:
    """Wait until `is_so()` is true; its value. Fails with `what` after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        value = is_so()
        if value:
            return value
        assert time.monotonic() < deadline, f"did not happen within {timeout:g} s: {what}"
        time.sleep(0.02)


@dataclass(frozen=True)
class Moment:
    """When something was done, as the test's own wall clock saw it: somewhere between `before` and `after`."""

    before: float
    after: float

    def off(self, wall: float) -> float:
        """How far `wall` lies outside."""
        return min(0.0, wall - self.before) or max(0.0, wall - self.after)


class Desktop:
    """A virtual display with a window manager, and a window that is not the game's."""

    def __init__(self) -> None:
        self._home = tempfile.mkdtemp(prefix="gs_pygame-window-")
        self._children: list[subprocess.Popen[Any]] = []
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        reading, writing = os.pipe()
        self._start(
            "Xvfb", "-displayfd", str(writing), "-screen", "0", "800x600x24", "-noreset", "-nolisten", "tcp",
            env={**os.environ}, pass_fds=(writing,),
        )  # fmt: skip
        os.close(writing)
        number = b""
        try:
            while not number.endswith(b"\n"):  # it comes in two pieces, and Xvfb fails if it is not taken whole
                readable, _, _ = select.select([reading], [], [], DEADLINE)
                piece = os.read(reading, 32) if readable else b""
                assert piece, "Xvfb did not start"
                number += piece
        finally:
            os.close(reading)
        # The player's own settings of openbox, and their display, stay out of this.
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("GS_PYGAME", "SDL_", "XDG_"))},
            "DISPLAY": f":{number.decode().strip()}",
            "HOME": self._home,
            "SDL_VIDEODRIVER": "x11",
            "SDL_AUDIODRIVER": "dummy",
            "PYGAME_HIDE_SUPPORT_PROMPT": "1",
            "PYTHONUNBUFFERED": "1",
            "NO_PROXY": "127.0.0.1",
        }
        for name in ("DO_NOT_TRACK", "WAYLAND_DISPLAY", "PYTHONSAFEPATH"):
            self.environment.pop(name, None)
        self._start("openbox", "--sm-disable", env=self.environment)
        eventually(lambda: "Openbox" in self._ask("wmctrl", "-m"), "openbox runs")
        self._ask("xdotool", "mousemove", "799", "599")  # out of the way of the windows
        elsewhere = self._start(sys.executable, str(GAMES / "elsewhere.py"), env=self.environment)
        self._elsewhere = self.window(elsewhere.pid)

    def _start(self, *command: str, **options: Any) -> subprocess.Popen[Any]:
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
        self._children.append(child)
        return child

    def _ask(self, *command: str) -> str:
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=DEADLINE, check=False
        ).stdout

    def _do(self, *command: str) -> Moment:
        before = time.time()
        subprocess.run(command, env=self.environment, capture_output=True, timeout=DEADLINE, check=True)
        return Moment(before, time.time())

    def close(self) -> None:
        """The last started goes first."""
        for child in reversed(self._children):
            child.terminate()
            try:
                child.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        shutil.rmtree(self._home, ignore_errors=True)

    def window(self, pid: int, title: str | None = None) -> str:
        """The window of a process: its only one, or the one with this title."""

        def found() -> list[str]:
            rows = [row.split(maxsplit=4) for row in self._ask("wmctrl", "-l", "-p").splitlines()]
            return [row[0] for row in rows if row[2] == str(pid) and title in (None, *row[4:])]

        return eventually(found, f"process {pid} has a window {title or ''}")[0]

    # What a player does

    def activate(self, window: str) -> Moment:
        """Go to this window: out of an icon, too."""
        return self._do("xdotool", "windowactivate", window)

    def go_elsewhere(self) -> Moment:
        """Go to a window that is not the game's."""
        return self.activate(self._elsewhere)

    def minimize(self, window: str) -> Moment:
        return self._do("xdotool", "windowminimize", window)

    def close_button(self, window: str) -> Moment:
        return self._do("wmctrl", "-i", "-c", window)

    def show_desktop(self, on: bool) -> Moment:
        return self._do("wmctrl", "-k", "on" if on else "off")

    def press(self, key: str) -> Moment:
        return self._do("xdotool", "key", key)

    def is_active(self, window: str) -> bool:
        """What the window manager says, which may be a moment before the game knows."""
        active = self._ask("xdotool", "getactivewindow").strip()
        return active != "" and int(active) == int(window, 16)


@dataclass(frozen=True)
class End:
    """An EndSessionRequest that the server got. Moments in Unix time, lengths in seconds."""

    request_id: str
    id: str
    previous_id: str | None
    number: int
    reason: str
    started: float
    ended: float
    active: float
    wall: float

    @classmethod
    def of(cls, request: dict[str, Any]) -> End:
        assert request["@class"] == ".EndSessionRequest"
        session = request["scriptData"]["session"]
        started, ended = (
            datetime.fromisoformat(session[name].replace("Z", "+00:00")).timestamp()
            for name in ("startedAt", "endedAt")
        )
        return cls(
            request_id=request["requestId"],
            id=session["id"],
            previous_id=session["previousId"],
            number=session["number"],
            reason=session["reason"],
            started=started,
            ended=ended,
            active=session["activeMs"] / 1000,
            wall=session["wallMs"] / 1000,
        )


class Server:
    """Answers every EndSessionRequest as GameSparks would, over a real socket, and remembers it: repeats, too."""

    def __init__(self) -> None:
        self.ends: list[End] = []
        remember = self.ends.append

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                end = End.of(request)
                remember(end)
                answer = {
                    "@class": ".EndSessionResponse",
                    "requestId": end.request_id,
                    "sessionDuration": round(end.active * 1000),
                    "scriptData": {},
                }
                body = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Not on the test's stderr."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def wait_for(self, count: int) -> list[End]:
        """Wait for as many ends; then there must not be more."""
        eventually(lambda: len(self.ends) >= count, f"{count} ends at the server")
        assert len(self.ends) == count, self.ends
        return list(self.ends)


class Game:
    """A game as a process. What it says is read line by line; the kit's games say when (see games/toolkit.py)."""

    def __init__(self, command: list[str], environment: dict[str, str], folder: Path, desktop: Desktop) -> None:
        self.desktop = desktop
        self.lines: list[tuple[float, str]] = []
        self._read = 0
        self.process = subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            bufsize=1,
            start_new_session=True,
        )
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            when, _, text = line.rstrip("\n").partition(" ")
            try:
                self.lines.append((float(when), text))
            except ValueError:
                self.lines.append((time.time(), line.rstrip("\n")))

    @property
    def said(self) -> list[str]:
        return [text for _, text in self.lines]

    def expect(self, text: str) -> float:
        """Wait for the next line that is `text`; the moment at which the game said it."""
        eventually(lambda: text in self.said[self._read :], f"the game says {text!r}")
        index = self.said.index(text, self._read)
        self._read = index + 1
        return self.lines[index][0]

    def hears(self, command: str) -> float:
        """Give the game a command and wait until it has done it."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{command}\n")
        return self.expect(f"done {command}")

    def told(self, command: str) -> None:
        """Give the game a command that it will not survive to report."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{command}\n")

    @property
    def window(self) -> str:
        """The window that the test plays in: the kit's games call it "game", others have but one.

        Looked up each time, since fullscreen and restarts make new ones.
        """
        kits = "installed" in self.said or "without the plugin" in self.said
        return self.desktop.window(self.process.pid, "game" if kits else None)

    def has_focus(self, expected: bool) -> float:
        """Wait until the game itself knows that it has the focus, or has not; the moment at which it said so."""

        def last() -> tuple[float, str]:
            return next(((when, text) for when, text in reversed(self.lines) if text.startswith("focus")), (0.0, ""))

        eventually(lambda: last()[1] == f"focus {int(expected)}", f"the focus {'comes' if expected else 'goes'}")
        return last()[0]

    def take_focus(self) -> Moment:
        """Go to the game, and wait until it knows."""
        moment = self.desktop.activate(self.window)
        self.has_focus(True)
        return moment

    def lose_focus(self) -> Moment:
        """Go elsewhere, and wait until the game knows."""
        moment = self.desktop.go_elsewhere()
        self.has_focus(False)
        return moment

    def close(self) -> Moment:
        """The close button; waits until the process is gone."""
        moment = self.desktop.close_button(self.window)
        self.wait()
        return moment

    def wait(self) -> int:
        """Its exit code, once it is gone and all it said has been read."""
        code = self.process.wait(DEADLINE)
        self._listener.join()
        return code

    def kill(self) -> Moment:
        """kill -9"""
        before = time.time()
        self.process.kill()
        self.wait()
        return Moment(before, time.time())

    def clean_up(self) -> None:
        """Leave nothing behind, children of the game included."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.wait()
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()


class Stage:
    """What one test is played on: a desktop, a server, a data folder, and as many games as it likes."""

    def __init__(self, desktop: Desktop, folder: Path, figures: dict[str, list[float]]) -> None:
        self.desktop = desktop
        self.folder = folder
        self.server = Server()
        self.error: BaseException | None = None
        self._games: list[Game] = []
        self._figures = figures

    def run(self, *command: str, grace: float = GRACE, **environment: str) -> Game:
        """Start `command` (after `python`) with a plugin that speaks to this stage's server."""
        game = Game(
            [sys.executable, *command],
            {
                **self.desktop.environment,
                "GS_PYGAME_ENDPOINT": self.server.address,
                "GS_PYGAME_DATA_DIR": str(self.folder / "data"),
                "GS_PYGAME_BACKGROUND_GRACE": str(grace),
                **environment,
            },
            self.folder,
            self.desktop,
        )
        self._games.append(game)
        return game

    def play(self, name: str, *arguments: str, grace: float = GRACE, **environment: str) -> Game:
        """Start one of the kit's games, and wait until the player is in it: its window has the focus."""
        game = self.run(str(GAMES / f"{name}.py"), *arguments, grace=grace, **environment)
        game.has_focus(True)
        return game

    def next_start(self, ends: int) -> list[End]:
        """Start the game again, without a window, until as many ends of earlier runs have come; these."""
        game = self.run(str(GAMES / "next_start.py"), SDL_VIDEODRIVER="dummy")
        earlier = self.server.wait_for(ends)
        game.told("leave")
        assert game.wait() == 0
        assert self.server.wait_for(ends + 1)[-1].reason == "quit"
        return earlier

    def measured(self, what: str, error: float) -> float:
        """Note an error of measurement (in seconds) for the summary; its size."""
        self._figures[what].append(error)
        return abs(error)

    def transcript(self) -> str:
        """What was said, for whoever reads a failure."""
        said = [f"{when:.3f} {text}" for game in self._games for when, text in game.lines]
        return "\n".join([*said, *map(str, self.server.ends)])

    def close(self) -> None:
        for game in self._games:
            game.clean_up()
        self.server.close()
