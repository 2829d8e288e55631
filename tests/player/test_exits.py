"""Every way out of a process, with real processes: what the next start finds, and that nobody else notices."""

from __future__ import annotations

import gc
import os
import signal
import sqlite3
import sys
import threading
import time
from pathlib import Path
from types import FrameType

import pytest
from core_kit import DEADLINE, ENDPOINT, child, line_of, run, tell

import gs_pygame
from gs_pygame import testing
from gs_pygame._disk.runs import _decode
from gs_pygame._player import exits
from gs_pygame._player.lifecycle import Progress

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and fork are POSIX's")

GAME = f"""
    import os, sys
    def before(kind, error, trace):
        print("previous hook saw", kind.__name__, flush=True)
    if "hooked" in sys.argv:
        sys.excepthook = before
    import pygame, gs_pygame
    pygame.display.init()  # no sound: SDL's own quit in a forked child joins a sound thread that is not there
    pygame.display.set_mode((64, 64))
    plugin = gs_pygame.install(app="A", author="B", endpoint="{ENDPOINT}", data_dir=sys.argv[1], consent="pending",
                               script_data={{"level": 3}})
    plugin.set_consent("granted") if "granted" in sys.argv else None
    pygame.event.get()
    print("playing", flush=True)
"""


def game(then: str) -> str:
    """A game that plays, and then does this."""
    return GAME + "".join(f"    {line}\n" for line in then.splitlines())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def on_disk(folder: Path) -> tuple[list[tuple[str, str]], int]:
    """Ends (state, reason), and the number of open sessions. On a slow disk the run file may still be there: the exit
    waits 30 ms for it to be removed, and the next start removes it."""
    with sqlite3.connect(folder / "outbox.sqlite3") as db:
        ends = db.execute("SELECT state, reason FROM sessions WHERE state != 'open' ORDER BY number").fetchall()
        open_ = db.execute("SELECT count(*) FROM sessions WHERE state IN ('open', 'waiting')").fetchone()[0]
    db.close()
    return ends, open_


def next_start(folder: Path) -> list[tuple[int | None, str]]:
    """Number and reason of what the next start of the game delivers."""
    with testing.game(folder) as player:
        gs_pygame.install(app="A", author="B", endpoint=ENDPOINT)
        player.wait(1)
        return [(end.number, end.reason) for end in player.ends]


def heartbeat(folder: Path, at_least: float) -> Progress:
    """The living game's heartbeat, as soon as it has got so far."""
    give_up = time.monotonic() + DEADLINE
    while time.monotonic() < give_up:
        for path in (folder / "runs").glob("*.run"):
            progress = _decode(path.read_bytes())
            if progress is not None and progress.active >= at_least:
                return progress
        time.sleep(0.02)
    raise AssertionError("no heartbeat")


@pytest.mark.parametrize(
    ("then", "code", "reason"),
    [
        ("pass", 0, "quit"),
        ("sys.exit(3)", 3, "quit"),
        ("sys.exit()", 0, "quit"),
        ("sys.exit('so long')", 1, "quit"),
        ("pygame.quit()\nsys.exit(4)", 4, "quit"),
        ("plugin.close()\nsys.exit(5)", 5, "quit"),
        ("1 / 0", 1, "crash"),
        ("pygame.quit()\n1 / 0", 1, "crash"),
        ("raise SystemExit(6)", 6, "quit"),
        ("plugin.__exit__(None, None, None)", 0, "quit"),
    ],
)
def test_in_good_order_the_end_is_ready_before_the_process_has_gone(
    folder: Path, screen: None, then: str, code: int, reason: str
) -> None:
    """atexit, sys.exit, close() and an uncaught exception: one ready end, no open session, no run file; the exit code
    is the game's own."""
    done = run(game(then), folder)
    assert (done.returncode, done.stdout) == (code, "playing\n")
    assert on_disk(folder) == ([("ready", reason)], 0)
    assert next_start(folder) == [(1, reason)]


