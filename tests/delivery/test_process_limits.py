"""Whatever happens, the exit is not held up, and eleven seconds later no process of ours is there."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from core_kit import DEADLINE, line_of, tell
from helper_kit import children, eventually, gone, helper, helpers, on_disk, played, playing, script

from gs_pygame._base import patience
from gs_pygame._delivery import process
from gs_pygame._disk.lock import FileLock
from gs_pygame.testing import FaultServer
from gs_pygame.testing.replies import drip, silence

SPARE = 40.0
"""Seconds beside the limit, since it is of low priority: on a busy machine it may take long until Python has
started in it and it notices that the game has gone. One that outlived its limit would stay for ever."""

AT_ONCE = 4.0
"""Seconds of an exit that waits for nothing, on a busy machine: what it could wait for takes five, fifteen, or more."""

HANG = """
hang = "import socket, time\\nsocket.getaddrinfo = lambda *_, **__: time.sleep(60)\\n"
exec(hang)
from gs_pygame._delivery import process
process._PROGRAM = hang + process._PROGRAM
"""

BUSY = "plugin.end_session()\nplugin.start_session()\nplugin.flush(0.5)\n"
"""At the exit, an earlier end is just being sent."""

TIMED = "print(time.monotonic())\nsys.stdout.flush()\nsys.exit(3)"


@dataclass
class Lingering:
    """A process that has something to linger for. `exit`: seconds that the game's exit took; `game`: its process id."""

    folder: Path
    begun: float
    exit: float = 0.0
    game: int = 0

    def is_gone_in_time(self) -> None:
        gone(self.folder, max(0.0, self.begun + patience.AFTER_THE_EXIT + SPARE - time.monotonic()))


Begin = Callable[[ExitStack, Path], Lingering]


def _exited(folder: Path, url: str, then: str = BUSY + TIMED, before: str = "", **settings: str) -> Lingering:
    done = played(script(then, before, **settings), folder, url)
    now = time.monotonic()
    assert done.returncode == 3, done.stderr
    return Lingering(folder, now, now - float(done.stdout))


def _with_server(reply: Callable[..., None]) -> Begin:
    def begin(stack: ExitStack, folder: Path) -> Lingering:
        return _exited(folder, stack.enter_context(FaultServer(reply)).url)

    return begin


def _refused(stack: ExitStack, folder: Path) -> Lingering:
    server = stack.enter_context(FaultServer())
    server.down()
    return _exited(folder, server.url)


def _name_never_resolved(stack: ExitStack, folder: Path) -> Lingering:
    return _exited(folder, "http://localhost:9", before=HANG)


def _outbox_locked(stack: ExitStack, folder: Path) -> Lingering:
    """By another program, from before the exit on: even the end cannot be written."""
    with playing(script("sys.stdin.readline()\n" + TIMED), folder, "http://127.0.0.1:9") as game:
        db = stack.enter_context(closing(sqlite3.connect(folder / "outbox.sqlite3", isolation_level=None)))
        db.execute("BEGIN EXCLUSIVE")
        out, _ = game.communicate("go\n", timeout=DEADLINE)
        now = time.monotonic()
    return Lingering(folder, now, now - float(out))


def _never_told(stack: ExitStack, folder: Path) -> Lingering:
    """The game dies, or is stopped, before it writes; somebody else has its end of the pipe."""
    folder.mkdir()
    command = process.command(0, [])
    assert command is not None
    untold = stack.enter_context(subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE))
    stack.callback(untold.kill)
    return Lingering(folder, time.monotonic())


def _living_on(stack: ExitStack, folder: Path) -> Lingering:
    """After pygame.quit(), and without a window."""
    source = script("pygame.quit()\nprint('quit', flush=True)\nsys.stdin.readline()")
    game = stack.enter_context(playing(source, folder, "http://127.0.0.1:9"))
    assert line_of(game) == "quit"
    return Lingering(folder, time.monotonic(), game=game.pid)


def _stopped(stack: ExitStack, folder: Path) -> Lingering:
    """The game, after pygame.quit()."""
    lingering = _living_on(stack, folder)
    psutil.Process(lingering.game).suspend()
    return lingering


LINGERING: dict[str, Begin] = {
    "server refuses": _refused,
    "server says nothing": _with_server(silence),
    "server drips": _with_server(drip(b"X-Slow: yes\r\n" * 1000, 0.5)),
    "name never resolved": _name_never_resolved,
    "outbox locked": _outbox_locked,
    "never told": _never_told,
    "game lives on": _living_on,
    "game stopped": _stopped,
}


