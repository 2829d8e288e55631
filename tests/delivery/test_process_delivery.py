"""What the exit left is delivered by the process after it: once, by every way out, and told at the next start."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import psutil
import pytest
from core_kit import DEADLINE, line_of, tell
from helper_kit import (
    children,
    eventually,
    gone,
    helper,
    helpers,
    on_disk,
    played,
    playing,
    reasons,
    script,
)

from gs_pygame.testing import FaultServer
from gs_pygame.testing.replies import answer, silence

CALLED_OFF = 5.0
"""Seconds within which a helper that is told to stop has gone: half of what it would wait for something to do."""

INTERRUPTED, KILLED = (0xC000013A, 9) if sys.platform == "win32" else (-signal.SIGINT, -signal.SIGKILL)
"""What a process that ended so has for its exit code: STATUS_CONTROL_C_EXIT, and what it was killed with."""


@pytest.mark.parametrize(
    ("then", "code", "reason"),
    [
        ("pass", 0, "quit"),
        ("sys.exit(3)", 3, "quit"),
        ("1 / 0", 1, "crash"),
        ("raise KeyboardInterrupt", INTERRUPTED, "quit"),
        ("plugin.close()", 0, "quit"),
        ("pygame.quit()\nsys.exit(4)", 4, "quit"),
        ("pygame.quit()\n1 / 0", 1, "crash"),
        ("pygame.quit()\nos._exit(1)", 1, "quit"),
        ("pygame.quit()\npygame.quit()\nos.kill(os.getpid(), 9)", KILLED, "quit"),
    ],
)
def test_every_way_out(server: FaultServer, folder: Path, then: str, code: int, reason: str) -> None:
    """The exit code is the game's own, nothing of ours is on stderr, and the end is at the server, once."""
    done = played(script(then), folder, server.url)
    assert done.returncode == code
    assert "gs_pygame" not in done.stderr
    assert server.wait_for(1)
    gone(folder)
    assert reasons(server) == [reason]
    assert on_disk(folder) == [("delivered", reason, 0)]


def test_what_was_left_before_goes_along(server: FaultServer, folder: Path) -> None:
    """Ends of earlier sessions, and of a run that was killed, are delivered with the last one. The game began with
    them, and its exit may have cut off a request, which is then repeated."""
    with playing(script("time.sleep(60)"), folder, server.url) as game:
        game.kill()
    server.down()
    played(script("plugin.end_session()\nplugin.start_session()", exit_delivery="'next-start'"), folder, server.url)
    server.up()
    played(script("pass"), folder, server.url)
    gone(folder)
    came = {request.json["requestId"]: request.json["scriptData"]["session"] for request in server.requests}
    assert sorted(session["number"] for session in came.values()) == [1, 2, 3, 4]


def test_a_server_that_does_not_let_us_in_is_asked_once(folder: Path) -> None:
    """Nothing can be delivered within the limit: the process goes at once, and the end is kept."""
    with FaultServer(answer(401, b"{}")) as server:
        played(script("pass"), folder, server.url)
        assert server.wait_for(1)
        gone(folder, within=5.0)
        assert reasons(server) == ["quit"]
    assert on_disk(folder) == [("ready", "quit", 0)]


def test_a_server_that_comes_back_within_seconds(server: FaultServer, folder: Path) -> None:
    """It tries again for as long as it lives."""
    server.script(answer(503), answer(503))
    played(script("pass"), folder, server.url)
    assert server.wait_for(3)
    gone(folder)
    assert on_disk(folder) == [("delivered", "quit", 0)]


TELLING = script(
    f"""
    give_up = time.monotonic() + {DEADLINE}
    while not told and time.monotonic() < give_up:
        pygame.event.get()
        pygame.time.wait(5)
    print(told)
    """,
    "told = []",
    on_delivered="lambda session, response: told.append((session.number, session.state))",
)


def test_the_next_start_tells(server: FaultServer, folder: Path) -> None:
    """on_delivered is called at the next start for what the process delivered, and only there."""
    played(script("pass"), folder, server.url)
    for number in (1, 2):
        gone(folder)
        assert played(TELLING, folder, server.url).stdout == f"[({number}, 'ended')]\n"
    gone(folder)
    assert [state for state, _, _ in on_disk(folder)] == ["delivered"] * 3
    assert [told for _, _, told in on_disk(folder)] == [1, 1, 0]


def test_wait_delivers_in_the_game(server: FaultServer, folder: Path) -> None:
    """exit_delivery="wait": the end is delivered, and told, before the process has gone; no other process."""
    patient = "from gs_pygame import _plugin\n_plugin.WAIT_AT_EXIT = 60.0"  # a busy machine takes more than two seconds
    done = played(
        script(patient, exit_delivery="'wait'", on_delivered="lambda session, response: print(session.number)"),
        folder,
        server.url,
    )
    assert (done.returncode, done.stdout) == (0, "1\n")
    gone(folder)
    assert reasons(server) == ["quit"]
    assert on_disk(folder) == [("delivered", "quit", 1)]