def test_what_runs_later_at_the_exit_may_still_ask(folder: Path, screen: None) -> None:
    """A function of atexit's that was registered before install() is called after ours: the session is over, and it
    hears no exception."""
    script = """
import atexit, sys
import pygame
import gs_pygame
atexit.register(lambda: gs_pygame.EndSessionRequest({"level": 1}).send())
pygame.display.set_mode((8, 8))
gs_pygame.install(endpoint="http://127.0.0.1:9", data_dir=sys.argv[1], exit_delivery="next-start")
pygame.event.get()
"""
    done = run(script, folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert on_disk(folder) == ([("ready", "quit")], 0)


def test_without_consent_yet_it_is_the_same(folder: Path, screen: None) -> None:
    """Whether the courier may send or not changes nothing of the exit."""
    done = run(game("sys.exit(3)"), folder, "granted")
    assert done.returncode == 3
    assert on_disk(folder) == ([("ready", "quit")], 0)


def test_an_uncaught_exception_is_shown_as_ever(folder: Path) -> None:
    """The traceback is on stderr, exactly as without the plugin; nothing of ours is in it."""
    done = run(game("1 / 0"), folder)
    assert done.stderr.rstrip().endswith("ZeroDivisionError: division by zero")
    assert "gs_pygame" not in done.stderr


def test_the_previous_excepthook_runs(folder: Path) -> None:
    """A hook that was there before install() sees the exception, once."""
    done = run(game("1 / 0"), folder, "hooked")
    assert done.stdout.splitlines() == ["playing", "previous hook saw ZeroDivisionError"]
    assert done.returncode == 1
    assert on_disk(folder) == ([("ready", "crash")], 0)


def test_the_excepthook_stays_what_it_is(folder: Path) -> None:
    """Programs behave differently while it is Python's own (PyQt5 aborts only then), so the plugin puts none there."""
    done = run(GAME + "    print(sys.excepthook is sys.__excepthook__)", folder)
    assert done.stdout.splitlines() == ["playing", "True"]


HOOKS = {
    "does not chain": "sys.excepthook = lambda *error: print('sorry')",
    "raises": "sys.excepthook = lambda *error: 1 / 0",
    "leaves": "sys.excepthook = lambda *error: sys.exit(1)",
    "shortens the traceback": "sys.excepthook = lambda kind, error, trace: error.with_traceback(None)",
}


@pytest.mark.parametrize("hook", HOOKS)
def test_a_crash_is_one_whatever_the_games_own_hook_does(folder: Path, hook: str) -> None:
    """A hook that the game sets after install() need not know of us."""
    done = run(game(f"{HOOKS[hook]}\nraise ValueError"), folder)
    assert done.returncode == 1
    assert on_disk(folder) == ([("ready", "crash")], 0)


@pytest.mark.parametrize("name", ["thread", "function", "module"])
def test_a_crash_is_one_wherever_the_plugin_was_installed(folder: Path, tmp_path: Path, name: str) -> None:
    """In another thread than the main one, in a function, in a module that the game imports."""
    (tmp_path / "installing.py").write_text("def install(again):\n    again()\n")
    then = f"""plugin.close()
def again():
    gs_pygame.install(app="A", author="B", endpoint="{ENDPOINT}", data_dir=sys.argv[1])
def thread():
    import threading
    thread = threading.Thread(target=again)
    thread.start()
    thread.join()
def module():
    sys.path.insert(0, {str(tmp_path)!r})
    import installing
    installing.install(again)
def function():
    again()
{name}()
raise ValueError"""
    run(game(then), folder)
    assert [reason for _, reason in on_disk(folder)[0]] == ["quit", "crash"]


GOES_ON = {
    "a thread's exception, forwarded": (
        "import threading\n"
        "threading.excepthook = lambda it: sys.excepthook(it.exc_type, it.exc_value, it.exc_traceback)\n"
        "thread = threading.Thread(target=lambda: 1 / 0)\nthread.start()\nthread.join()"
    ),
    "a callback out of C, as PyQt's slots are": "import ctypes\nctypes.pythonapi.PyRun_SimpleString(b'1 / 0')",
    "a prompt": "import code\nat = code.InteractiveConsole(globals())\nat.push('1 / 0')\nat.push('x = = 1')",
    "a crash reporter": "try:\n    1 / 0\nexcept ZeroDivisionError:\n    sys.excepthook(*sys.exc_info())",
}


@pytest.mark.parametrize("how", GOES_ON)
def test_a_program_that_shows_an_exception_and_goes_on_has_not_ended(folder: Path, how: str) -> None:
    """The session goes on, EndSessionRequest raises nothing, another one begins, and the program's end is a quit."""
    then = "print(plugin.session.state)\ngs_pygame.EndSessionRequest({'level': 1}).send()\nplugin.start_session()"
    done = run(game(f"{GOES_ON[how]}\n{then}"), folder)
    assert (done.stdout.splitlines(), done.returncode) == (["playing", "active"], 0)
    assert "Error" in done.stderr
    assert on_disk(folder) == ([("ready", "explicit"), ("ready", "quit")], 0)


@pytest.mark.parametrize(("then", "reason"), [("", "quit"), ("raise ValueError", "crash")])
def test_an_exception_that_is_kept_for_a_debugger(folder: Path, then: str, reason: str) -> None:
    """A crash reporter serves pdb.pm(), and the game plays on: that has not ended it."""
    keeps = """
try:
    1 / 0
except ZeroDivisionError:
    sys.last_type, sys.last_value, sys.last_traceback = sys.exc_info()
while plugin._watch._survived is None:
    pygame.event.get()
"""
    run(game(keeps + then), folder)
    assert on_disk(folder) == ([("ready", reason)], 0)


def test_a_crash_amid_whose_exit_the_game_pumps_is_one(folder: Path) -> None:
    """By a function of its own for the exit, which is called before ours, and lasts until the next pulse."""
    pumps = f"""
import atexit, time
def pump():
    pulse, until = plugin._engine._overdue_at, time.monotonic() + {DEADLINE}
    while plugin._engine._overdue_at == pulse and time.monotonic() < until:
        pygame.event.get()
atexit.register(pump)
raise ValueError
"""
    run(game(pumps), folder)
    assert on_disk(folder) == ([("ready", "crash")], 0)


def test_a_crash_after_such_exceptions_is_one(folder: Path) -> None:
    """The last exception is the one that counts."""
    run(game("\n".join([*GOES_ON.values(), "raise ValueError"])), folder)
    assert on_disk(folder) == ([("ready", "crash")], 0)


GROUPS = pytest.mark.skipif(sys.version_info < (3, 11), reason="groups are of Python 3.11")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("KeyboardInterrupt", "quit"),
        ("__import__('asyncio').CancelledError", "quit"),
        pytest.param("BaseExceptionGroup('', [KeyboardInterrupt(), OSError()])", "quit", marks=GROUPS),
        pytest.param("ExceptionGroup('', [OSError()])", "crash", marks=GROUPS),
    ],
)
def test_who_was_asked_to_stop_has_not_crashed(folder: Path, error: str, reason: str) -> None:
    """Ctrl-C is a quit in the shapes that asyncio and trio give it, too: bare, as a cancelled task, within a group."""
    run(game(f"raise {error}"), folder)
    assert on_disk(folder) == ([("ready", reason)], 0)


