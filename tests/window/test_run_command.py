"""`gs-pygame run` as a way to start a program: the program cannot tell it from Python's own. No window needed."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

ABOUT_ITSELF = """
'''A program that says how it was started.'''
import pickle, sys
import __main__

class Thing:
    size: int

print(__name__, __file__, __package__, __doc__, sep="|")
print(__spec__ and (__spec__.name, __spec__.origin))
print(sys.argv, sys.path[0])
print(__main__.Thing is Thing, type(pickle.loads(pickle.dumps(Thing()))) is Thing, Thing.__annotations__)
print(__builtins__)
"""

WITH_CHILDREN = """
import multiprocessing

def double(number):
    return 2 * number

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(double, [1, 2, 3]))
"""


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GS_PYGAME", "PYTHONS"))}
    environment |= {
        "SDL_VIDEODRIVER": "dummy",
        "SDL_AUDIODRIVER": "dummy",
        "PYGAME_HIDE_SUPPORT_PROMPT": "1",
        "GS_PYGAME_ENDPOINT": "http://127.0.0.1:9",  # discard: nobody listens
        "GS_PYGAME_DATA_DIR": str(folder / "data"),
    }
    return subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def assert_same(folder: Path, *command: str) -> None:
    """Python's own way and `gs-pygame run` print the same and exit the same."""
    plain = run(folder, *command)
    watched = run(folder, "-m", "gs_pygame", "run", *command)
    assert plain.stdout
    assert (watched.stdout, watched.returncode) == (plain.stdout, plain.returncode)
    assert "gs_pygame" not in watched.stderr.replace(os.sep + "gs_pygame" + os.sep, "")  # no word of ours


@pytest.fixture
def game(tmp_path: Path) -> Path:
    """A folder with a game in it: as a file, as a link to one, as a package."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "game.py").write_text(ABOUT_ITSELF)
    (tmp_path / "link.py").symlink_to(tmp_path / "src" / "game.py")
    (tmp_path / "children.py").write_text(WITH_CHILDREN)
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("import sys; print('imported', sys.argv)")
    (tmp_path / "package" / "__main__.py").write_text(ABOUT_ITSELF)
    (tmp_path / "package" / "part.py").write_text(ABOUT_ITSELF)
    return tmp_path


@pytest.mark.parametrize(
    "command",
    [
        ["src/game.py", "--grace", "5", "level one"],
        ["src/../src/game.py", "--", "-m"],
        ["./link.py"],
        ["-m", "package", "--app", "x"],
        ["-m", "package.part"],
        ["children.py"],
    ],
    ids=" ".join,
)
def test_a_program_finds_what_it_expects(game: Path, command: list[str]) -> None:
    """Name, file, arguments, path, `__main__`, pickles, spawned children, annotations: as if Python had started it."""
    assert_same(game, *command)


@pytest.mark.parametrize(
    "last",
    ["import sys; sys.exit(7)", "raise SystemExit", "raise SystemExit('words')", "1 / 0", "import os; os._exit(4)"],
)
def test_exit_code(tmp_path: Path, last: str) -> None:
    """However a program ends, its exit code is its own."""
    (tmp_path / "game.py").write_text(f"print('to the end', flush=True)\n{last}\n")
    assert_same(tmp_path, "game.py")


def test_traceback(tmp_path: Path) -> None:
    """An uncaught exception is printed with the program's lines, and ends it with 1."""
    (tmp_path / "game.py").write_text("def play():\n    1 / 0\n\nplay()\n")
    watched = run(tmp_path, "-m", "gs_pygame", "run", "game.py")
    assert watched.returncode == 1
    assert 'game.py", line 4, in <module>' in watched.stderr
    assert watched.stderr.rstrip().endswith("ZeroDivisionError: division by zero")


def test_installed_before_a_package_is_imported(tmp_path: Path) -> None:
    """A package that takes `pygame.event.get` for itself when it is imported takes the watched one."""
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("from pygame.event import get")
    (tmp_path / "package" / "__main__.py").write_text("from package import get; print(type(get).__module__)")
    assert run(tmp_path, "-m", "gs_pygame", "run", "-m", "package").stdout == "gs_pygame._player.hooks\n"


