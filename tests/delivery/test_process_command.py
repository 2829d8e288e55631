"""How the process is started: by which interpreter, with what in its command line, environment and import path."""

from __future__ import annotations

import ast
import os
import shutil
import signal
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest
from core_kit import DEADLINE, environment, run, started, tell
from helper_kit import SECRET, children, eventually, gone, helper, helpers, on_disk, played, playing, reasons, script

import gs_pygame
from gs_pygame._delivery import process
from gs_pygame.testing import FaultServer

ROOT = Path(gs_pygame.__file__).parents[1]

TRAP = "import os\nopen({!r}, 'a').write(__name__ + ' ')\n"
"""A module that must not be imported, and says so in a file if it is."""


def set_trap(folder: Path, *names: str) -> Path:
    """Modules of these names in `folder`; the file that will tell of them."""
    folder.mkdir(parents=True, exist_ok=True)
    told = folder / "trapped"
    for name in names:
        (folder / f"{name}.py").write_text(TRAP.format(str(told)))
    return told


def test_nothing_secret_shows(server: FaultServer, folder: Path) -> None:
    """Command line and environment of the process hold no setting of the game's, whichever way it was given."""
    given = {
        "GS_PYGAME_ENDPOINT": server.url + "/{api_key}",
        "GS_PYGAME_API_KEY": "key-from-outside",
        "GS_PYGAME_SECRET": "secret-from-outside",
        "GS_PYGAME_PLAYER_ID": "player-from-outside",
        "SOMETHING_ELSE": "stays",
    }
    source = script("pygame.quit()\nsys.stdin.readline()", endpoint="None", secret="None")
    with playing(source, folder, server.url, **given) as game:
        pid = helper(folder)
        told = Path(f"/proc/{pid}/environ").read_bytes() + Path(f"/proc/{pid}/cmdline").read_bytes()
        assert b"SOMETHING_ELSE=stays" in told
        assert b"outside" not in told
        assert b"GS_PYGAME_" not in told
        assert str(server.port).encode() not in told
        tell(game)
        assert server.wait_for(1)
    assert server.requests[0].path == "/key-from-outside/rs/device/secret-from-outside/EndSessionRequest"
    assert server.requests[0].json["playerId"] == "player-from-outside"
    gone(folder)


def test_it_is_a_group_of_its_own_and_sends_at_low_priority(server: FaultServer, folder: Path) -> None:
    """No signal to the game's group or terminal ends it; and what sends takes no processor from this game or the next,
    which a session of its own would on Linux. What writes to the outbox has the game's priority."""
    with playing(script("pygame.quit()\nsys.stdin.readline()"), folder, server.url) as game:
        pid = helper(folder)
        eventually(lambda: os.getpgid(pid) == pid)
        assert os.getsid(pid) == os.getsid(game.pid)
        assert {os.readlink(f"/proc/{pid}/fd/{number}") for number in (1, 2)} == {os.devnull}
        threads = Path(f"/proc/{pid}/task")
        own = os.PRIO_PROCESS
        eventually(lambda: process.NICENESS in {os.getpriority(own, int(one)) for one in os.listdir(threads)})
        assert os.getpriority(own, pid) == os.getpriority(own, game.pid)
        os.kill(pid, signal.SIGHUP)
        tell(game)
    assert server.wait_for(1)
    gone(folder)


STARTS: dict[str, tuple[list[str], dict[str, str]]] = {
    "plain": ([], {}),
    "PYTHONPATH with the working directory": ([], {"PYTHONPATH": f".:{ROOT}:"}),
    "PYTHONSAFEPATH": ([], {"PYTHONSAFEPATH": "1"}),
    "isolated": (["-I"], {}),
    "development mode": (["-X", "dev", "-W", "error::ResourceWarning"], {}),
    "warnings are errors": ([], {"PYTHONWARNINGS": "error", "PYTHONDEVMODE": "1"}),
    "no bytecode": (["-B"], {}),
}


@pytest.mark.parametrize("how", STARTS)
def test_nothing_is_imported_from_the_data_folder(server: FaultServer, folder: Path, how: str) -> None:
    """However the game was started: the end arrives, no module in the data folder is run, and nothing is said."""
    flags, more = STARTS[how]
    told = set_trap(folder, "json", "gs_pygame", "requests", "sitecustomize", "usercustomize", "random", "ssl")
    done = played(script("sys.exit(3)", f"sys.path.insert(0, {str(ROOT)!r})"), folder, server.url, *flags, **more)
    assert done.returncode == 3
    assert "gs_pygame" not in done.stderr
    assert "ResourceWarning" not in done.stderr
    assert server.wait_for(1)
    gone(folder)
    assert not told.exists()
    assert on_disk(folder) == [("delivered", "quit", 0)]


