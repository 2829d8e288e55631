"""`gs-pygame` as a whole: its help, its completion, its colours, and what works without the extra `tools`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cli_kit import Command, fill
from core_kit import environment

import gs_pygame
from gs_pygame import __version__
from gs_pygame.cli import NEEDS_TOOLS, main

COMMANDS = ("run", "serve", "status", "flush", "export", "doctor", "purge")

WITHOUT_THE_EXTRA = """
import sys
sys.modules["typer"] = sys.modules["rich"] = None
from gs_pygame.cli import main
sys.exit(main(sys.argv[1:]))
"""


def without_the_extra(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT_THE_EXTRA, *words]
    return subprocess.run(command, env=environment(**more), capture_output=True, text=True, check=False)


@pytest.mark.parametrize("words", [["status"], ["doctor"], ["flush"], ["flush", "--help"]], ids=" ".join)
def test_without_the_extra(words: list[str]) -> None:
    """One plain sentence says what to install."""
    done = without_the_extra(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'gs-pygame[tools]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("words", [["--help"], []], ids=["--help", "nothing"])
def test_help_without_the_extra(words: list[str]) -> None:
    """All commands with what they are for, and what to install for those that need it; in 80 columns."""
    done = without_the_extra(*words)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")] == list(COMMANDS)
    assert "pip install 'gs-pygame[tools]'" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_the_plain_help_says_the_same(command: Command) -> None:
    """As each command's own."""
    assert [
        name
        for name in COMMANDS[2:]
        if NEEDS_TOOLS[name].rstrip(".") not in " ".join(command(name, "--help").out.split())
    ] == []


def test_who_tries_the_demo_has_every_command() -> None:
    """The extra brings what `status` needs."""
    pyproject = (Path(gs_pygame.__file__).parents[1] / "pyproject.toml").read_text("utf-8")
    assert re.findall(r"^demo = .*\[(.*?)\]\"\]$", pyproject, re.MULTILINE) == ["pygame-ce,server,tools"]


def test_a_game_runs_without_the_extra(tmp_path: Path) -> None:
    """`run` needs nothing but the core, and puts nothing of the command line around the game."""
    game = tmp_path / "game.py"
    game.write_text("import sys; print(sys.argv[1:], [name for name in ('typer', 'rich') if sys.modules.get(name)])")
    done = without_the_extra(
        "run", "--data-dir", str(tmp_path / "data"), str(game), "--help", GS_PYGAME_ENDPOINT="http://127.0.0.1:9"
    )
    assert (done.returncode, done.stdout) == (0, "['--help'] []\n")


@pytest.mark.parametrize("command", ["run", "serve"])
def test_the_plain_ones_have_help_without_the_extra(command: str) -> None:
    """With an example and the exit codes."""
    done = without_the_extra(command, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: gs-pygame {command} ")
    assert "Example" in done.stdout
    assert "exit code" in " ".join(done.stdout.split())


def test_help_lists_every_command(command: Command) -> None:
    """Those that need the extra, and those that do not."""
    done = command("--help")
    assert done.code == 0
    listed = [words[1] for line in done.out.splitlines() if len(words := line.split()) > 2 and words[1] in COMMANDS]
    assert tuple(listed) == COMMANDS


@pytest.mark.parametrize("name", COMMANDS[2:])
def test_help_of_each(command: Command, name: str) -> None:
    """What it does, examples, exit codes; in 80 columns; and no option for a secret."""
    done = command(name, "--help")
    assert done.code == 0
    assert "Examples" in done.out
    assert f"gs-pygame {name}" in done.out
    assert "Exit code 0:" in done.out
    assert max(map(len, done.out.splitlines())) <= 80
    assert "--secret" not in done.out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """With the extra or without."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == without_the_extra("--version").stdout == f"gs_pygame {__version__}\n"


@pytest.mark.parametrize("words", [["stauts"], ["status", "--nonsense"], ["status", "extra"]], ids=" ".join)
def test_a_wrong_call(command: Command, words: list[str]) -> None:
    """Exit code 2, and nothing on standard output."""
    done = command(*words)
    assert (done.code, done.out) == (2, "")


def test_completion() -> None:
    """The shell is told of commands and options."""
    asked = environment(_GS_PYGAME_COMPLETE="complete_bash", COMP_WORDS="gs-pygame fl", COMP_CWORD="1")
    done = subprocess.run(
        [sys.executable, "-m", "gs_pygame"], env=asked, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout.split() == ["flush"]


@pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal is Unix's")
@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_colours(path: Path, no_color: str, coloured: bool) -> None:
    """In a terminal, unless NO_COLOR is set."""
    import pty

    fill(path, "a")
    ours, theirs = pty.openpty()
    asked = environment(TERM="xterm-256color", COLUMNS="80", **({"NO_COLOR": no_color} if no_color else {}))
    command = [sys.executable, "-m", "gs_pygame", "status", "--data-dir", str(path.parent)]
    done = subprocess.run(command, env=asked, stdout=theirs, stderr=subprocess.PIPE, check=False)
    os.close(theirs)
    shown = os.read(ours, 65536)
    os.close(ours)
    assert done.returncode == 0
    assert (b"\x1b[33m" in shown) == coloured
