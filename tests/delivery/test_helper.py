"""The helper in play, as a game and its server see it: the game never meets it, and it stands in no end's way."""

from __future__ import annotations

import shutil
import sqlite3
import sys
import textwrap
import time
from contextlib import closing
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import psutil
import pytest
from core_kit import DEADLINE, line_of, tell
from helper_kit import children, eventually, gone, helper, helpers, on_disk, played, playing, reasons, script

from gs_pygame._base import patience
from gs_pygame.testing import FaultServer
from gs_pygame.testing.replies import silence, verified

END = "plugin.end_session({})\nplugin.start_session()\n"


def killed(pid: int, folder: Path) -> None:
    psutil.Process(pid).kill()
    gone(folder)


def request_ids(server: FaultServer) -> list[str]:
    return [request.json["requestId"] for request in server.requests]


WAITING = """
called, waited = [], []
import signal, subprocess, threading
signal.signal(signal.SIGCHLD, lambda *_: called.append(1))
own = subprocess.Popen(["sh", "-c", "read line; exit 7"], stdin=subprocess.PIPE)
threading.Thread(target=lambda: waited.append(os.wait()), daemon=True).start()
"""


def test_no_wait_of_the_game_sees_it(server: FaultServer, folder: Path) -> None:
    """A thread that waits for the game's own child, all the while, gets that one; a handler of SIGCHLD is called for
    it alone; and after that there is nobody to wait for, though the helper is there."""
    then = """
    plugin.end_session()
    print(plugin.flush(20), len(called), waited)
    own.stdin.close()
    while not waited:
        time.sleep(0.01)
    print(waited == [(own.pid, 7 << 8)], len(called))
    own.returncode = 7
    try:
        os.wait()
    except ChildProcessError:
        print("no child", len(called))
    """
    done = played(script(then, WAITING), folder, server.url)
    assert done.stdout.splitlines() == ["True 0 []", "True 1", "no child 1"], done.stderr
    gone(folder)


def test_a_game_whose_sigpipe_ends_it(server: FaultServer, folder: Path) -> None:
    """The helper is killed again and again; what is said to it meanwhile ends nobody."""
    then = """
    import signal
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    for _ in range(2):
        plugin.end_session()
        plugin.start_session()
        print(plugin.flush(20), flush=True)
        sys.stdin.readline()
        for _ in range(2000):
            plugin.flush(0)
    plugin.set_consent("pending")
    print("lives", flush=True)
    """
    with playing(script(then), folder, server.url) as game:
        for _ in range(2):
            assert line_of(game) == "True"
            killed(helper(folder), folder)
            tell(game)
        assert line_of(game) == "lives"
        assert game.wait(DEADLINE) == 0


def test_modules_that_print_at_the_start(server: FaultServer, folder: Path, tmp_path: Path) -> None:
    """Each Python here begins with words on standard output, as a .pth file in site-packages may: each end is
    delivered, once, and at once."""
    program = tmp_path / "python3"
    program.write_text(f'#!/bin/sh\necho x\necho y >&2\nexec {sys.executable} "$@"\n')
    program.chmod(0o755)
    then = f"sys.executable = {str(program)!r}\n{END}print(plugin.flush(20))"
    done = played(script(then), folder, server.url)
    assert (done.returncode, done.stdout) == (0, "True\n")
    gone(folder)
    assert len(request_ids(server)) == len(set(request_ids(server))) == 2


IMPORTS = """
from gs_pygame._delivery import process
process._PROGRAM = process._PROGRAM.replace("become(*", '''
from gs_pygame._delivery import helper
def serve(*told, really=helper.serve, **order):
    import only_here
    really(*told, **order)
helper.serve = serve
become(*''')
"""
"""Its helper needs a module that Python's own folders do not have."""