def vendored(place: Path) -> Path:
    """A copy of gs_pygame in `place`."""
    shutil.copytree(ROOT / "gs_pygame", place / "gs_pygame", ignore=shutil.ignore_patterns("__pycache__"))
    return place


def run_game(place: Path, source: str, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a game whose file lies in `place`, with nothing in PYTHONPATH."""
    (place / "game.py").write_text(source)
    with started([*command], **{"PYTHONPATH": "", **more}) as game:
        out, err = game.communicate(timeout=DEADLINE)
        return subprocess.CompletedProcess(game.args, game.returncode, out, err)


def test_vendored_beside_the_script(server: FaultServer, folder: Path, tmp_path: Path) -> None:
    """gs_pygame lies beside the game's script, among files named like modules that only the sending needs: it is this
    gs_pygame that delivers, and the game's files stay what they are."""
    place = vendored(tmp_path / "game")
    told = set_trap(place, "mimetypes", "hmac")
    source = script("print(gs_pygame.__file__)")
    done = run_game(place, source, sys.executable, str(place / "game.py"), str(folder), server.url)
    assert done.stdout == f"playing\n{place}/gs_pygame/__init__.py\n"
    assert server.wait_for(1)
    gone(folder)
    assert on_disk(folder) == [("delivered", "quit", 0)]
    assert not told.exists()


def test_a_virtual_environment_with_another_version(server: FaultServer, folder: Path, tmp_path: Path) -> None:
    """The game runs in a virtual environment whose gs_pygame is another than the one beside its script, and where
    requests is found by PYTHONPATH alone."""
    place = vendored(tmp_path / "game")
    venv.create(tmp_path / "venv", with_pip=False, symlinks=True)
    (site,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    told = set_trap(site, "gs_pygame")
    elsewhere = os.pathsep.join(path for path in sys.path if path.endswith("-packages"))
    python = str(tmp_path / "venv" / "bin" / "python")
    with started([python, "-c", "import sys; print(sys.prefix)"]) as asked:
        assert asked.communicate(timeout=DEADLINE)[0] == f"{tmp_path / 'venv'}\n"
    words = [python, str(place / "game.py"), str(folder), server.url]
    done = run_game(place, script("pass"), *words, PYTHONPATH=elsewhere)
    assert done.stdout == "playing\n"
    assert server.wait_for(1)
    gone(folder)
    assert on_disk(folder) == [("delivered", "quit", 0)]
    assert not told.exists()


@pytest.mark.parametrize("how", [["run", "{file}"], ["run", "-m", "game"]])
def test_gs_pygame_run(server: FaultServer, folder: Path, tmp_path: Path, how: list[str]) -> None:
    """A game that knows nothing of gs_pygame, a file or a module."""
    source = "import pygame\npygame.display.init()\npygame.display.set_mode((64, 64))\npygame.event.get()\n"
    target = [word.format(file=tmp_path / "game.py") for word in how]
    words = [sys.executable, "-m", "gs_pygame", target[0], "--data-dir", str(folder), "--endpoint", server.url]
    done = run_game(tmp_path, source, *words, *target[1:], PYTHONPATH=f"{ROOT}:{tmp_path}")
    assert done.returncode == 0, done.stderr
    assert server.wait_for(1)
    gone(folder)
    assert reasons(server) == ["quit"]


def test_the_working_directory_is_gone(server: FaultServer, folder: Path, tmp_path: Path) -> None:
    """The game's own, removed while it ran."""
    there = tmp_path / "there"
    there.mkdir()
    then = f"os.chdir({str(there)!r})\nos.rmdir({str(there)!r})"
    for place in ("before", "then"):
        there.mkdir(exist_ok=True)
        source = script(then) if place == "then" else script("pass", then)
        assert played(source, folder, server.url).returncode == 0
        gone(folder)
    assert reasons(server) == ["quit", "quit"]


def test_no_standard_streams(server: FaultServer, folder: Path) -> None:
    """Standard input, output and error are closed, as in a program with a window on Windows."""
    source = script("pass").replace('print("playing", flush=True)', "")
    words = [sys.executable, "-c", source, str(folder), server.url]
    with started(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *words]) as game:
        assert game.wait(DEADLINE) == 0
    assert server.wait_for(1)
    gone(folder)
    assert on_disk(folder) == [("delivered", "quit", 0)]


@pytest.mark.parametrize("length", [2_000, 5_000])
def test_a_long_secret(server: FaultServer, folder: Path, length: int) -> None:
    """What a pipe takes at once is delivered; what it does not is left to the next start, and the exit is not held."""
    done = played(script("pass", secret=f"'x' * {length}"), folder, server.url)
    assert (done.returncode, done.stderr) == (0, "")
    gone(folder)
    assert on_disk(folder) == [("delivered" if length == 2_000 else "ready", "quit", 0)]


ODD = {
    "None": "sys.executable = None",
    "empty": "sys.executable = ''",
    "missing": "sys.executable = '/missing/python3'",
    "no Python": "sys.executable = '/bin/sh'",
    "a number": "sys.executable = 5",
    "an audit hook": "sys.addaudithook(lambda name, _: 1 / 0 if name == 'subprocess.Popen' else None)",
    "frozen, no freeze_support": "sys.frozen = True",
}


@pytest.mark.parametrize("how", ODD)
def test_where_nothing_can_be_started(server: FaultServer, folder: Path, how: str) -> None:
    """The exit is as ever, silent, and the end is there for the next start."""
    done = played(script(f"{ODD[how]}\npygame.quit()\nsys.exit(3)"), folder, server.url)
    assert (done.returncode, done.stderr) == (3, "")
    assert helpers(folder) == []
    assert on_disk(folder) == [("ready", "quit", 0)]


@pytest.mark.parametrize("executable", ["python3", "./python3", "{here}", "{here}/python3-none", "{here}/game"])
def test_what_is_no_interpreter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, executable: str) -> None:
    """A relative name, which would be looked for in the data folder; a folder; a missing file; another program."""
    for name in ("python3", "game"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", executable.format(here=tmp_path))
    assert process.command(0, []) is None


def test_an_interpreter_that_cannot_be_executed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where it is started it is an OSError, and no pipe is left open."""
    (tmp_path / "python3").touch()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python3"))
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match="cannot run a process of ours"):
        process.Process(b"order\n", str(tmp_path), [])
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_flag_for_bytecode_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A game that writes no .pyc files has a reason, be it a store that checks its folder."""
    for flag in (False, True):
        monkeypatch.setattr(sys, "dont_write_bytecode", flag)
        command = process.command(0, [])
        assert command is not None
        assert ("-B" in command) is flag


ECHO = """
import os, sys
told = b""
while not told.endswith(b"stop\\n") and (more := os.read(int(sys.argv[2].partition("=")[2]), 1000)):
    told += more
names = sorted(name for name in os.environ if "gs_pygame" in name.lower())
open("told", "w").write(repr((told, sys.argv[3:], names, os.environ["PYINSTALLER_RESET_ENVIRONMENT"])))
"""


def told_to(folder: Path) -> Any:
    """What the program ECHO was told, where it looks for modules, and which of our settings it knows."""
    eventually(lambda: (folder / "told").exists() and (folder / "told").read_text().endswith(")"))
    return ast.literal_eval((folder / "told").read_text())


@pytest.mark.parametrize("how", ["a clone", "no clone"])
def test_what_it_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, how: str) -> None:
    """The order, then words, each as it was; long and odd paths; no child is left, with or without Linux's clone."""

    def refuse(line: bytes) -> None:
        raise OSError("Function not implemented")

    if how == "no clone":
        monkeypatch.setattr(process, "_unseen", refuse)
    monkeypatch.setattr(process, "_PROGRAM", ECHO)
    monkeypatch.setenv("GS_PYGAME_SECRET", "hush")
    search = [f"/spiele/Игры 'и' \"$HOME\" {number}/{'д' * 200}" for number in range(40)]
    order = b"x" * (process.PIPE_SIZE - process.SPARE - 1) + b"\n"
    before = children(os.getpid())  # a display, perhaps
    started = process.Process(order, str(tmp_path), search)
    assert children(os.getpid()) == before
    started.say(b"nudge\n")
    started.say(b"stop\n")
    started.close()
    assert told_to(tmp_path) == (order + b"nudge\nstop\n", search, [], "1")