def test_wait_has_an_end(folder: Path) -> None:
    """exit_delivery="wait" with a server that says nothing: two seconds, no process, and the end is kept."""
    with FaultServer(silence) as server:
        done = played(script("print(time.monotonic())", exit_delivery="'wait'"), folder, server.url)
        assert 1.9 < time.monotonic() - float(done.stdout) < 4.0
        gone(folder)
    assert on_disk(folder) == [("ready", "quit", 0)]


@pytest.mark.parametrize("settings", [{"exit_delivery": "'next-start'"}, {"consent": "'pending'"}])
def test_no_process(server: FaultServer, folder: Path, settings: dict[str, str]) -> None:
    """exit_delivery="next-start", or no consent yet: nothing is started, nothing is sent, the end is kept."""
    done = played(
        script("pygame.quit()\nprint(plugin._engine.sending.delivery._process)", **settings), folder, server.url
    )
    assert (done.returncode, done.stdout) == (0, "None\n")
    assert helpers(folder) == []
    assert server.connections == 0
    assert on_disk(folder) == [("ready", "quit", 0)]


def test_nothing_unsent(server: FaultServer, folder: Path) -> None:
    """Where everything has been delivered while the game ran, the helper goes with it."""
    then = "plugin.end_session()\nprint(plugin.flush(20))\nplugin.close()"
    assert played(script(then), folder, server.url).stdout == "True\n"
    gone(folder, within=CALLED_OFF)
    assert on_disk(folder) == [("delivered", "explicit", 1)]


@pytest.mark.parametrize(("choice", "left"), [("denied", []), ("pending", [("ready", "quit", 0)])])
def test_consent_taken_back_after_pygame_quit(
    server: FaultServer, folder: Path, choice: str, left: list[tuple[str, str, int]]
) -> None:
    """The process that was started at pygame.quit() is called off: nothing is sent."""
    then = f"""
    pygame.quit()
    sys.stdin.readline()
    plugin.set_consent("{choice}")
    print("set", flush=True)
    sys.stdin.readline()
    """
    with playing(script(then), folder, server.url) as game:
        helper(folder)
        tell(game)
        assert line_of(game) == "set"
        gone(folder, within=CALLED_OFF)
        assert children(game.pid) == []
        tell(game)
        assert game.wait(DEADLINE) == 0
    assert server.connections == 0
    assert on_disk(folder) == left


PLAY_ON = """
session = plugin.session.id
pygame.quit()
sys.stdin.readline()
pygame.init()
pygame.display.set_mode((64, 64))
pygame.event.post(pygame.event.Event(pygame.WINDOWSHOWN))
give_up = time.monotonic() + 20
while plugin.session.state != "active" and time.monotonic() < give_up:
    pygame.event.get()
    pygame.time.wait(10)
print(plugin.session.id == session, flush=True)
sys.stdin.readline()
"""


def test_a_game_that_plays_on(server: FaultServer, folder: Path) -> None:
    """pygame.quit(), then pygame.init(): the session goes on, the helper goes, nothing was sent; then one end is."""
    with playing(script(PLAY_ON), folder, server.url) as game:
        helper(folder)
        tell(game)
        assert line_of(game) == "True"
        gone(folder)
        assert children(game.pid) == []
        assert server.connections == 0
        tell(game)
        assert game.wait(DEADLINE) == 0
    assert server.wait_for(1)
    gone(folder)
    assert on_disk(folder) == [("delivered", "quit", 0)]
    assert len(server.requests) == 1


def test_a_game_that_lives_on_after_close(server: FaultServer, folder: Path) -> None:
    """The session is delivered at once, and the game is left with no zombie."""
    with playing(script("plugin.close()\nsys.stdin.readline()"), folder, server.url) as game:
        assert server.wait_for(1)
        gone(folder)
        assert children(game.pid) == []
        assert on_disk(folder) == [("delivered", "quit", 0)]
        tell(game)
        assert game.wait(DEADLINE) == 0
    assert len(server.requests) == 1


def test_copies_that_exit_at_once(server: FaultServer, folder: Path) -> None:
    """Three copies of the game end in the same moment, killed after pygame.quit(): each session is sent once."""
    source = script("pygame.quit()\nsys.stdin.readline()")
    with playing(source, folder, server.url) as a, playing(source, folder, server.url) as b:
        with playing(source, folder, server.url) as c:
            eventually(lambda: len(helpers(folder)) == 3)
            for game in (a, b, c):
                game.kill()
            assert server.wait_for(3)
        gone(folder)
    ids = [request.json["requestId"] for request in server.requests]
    assert len(ids) == len(set(ids)) == 3
    assert on_disk(folder) == [("delivered", "quit", 0)] * 3


def test_a_child_of_the_game_outlives_it(server: FaultServer, folder: Path) -> None:
    """A forked child has the game's open files, and lives on: the game has gone all the same."""
    then = """
    pygame.quit()
    if os.fork() == 0:
        print(os.getpid(), flush=True)
        os.read(0, 100)
        os._exit(0)
    time.sleep(60)
    """
    with playing(script(then), folder, server.url) as game:
        survivor = int(line_of(game))
        helper(folder)
        game.kill()
        game.wait(DEADLINE)
        assert server.wait_for(1)
        gone(folder)
        assert psutil.pid_exists(survivor)
        tell(game)
    assert on_disk(folder) == [("delivered", "quit", 0)]