def test_an_exception_in_another_thread_is_no_crash(folder: Path) -> None:
    """The game goes on, and so does the session; its end is a quit."""
    then = "import threading\nthread = threading.Thread(target=lambda: 1 / 0)\nthread.start()\nthread.join()"
    done = run(game(then + "\nprint(plugin.session.state)"), folder)
    assert done.stdout.splitlines() == ["playing", "active"]
    assert on_disk(folder) == ([("ready", "quit")], 0)


LOOP = """while True:
    for event in pygame.event.get():
        if event.type == pygame.QUIT:
            sys.exit(7)
    pygame.time.wait(5)"""


@posix
def test_ctrl_c_is_a_quit(folder: Path, screen: None) -> None:
    """SIGINT: KeyboardInterrupt, the process dies of the signal as without us, the end is a quit."""
    with child(game(LOOP), folder) as process:
        assert line_of(process) == "playing"
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE) == -signal.SIGINT
    assert on_disk(folder) == ([("ready", "quit")], 0)


@posix
def test_sigterm_reaches_the_game_as_ever(folder: Path) -> None:
    """SDL 2 makes a QUIT event of it (else the process dies of it): the plugin sets no handler and changes neither."""
    with child(game(LOOP), folder) as process:
        assert line_of(process) == "playing"
        process.send_signal(signal.SIGTERM)
        code = process.wait(DEADLINE)
    ends, open_ = on_disk(folder)
    if code == 7:
        assert (ends, open_) == ([("ready", "quit")], 0)
    else:
        assert (code, ends, open_) == (-signal.SIGTERM, [], 1)


@posix
@pytest.mark.parametrize("signal_", ["SIGKILL", "SIGHUP", "SIGABRT"])
def test_a_signal_that_kills_leaves_an_abnormal_end_to_the_next_start(folder: Path, screen: None, signal_: str) -> None:
    """Nothing runs in the dying process. The next start finds the open session and ends it at its last heartbeat."""
    number = getattr(signal, signal_)
    with child(game(LOOP), folder) as process:
        assert line_of(process) == "playing"
        progress = heartbeat(folder, at_least=0.5 if signal_ == "SIGKILL" else 0.0)
        process.send_signal(number)
        assert process.wait(DEADLINE) == -number
    assert on_disk(folder) == ([], 1)
    with testing.game(folder) as player:
        plugin = gs_pygame.install(app="A", author="B", endpoint=ENDPOINT)
        player.wait(1)
        (end,) = player.ends
        assert (end.number, end.reason, end.session_id) == (1, "abnormal", progress.session_id)
        assert progress.active <= end.active < 10
        assert end.script_data == {"level": 3}
        assert plugin.session is not None
        assert (plugin.session.number, plugin.session.previous_id) == (2, progress.session_id)