def test_no_word_waits_or_breaks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """To a helper that is gone, and to one that reads nothing, in a game whose SIGPIPE is at its default."""
    source = """
    import signal, sys, time
    from gs_pygame._delivery import process
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    process._PROGRAM = sys.argv[2]
    started = process.Process(b"order\\n", sys.argv[1], [])
    time.sleep(0.5)
    begun = time.monotonic()
    for _ in range(50_000):
        started.say(b"nudge\\n")
    print(time.monotonic() - begun < 5)
    """
    for program in ("", "import time; time.sleep(5)"):
        assert run(source, tmp_path, program).stdout == "True\n"


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Windows, as far as starting goes; the flags of each attempt. A job that lets nobody go."""
    attempts: list[int] = []
    really = process._popen

    def popen(arguments: list[str], folder: str, environment: dict[str, str], flags: int, pipe: int) -> Any:
        attempts.append(flags)
        if flags & 0x01000000:
            raise PermissionError(13, "Access is denied")
        return really(arguments, folder, environment, 0, pipe)

    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(process, "_popen", popen)
    return attempts


def test_windows_tries_to_leave_the_job(windows: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No console window, low priority, out of the game's job; where the job forbids that, within it. Secrets are
    upper case there, whatever the game wrote; the pipe is standard input."""
    monkeypatch.setenv("gs_pygame_secret", "lower")
    monkeypatch.setattr(process, "_PROGRAM", ECHO.replace('int(sys.argv[2].partition("=")[2])', "0"))
    started = process.Process(b"order\n", str(tmp_path), ["C:\\Игры"])
    started.say(b"stop\n")
    started.close()
    monkeypatch.undo()
    assert windows == [0x08000000 | 0x200 | 0x4000 | 0x01000000, 0x08000000 | 0x200 | 0x4000]
    assert told_to(tmp_path) == (b"order\nstop\n", ["C:\\Игры"], [], "1")
    os.wait()  # here it is a child