@pytest.mark.parametrize("path", ["поставщик/vendor", "{here}/поставщик/vendor", "vendor.zip"])
def test_where_the_game_finds_modules(server: FaultServer, folder: Path, tmp_path: Path, path: str) -> None:
    """In the last of forty folders with long and Cyrillic names, or in a zip file; a relative one is meant from where
    the game was at its start."""
    (tmp_path / "поставщик" / "vendor").mkdir(parents=True)
    (tmp_path / "поставщик" / "vendor" / "only_here.py").touch()
    with ZipFile(tmp_path / "vendor.zip", "w") as packed:
        packed.writestr("only_here.py", "")
    before = f"""
    os.chdir({str(tmp_path)!r})
    sys.path += ["/" + "д" * 100 + str(number) for number in range(40)] + [{path.format(here=tmp_path)!r}]
    """
    then = "os.chdir('/')\nplugin.end_session()\nprint(plugin.flush(8), plugin._engine.sending.delivery._number)"
    done = played(script(then, textwrap.dedent(before) + IMPORTS), folder, server.url)
    assert (done.returncode, done.stdout) == (0, "True 1\n"), done.stderr
    gone(folder)
    assert reasons(server) == ["explicit"]


NO_REQUESTS = """
from gs_pygame._delivery import process
process._PROGRAM = "import sys; sys.modules['requests'] = None\\n" + process._PROGRAM
"""

NEVER_THERE = """
from gs_pygame._delivery import delivery, process
delivery.STARTING = 1.0
process._PROGRAM = ""
"""


@pytest.mark.parametrize(("how", "why"), [(NO_REQUESTS, "import of requests halted"), (NEVER_THERE, "")])
def test_no_helper_can_work(server: FaultServer, folder: Path, how: str, why: str) -> None:
    """One after the other goes: a thread delivers, and the log says once what could not be imported."""
    then = "plugin.end_session()\nprint(plugin.flush(20), 'requests' in sys.modules)"
    done = played(script(then, how), folder, server.url)
    assert (done.returncode, done.stdout) == (0, "True True\n"), done.stderr
    assert done.stderr.count("gs_pygame: ") == bool(why)
    assert why in done.stderr
    assert reasons(server) == ["explicit"]


def test_it_leaves_and_another_one_comes(server: FaultServer, folder: Path) -> None:
    """It has gone when there was nothing to do for a while; the next end has another, and each arrives once."""
    then = "for _ in range(2):\n    plugin.end_session()\n    plugin.start_session()\n"
    then += "    print(plugin.flush(20), flush=True)\n    sys.stdin.readline()\n"
    with playing(script(then), folder, server.url) as game:
        assert line_of(game) == "True"
        first = helper(folder)
        gone(folder, patience.HELPER_IDLE + DEADLINE)
        assert not list((folder / "runs").glob("*.helper"))
        tell(game)
        assert line_of(game) == "True"
        assert helper(folder) != first
        tell(game)
        assert game.wait(DEADLINE) == 0
    gone(folder)
    assert reasons(server) == ["explicit", "explicit", "quit"]


@pytest.mark.parametrize("when", ["idle", "amid a request"])
def test_it_is_killed(folder: Path, when: str) -> None:
    """The next one delivers; what was on its way goes out again, with the same id."""
    with (
        FaultServer() as server,
        playing(
            script(f"{END}sys.stdin.readline()\n{END}print(plugin.flush(20), flush=True)"), folder, server.url
        ) as game,
    ):
        if when == "idle":
            assert server.wait_for(1)
            eventually(lambda: on_disk_states(folder)[:1] == ["delivered"])
        else:
            server.script(silence)
            assert server.wait_for(1)
        killed(helper(folder), folder)
        tell(game)
        assert line_of(game) == "True"
        assert game.wait(DEADLINE) == 0
        gone(folder)
        assert len(set(request_ids(server))) == 3


def on_disk_states(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "outbox.sqlite3")) as db:
        return [row[0] for row in db.execute("SELECT state FROM sessions ORDER BY number")]