@pytest.fixture(scope="module")
def lingering(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Lingering]]:
    """All of them at once: each lasts as long as the limit."""
    base = tmp_path_factory.mktemp("lingering").resolve()
    with ExitStack() as stack:
        begun = {}
        for how, begin in LINGERING.items():
            begun[how] = begin(stack, base / how.replace(" ", "-"))
            helper(begun[how].folder)
        yield begun


@pytest.mark.parametrize("how", LINGERING)
def test_no_process_outlives_the_limit(lingering: dict[str, Lingering], how: str) -> None:
    """It was there, and it is gone; the exit did not wait for anything."""
    lingering[how].is_gone_in_time()
    assert lingering[how].exit < AT_ONCE


def test_nothing_is_lost_meanwhile(lingering: dict[str, Lingering]) -> None:
    """Whatever kept it from delivering: the ends are kept."""
    for how in ("server refuses", "server says nothing", "server drips", "name never resolved"):
        assert on_disk(lingering[how].folder) == [("ready", "explicit", 0), ("ready", "quit", 0)]


def test_another_copy_delivers(folder: Path) -> None:
    """Then there is nothing to stay for."""
    folder.mkdir()
    with FaultServer() as server, closing(FileLock(folder / "delivery-gamesparks.lock")):
        assert _exited(folder, server.url, TIMED).exit < AT_ONCE
        gone(folder)
        assert server.requests == []
    assert on_disk(folder) == [("ready", "quit", 0)]


def test_a_game_that_lives_on_has_no_zombie(lingering: dict[str, Lingering]) -> None:
    """Its helper has given up, and was no child of the game at any time."""
    assert children(lingering["game lives on"].game) == []
    lingering["game lives on"].is_gone_in_time()
    assert children(lingering["game lives on"].game) == []


@pytest.mark.parametrize("when", ["before the exit", "after pygame.quit()"])
def test_the_data_folder_is_removed(folder: Path, when: str) -> None:
    """Somebody removed it: the exit is as ever, no helper stays, and what has ended lies in a new one for the next
    start."""
    quit_first = when == "after pygame.quit()"
    then = "pygame.quit()\n" * quit_first + "sys.stdin.readline()\nsys.exit(3)"
    with FaultServer() as server, playing(script(then), folder, server.url) as game:
        if quit_first:
            helper(folder)
            helper(folder)
        shutil.rmtree(folder)
        tell(game)
        assert game.wait(DEADLINE) == 3
        gone(folder)
        played(script("sys.exit()"), folder, server.url)
        eventually(lambda: len(set(reasons_by_session(server))) == 2)
        assert {*reasons_by_session(server).values()} == {"quit"}


def reasons_by_session(server: FaultServer) -> dict[str, str]:
    """How the sessions ended that the server was told of, each once."""
    sessions = [request.json["scriptData"]["session"] for request in server.requests]
    return {session["id"]: session["reason"] for session in sessions}


def test_a_data_folder_that_cannot_be_used(folder: Path) -> None:
    """The outbox is in memory: no process could read it, so none is started."""
    folder.write_text("a file")
    with FaultServer(silence) as server:
        assert (
            played(script("print(plugin._engine.sending.delivery.is_helped)"), folder, server.url).stdout == "False\n"
        )
        assert helpers(folder) == []


def test_killed_at_any_moment(folder: Path) -> None:
    """The process is killed when it was just told, before it could send, and while it waits for the answer: the end
    arrives by the next one, and is the same."""
    with FaultServer(silence) as server:
        played(script("pass"), folder, server.url)
        psutil.Process(helper(folder)).kill()
        gone(folder)
        played(script("plugin.close()", exit_delivery="'next-start'"), folder, server.url)
        for count in (1, 2):
            with playing(script("pygame.quit()\nos._exit(0)"), folder, server.url):
                assert server.wait_for(count)
            for pid in helpers(folder):
                psutil.Process(pid).kill()
            gone(folder)
        assert len({request.json["requestId"] for request in server.requests}) == 1
    with FaultServer() as server:
        played(script("pass"), folder, server.url)
        gone(folder)
        ids = [request.json["requestId"] for request in server.requests]
        assert len(set(ids)) == 5
        assert len(ids) <= 5 + 1  # the game's exit may cut off what it was just sending, which then goes out again
    assert [state for state, _, _ in on_disk(folder)] == ["delivered"] * 5