PLAYS = """
import pygame

pygame.display.init()
pygame.display.set_mode((64, 64))
pygame.event.get()
"""
INSTALLS = """
import gs_pygame

def level():
    return {"level": 3}

gs_pygame.install(app="Own", author="Game's", endpoint="http://127.0.0.1:9", data_dir="own", script_data=level)
"""


def ends(folder: Path) -> list[tuple[str, str]]:
    """Reason and script data of what lies there; nothing if there is no such folder."""
    if not folder.exists():
        return []
    with contextlib.closing(sqlite3.connect(folder / "outbox.sqlite3")) as outbox:
        return outbox.execute("SELECT reason, script_data FROM sessions ORDER BY number").fetchall()


@pytest.mark.parametrize(
    ("program", "of_run", "of_the_game"),
    [
        (PLAYS, [("quit", "{}")], []),
        (PLAYS + "1 / 0", [("crash", "{}")], []),
        (INSTALLS + PLAYS, [], [("quit", '{"level":3}')]),
        (INSTALLS + INSTALLS + PLAYS + "1 / 0", [], [("crash", '{"level":3}')]),
        (PLAYS + INSTALLS + PLAYS, [("explicit", "{}")], [("quit", '{"level":3}')]),
        (INSTALLS.replace("data_dir", "enabled=False, data_dir") + PLAYS, [], []),
        ("print('nobody has played')", [], []),
    ],
    ids=["unmodified", "crash", "installs", "installs twice", "installs late", "disabled", "no play"],
)
def test_a_game_that_installs_the_plugin_itself(
    tmp_path: Path, program: str, of_run: list[tuple[str, str]], of_the_game: list[tuple[str, str]]
) -> None:
    """Its own settings win, and nothing raises: one session, that of the game, unless it was played before."""
    (tmp_path / "game.py").write_text(program)
    done = run(tmp_path, "-m", "gs_pygame", "run", "game.py")
    assert done.returncode == ("1 / 0" in program)
    assert "AlreadyInstalled" not in done.stderr
    assert (ends(tmp_path / "data"), ends(tmp_path / "own")) == (of_run, of_the_game)


def test_a_game_with_wrong_settings_of_its_own(tmp_path: Path) -> None:
    """It hears of them as it would without `run`, whose own plugin goes on if the game does."""
    wrong = "try: gs_pygame.install(endpoint='nowhere')\nexcept gs_pygame.ConfigurationError as error: print(error)\n"
    (tmp_path / "game.py").write_text("import gs_pygame\n" + wrong + PLAYS)
    done = run(tmp_path, "-m", "gs_pygame", "run", "game.py")
    assert "nowhere" in done.stdout, done.stderr
    assert ends(tmp_path / "data") == [("quit", "{}")]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["missing.py"], "missing.py"),
        (["-m", "missing"], "no module named missing"),
        (["-m", "missing.part"], "no module named missing.part"),
        (["--grace", "0", "game.py"], "background_grace"),
        (["broken.py"], "invalid syntax"),
        ([], "target"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_run(tmp_path: Path, command: list[str], words: str) -> None:
    """A wrong target or setting: one line that says what is wrong, exit code 2, and nothing on disk."""
    (tmp_path / "game.py").write_text("print('played')")
    (tmp_path / "broken.py").write_text("x = = 1")
    refused = run(tmp_path, "-m", "gs_pygame", "run", *command)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert words in refused.stderr.splitlines()[-1]
    assert not (tmp_path / "data").exists()


def test_a_part_that_is_missing(tmp_path: Path) -> None:
    """A module that is not in its package: Python's own exit code for it, and words instead of a traceback."""
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").touch()
    for name in ("package.missing", "package"):
        refused = run(tmp_path, "-m", "gs_pygame", "run", "-m", name)
        assert refused.returncode == run(tmp_path, "-m", name).returncode == 1
        assert refused.stderr == f"gs-pygame run: no module named {name} can be run\n"