def test_many_ends_while_play_goes_on(server: FaultServer, folder: Path) -> None:
    """Each is told of once, in order, on the game's thread, while it plays; requests is not the game's to import."""
    then = f"""
    def play(until, seconds):
        give_up = time.monotonic() + seconds
        while not until() and time.monotonic() < give_up:
            pygame.event.get()
            pygame.time.wait(5)
    for _ in range(30):
        plugin.end_session()
        plugin.start_session()
        play(lambda: False, 0.02)
    play(lambda: len(told) >= 30, {DEADLINE})
    print([number for number, _ in told] == list(range(1, 31)), {{thread for _, thread in told}})
    print("requests" in sys.modules)
    """
    telling = "lambda session, _: told.append((session.number, threading.current_thread().name))"
    done = played(script(then, "import threading\ntold = []", on_delivered=telling), folder, server.url)
    assert done.stdout.splitlines() == ["True {'MainThread'}", "False"], done.stderr
    gone(folder)
    assert len(request_ids(server)) == len(set(request_ids(server))) == 31


A_CHILD = """
if hasattr(os, "fork"):
    if os.fork() == 0:
        os.read(0, 100)
        os._exit(0)
else:
    import subprocess
    subprocess.Popen([sys.executable, "-c", "input()"], close_fds=False)
"""
"""It has all that a child can have of the game's, and stays."""


def test_a_game_that_is_killed(server: FaultServer, folder: Path) -> None:
    """Its helper sees it go, although a child of the game's has its pipe, and delivers what it was playing."""
    then = f"{END}plugin.flush(20)\n{A_CHILD}"
    then += "print('on', flush=True)\ntime.sleep(60)"
    with playing(script(then), folder, server.url) as game:
        assert line_of(game) == "on"
        game.kill()
        assert server.wait_for(2)
        gone(folder)
        tell(game)
    assert reasons(server) == ["explicit", "abnormal"]


@pytest.mark.parametrize("choice", ["denied", "pending"])
def test_consent_is_taken_back_while_it_delivers(folder: Path, choice: str) -> None:
    """It goes at once, amid its request, and nothing is sent any more."""
    with FaultServer(silence) as server:
        then = f"""
        for _ in range(3):
            plugin.end_session()
            plugin.start_session()
        sys.stdin.readline()
        plugin.set_consent("{choice}")
        print("set", flush=True)
        sys.stdin.readline()
        """
        with playing(script(then), folder, server.url) as game:
            assert server.wait_for(1)
            helper(folder)
            tell(game)
            assert line_of(game) == "set"
            gone(folder, 5.0)
            assert children(game.pid) == []
            connections = server.connections
            tell(game)
            assert game.wait(DEADLINE) == 0
        assert helpers(folder) == []
        assert server.connections == connections


def test_the_data_folder_is_removed_in_play(server: FaultServer, folder: Path) -> None:
    """Its helper goes; the game makes the folder anew, and another helper delivers there."""
    then = f"{END}print(plugin.flush(20), flush=True)\nsys.stdin.readline()\n"
    then += f"while not plugin.status().durable: time.sleep(0.1)\n{END}print(plugin.flush(20))"
    with playing(script(then), folder, server.url) as game:
        assert line_of(game) == "True"
        helper(folder)
        shutil.rmtree(folder)
        gone(folder)
        tell(game)
        assert line_of(game) == "True"
        assert game.wait(DEADLINE) == 0
    gone(folder)


def test_a_helper_that_is_stopped_holds_up_nobody(folder: Path) -> None:
    """With the turn to deliver, and amid a request: another copy delivers within 15 s. When it goes on it sends nothing
    that the other has sent, and at a server that drops repeats nothing is doubled."""
    stuck: list[psutil.Process] = []

    def stop_it(request: Any, wire: Any) -> None:
        stuck.append(psutil.Process(helper(folder)))
        stuck[0].suspend()
        verified()(request, wire)

    with FaultServer() as server:
        server.script(stop_it)
        source = script(f"{END}{END}sys.stdin.readline()")
        with playing(source, folder, server.url) as one:
            eventually(lambda: bool(stuck))
            begun = time.monotonic()
            with playing(source, folder, server.url) as two:
                eventually(lambda: len(set(request_ids(server))) == 4, 2 * patience.TURN_STALE)
                took = time.monotonic() - begun
                stuck[0].resume()
                for game in (one, two):
                    tell(game)
                    assert game.wait(DEADLINE) == 0
        gone(folder)
        came = request_ids(server)
    assert took < 15.0
    assert len(set(came)) == 6
    assert len(came) <= 7
    assert [state for state, _, _ in on_disk(folder)] == ["delivered"] * 6