def test_os_exit_after_pygame_quit_is_a_quit(folder: Path, screen: None) -> None:
    """pygame-menu's way out: no atexit runs, but the end was saved at pygame.quit(); the next start lets it go."""
    done = run(game("pygame.quit()\nos._exit(1)"), folder)
    assert done.returncode == 1
    assert on_disk(folder) == ([("waiting", "quit")], 1)
    assert next_start(folder) == [(1, "quit")]


def test_os_exit_alone_is_abnormal(folder: Path, screen: None) -> None:
    """Nothing was signalled: recovered like a kill."""
    done = run(game("os._exit(9)"), folder)
    assert done.returncode == 9
    assert next_start(folder) == [(1, "abnormal")]


FORKED = {
    "fork, sys.exit": "pid = os.fork()\nif pid == 0:\n    sys.exit(0)\nassert os.waitpid(pid, 0)[1] == 0",
    "fork, os._exit": "pid = os.fork()\nif pid == 0:\n    os._exit(0)\nassert os.waitpid(pid, 0)[1] == 0",
    "fork, exception": "pid = os.fork()\nif pid == 0:\n    1 / 0\nassert os.waitpid(pid, 0)[1] == 256",
    "fork, the child calls everything": (
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    plugin.end_session()\n    plugin.start_session()\n    plugin.set_player('x')\n"
        "    plugin.set_consent('denied')\n    plugin.flush(0)\n"
        "    assert plugin.session is None\n    plugin.status()\n    plugin.close()\n"
        "    pygame.event.get()\n    pygame.quit()\n    sys.exit(0)\n"
        "assert os.waitpid(pid, 0)[1] == 0"
    ),
    "multiprocessing": (
        "import multiprocessing\n"
        "worker = multiprocessing.get_context('fork').Process(target=len, args=('x',))\n"
        "worker.start()\nworker.join()\nassert worker.exitcode == 0"
    ),
}


@posix
@pytest.mark.parametrize("how", FORKED)
def test_a_forked_child_leaves_the_session_to_its_parent(folder: Path, screen: None, how: str) -> None:
    """The child ends in whatever way: the parent's session goes on, with its lock and its files, and ends once."""
    goes_on = """
print(plugin.session.number, plugin.session.state, flush=True)
sys.stdin.readline()
plugin.end_session()
plugin.start_session()
sys.exit(3)"""
    with child(game(FORKED[how] + goes_on), folder) as process:
        assert line_of(process) == "playing"
        assert line_of(process) == "1 active"
        assert on_disk(folder) == ([], 1)
        assert next_start(folder) == []  # a copy that starts now does not take the parent for dead
        tell(process)
        assert process.wait(DEADLINE) == 3
    ends = next_start(folder)
    assert [end for end in ends if end[0] != 2] == [(1, "explicit"), (3, "quit")]


@posix
def test_a_forked_child_that_outlives_the_game_does_not_keep_it_alive(folder: Path, screen: None) -> None:
    """The game is killed, its child lives on: the next start recovers the session all the same."""
    then = """if os.fork() == 0:
    print(os.getpid(), flush=True)
    sys.stdin.readline()
    os._exit(0)
import time
time.sleep(60)"""
    with child(game(then), folder) as process:
        assert line_of(process) == "playing"
        survivor = int(line_of(process))
        process.kill()
        process.wait(DEADLINE)
        os.kill(survivor, 0)
        assert next_start(folder) == [(1, "abnormal")]
        tell(process)  # the survivor's standard input, too: it ends


def test_nothing_is_printed(folder: Path) -> None:
    """A game's terminal is its own: where nothing goes wrong, no word of ours is on stdout or stderr."""
    done = run(game("plugin.end_session()\nplugin.flush(0.1)\nplugin.start_session()"), folder)
    assert done.stdout == "playing\n"
    assert "gs_pygame" not in done.stderr


@pytest.mark.parametrize("collects", [True, False])
def test_nothing_is_collected_while_the_frames_of_all_threads_are_looked_at(
    monkeypatch: pytest.MonkeyPatch, collects: bool
) -> None:
    """A thread that ends meanwhile would be waited for, for ever (CPython #106883); the main thread knows its own."""
    collected: list[bool] = []
    found: list[FrameType] = []
    frames = sys._current_frames
    monkeypatch.setattr(sys, "_current_frames", lambda: (collected.append(gc.isenabled()), frames())[1])
    gc.enable() if collects else gc.disable()
    try:
        found.append(exits._first_frame())
        assert collected == []
        thread = threading.Thread(target=lambda: found.append(exits._first_frame()))
        thread.start()
        thread.join(DEADLINE)
        assert (collected, gc.isenabled()) == ([False], collects)
    finally:
        gc.enable()
    assert found[0] is found[1]
