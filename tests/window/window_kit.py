"""What the tests of real windows share: a virtual display, a server that remembers, and games as real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from gs_pygame.testing._display import DEADLINE, Moment, eventually
from gs_pygame.testing._display import Display as Desktop

GAMES = Path(__file__).parent / "games"

GRACE = 1.0
"""Seconds that a player may be away, unless a test says otherwise."""

AWAY = 3.0
"""Seconds away: well past the grace."""

CALM = 0.5
"""Seconds without a word after which a game has heard of all that was done: the events of one change of the window
come in over about 0.2 s."""

EXACT = 0.2
"""Seconds by which a moment or a length may be off: a frame or two, and what xdotool needs."""


def wait_until(moment: float) -> None:
    """In Unix time; on a busy machine it may have passed."""
    time.sleep(max(0.0, moment - time.time()))


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

    def settles(self) -> None:
        """Wait until it has had nothing to say for CALM."""
        since = time.time()
        eventually(lambda: time.time() - max(since, self.lines[-1][0]) >= CALM, "the game settles")

    def without_focus(self) -> float:
        """Seconds for which the game itself knew that it had the focus no more, and that are over."""
        changes = [(when, text) for when, text in self.lines if text.startswith("focus")]
        return sum(later - when for (when, text), (later, _) in pairwise(changes) if text == "focus 0")

    def take_focus(self) -> Moment:
        """Go to the game, and wait until it knows."""
        return self.knows(True, self.desktop.activate(self.window))

    def lose_focus(self) -> Moment:
        """Go elsewhere, and wait until the game knows."""
        return self.knows(False, self.desktop.go_elsewhere())

    def minimize(self) -> Moment:
        """Make it an icon, and wait until the game knows."""
        return self.knows(False, self.desktop.minimize(self.window))

    def knows(self, focused: bool, done: Moment) -> Moment:
        """From before it was `done` until the game itself could know."""
        return Moment(done.before, max(done.after, self.has_focus(focused)))

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

    def __init__(self, desktop_name: str, desktop: Desktop, folder: Path) -> None:
        self.desktop_name = desktop_name
        self.desktop = desktop
        self.folder = folder
        self.server = Server()
        self.error: BaseException | None = None
        self.figures: list[tuple[str, float]] = []
        self._games: list[Game] = []

    def needs_visibility(self) -> None:
        """Skip the rest where a desktop does not tell."""
        if not self.desktop.tells_visibility:
            pytest.skip("Wayland tells no window whether it can be seen")

    def needs_posix(self) -> None:
        """Skip the rest where games are Windows builds."""
        if not self.desktop.is_posix:
            pytest.skip("Windows has neither fork nor these signals")

    def run(self, *command: str, grace: float = GRACE, **environment: str) -> Game:
        """Start `command` (after `python`) with a plugin that speaks to this stage's server."""
        game = Game(
            [*self.desktop.python, *command],
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
        """Start one of the kit's games, and wait until the player is in it: its window has the focus, and the plugin,
        if any, has had a call to see that.
        """
        game = self.run(str(GAMES / f"{name}.py"), *arguments, grace=grace, **environment)
        game.has_focus(True)
        eventually(lambda: "seen" in game.said or "without the plugin" in game.said, "the plugin sees the player")
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
        self.figures.append((what, error))
        return abs(error)

    def transcript(self) -> str:
        """What was said, for whoever reads a failure."""
        said = [f"{when:.3f} {text}" for game in self._games for when, text in game.lines]
        return "\n".join([*said, *map(str, self.server.ends)])

    def close(self) -> None:
        for game in self._games:
            game.clean_up()
        self.server.close()