FROZEN = """
import sys
sys.frozen, sys.executable = True, sys.argv.pop(1)
sys.stdin = None
import gs_pygame
gs_pygame.freeze_support()
open(sys.argv[1] + ".windows", "a").write("x")
"""


def test_a_frozen_game(server: FaultServer, folder: Path, tmp_path: Path) -> None:
    """It is started once more with nothing but our argument, does the work in freeze_support(), and opens no second
    window; without a console it has no sys.stdin."""
    program, binary = tmp_path / "game.py", tmp_path / "game"
    program.write_text(script("pygame.quit()\nopen(sys.argv[1] + '.go').read()", FROZEN))
    binary.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{program}" "{binary}" "$@"\n')
    binary.chmod(0o755)
    os.mkfifo(f"{folder}.go")
    with started([str(binary), str(folder), server.url]) as game:
        pid = helper(folder)
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
        assert words[-1].startswith(process.ARGUMENT.encode())
        assert b"PYINSTALLER_RESET_ENVIRONMENT=1" in Path(f"/proc/{pid}/environ").read_bytes()
        assert SECRET.encode() not in b"".join(words)
        Path(f"{folder}.go").write_text("")
        assert game.wait(DEADLINE) == 0
        assert server.wait_for(1)
    gone(folder)
    assert on_disk(folder) == [("delivered", "quit", 0)]
    assert Path(f"{folder}.windows").read_text() == "x"


def test_freeze_support_without_a_frozen_game(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does nothing, whatever the command line says."""
    monkeypatch.setattr(sys, "argv", ["game", f"{process.ARGUMENT}=0"])
    gs_pygame.freeze_support()


@pytest.mark.parametrize("pipe", ["=0", "=nonsense", "=99", "=-1", ""])
@pytest.mark.parametrize(
    "order", ["", "nonsense\n", "{}\n", '{"outbox": 1, "run_file": 2, "run": "3", "number": 1, "destination": 3}']
)
def test_an_order_that_is_none(tmp_path: Path, pipe: str, order: str) -> None:
    """A frozen game started by hand with our argument, or a pipe that broke: the process ends, and leaves nothing."""
    source = f"import sys\nsys.frozen = True\nsys.argv[1:] = [{process.ARGUMENT + pipe!r}]\n"
    done = subprocess.run(
        [sys.executable, "-c", source + "import gs_pygame\ngs_pygame.freeze_support()\nprint('a second window')"],
        input=order,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment(),
        timeout=DEADLINE,
        check=False,
    )
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []
