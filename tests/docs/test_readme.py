"""What README, CONTRIBUTING and the pages show is true: each block of code is run, and a game with each library of
others."""

from __future__ import annotations

import inspect
import json
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import pygame
import pytest
from core_kit import environment
from docs_kit import GAMES, ROOT, Block, blocks, text_of

import gs_pygame
from gs_pygame import Session, Status
from gs_pygame.server import ServerConfig
from gs_pygame.server._cloud_code import Call, CloudCode
from gs_pygame.server._config_file import read_config
from gs_pygame.testing import FaultServer, Player, ended

DEADLINE = 60  # seconds; only a broken program takes so long

LIBRARIES = {"gui": "pygame_gui", "menu": "pygame_menu", "zero": "pgzrun"}

LEAVES = """
import threading, time
import pygame

def leave():
    while not pygame.display.get_surface():
        time.sleep(0.01)
    pygame.event.post(pygame.event.Event(pygame.QUIT))

threading.Thread(target=leave, daemon=True).start()
"""
"""Before a game: its player quits as soon as there is a window."""


def run(code: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`code` as a script, with what gs_pygame keeps in `folder`."""
    script = folder / "script.py"
    script.write_text(code, "utf-8")
    done = subprocess.run(
        [sys.executable, *arguments, script],
        cwd=folder,
        env=environment(SDL_AUDIODRIVER="dummy", GS_PYGAME_DATA_DIR=str(folder / "data")),
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def script(path: Path) -> Callable[[], object]:
    """A file as the main function of a game."""
    return lambda: runpy.run_path(str(path), run_name="__main__")


def patched(source: str, patch: str) -> str:
    """`source` with its lines that are the context of `patch` replaced by what the patch makes of them."""
    lines = patch.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if line[0] in " -")
    assert source.count(before) == 1
    return source.replace(before, "".join(line[1:] for line in lines if line[0] in " +"))


def drop_in() -> str:
    """A game that knows nothing of gs_pygame, has a level, and gets the README's two lines."""
    game = (ROOT / "examples" / "minimal.py").read_text("utf-8").partition("\n\n")[2]
    game = game.replace("\nimport gs_pygame\n", "")
    game = re.sub(r"^gs_pygame\.install\(.*\)\n", "", game, flags=re.MULTILINE)
    game = game.replace("\nrunning = True\n", "\nlevel = 3\nrunning = True\n")
    assert "gs_pygame." not in game
    assert "level" in game
    [block] = blocks("diff", "")
    return patched(game, block.code)


def test_every_block_is_run() -> None:
    """There is no block that no test of this folder, nor CI, would run."""
    kinds = {(block.language, block.mark) for block in blocks()}
    assert kinds <= {
        ("python", ""),
        ("python", "script"),
        ("python", "installed"),
        ("python", "pytest"),
        ("python", "destination"),  # these five: see tests/destinations/test_pages.py
        ("python", "contract"),
        ("python", "receiver"),
        ("python", "table"),
        ("python", "channel"),
        ("diff", ""),
        ("diff", "bricks"),  # these two: see test_tutorials.py
        ("diff", "mended"),
        ("json", ""),
        ("js", ""),
        ("sh", "play"),
        ("sh", "test"),
        ("sh", "waits"),  # for a person, or installs: see test_commands.py
        ("text", "scenario"),
        ("text", "map"),  # see test_contributing.py
        ("toml", ""),
        ("caddyfile", ""),  # these three were tried by hand, with the versions that their page says
        ("nginx", ""),
        ("ini", ""),
        ("{toctree}", ""),  # these two are the site's: see test_site.py
        ("{eval-rst}", ""),
    }


def test_the_settings_are_settings(tmp_path: Path) -> None:
    """Each file for the server is one that it reads."""
    for block in blocks("toml"):
        path = tmp_path / "server.toml"
        path.write_text(block.code, "utf-8")
        assert ServerConfig(**{"database": "sqlite://", **read_config(path)}).port == 8765


def test_the_cloud_code_is_run(tmp_path: Path) -> None:
    """Under the name that its first line gives, for a response."""
    [block] = blocks("js")
    name = re.findall(r"^// (\w+)\.js:", block.code)[0]
    (tmp_path / f"{name}.js").write_text(block.code, "utf-8")
    with closing(CloudCode(tmp_path)) as cloud_code:
        outcome = cloud_code.run(name, Call({"sessionDuration": 90_000}, None, None), lambda *_: {})
    assert (outcome.script_data, outcome.error) == ({"welcome": "back soon, 90 s"}, None)


def test_the_drop_in_is_played(gs_player: Player, tmp_path: Path) -> None:
    """The diff applies to a game, and with it minutes elsewhere end the session when the player left."""
    path = tmp_path / "game.py"
    path.write_text(drop_in(), "utf-8")
    gs_player.plays(script(path), [10, gs_player.leaves, 400, gs_player.returns, 5])
    level = {"level": 3}
    assert gs_player.ends == [
        ended("background", active=10, script_data=level),
        ended("quit", active=5, script_data=level),
    ]


def test_the_server_gets_what_is_shown(tmp_path: Path) -> None:
    """The same game over a real socket: the JSON that is shown has the keys, kinds and fixed values of what comes."""
    [block] = blocks("json")
    with FaultServer() as server:
        run(LEAVES + drop_in().replace("http://127.0.0.1:8765", server.url), tmp_path)
        assert server.wait_for(1)
    sent, shown = server.requests[0].json, json.loads(block.code)
    assert shape(sent) == shape(shown)
    for request in (sent, shown):
        assert request["requestId"] == f"d_{request['scriptData']['session']['id']}"
        assert request["playerId"] == request["scriptData"]["session"]["installationId"]
    fixed = ("number", "previousId", "reason", "counters", "app", "appVersion", "sdk")
    assert [sent["scriptData"]["session"][name] for name in fixed] == [
        shown["scriptData"]["session"][name] for name in fixed
    ]
    assert sent["scriptData"]["level"] == shown["scriptData"]["level"]


def shape(value: Any) -> Any:
    """Keys in their order, and kinds instead of values."""
    return [(key, shape(inner)) for key, inner in value.items()] if isinstance(value, dict) else type(value)


@pytest.mark.parametrize("block", blocks("python", ""), ids=str)
def test_a_game_that_is_shown_is_played(block: Block, gs_player: Player, tmp_path: Path) -> None:
    """Ten seconds of play, minutes elsewhere, five more of play: two sessions."""
    path = tmp_path / "game.py"
    path.write_text(block.code, "utf-8")
    gs_player.plays(script(path), [10, gs_player.leaves, 400, gs_player.returns, 5])
    assert gs_player.ends == [ended("background", active=10, wall=10), ended("quit", active=5)]


def test_the_idle_player_ends_a_session(gs_player: Player, tmp_path: Path) -> None:
    """The recipe for tea: ten minutes without a key end the session, and the next key begins another."""
    [block] = [block for block in blocks("python", "") if "idle" in block.code]
    path = tmp_path / "game.py"
    path.write_text(block.code, "utf-8")
    press = pygame.event.Event(pygame.KEYDOWN, key=pygame.K_SPACE)
    gs_player.plays(script(path), [700, lambda: pygame.event.post(press), 10])
    assert gs_player.ends == [
        ended("explicit", active=600, script_data={"idle": True}, within=1),
        ended("quit", active=10),
    ]


@pytest.mark.parametrize("block", blocks("python", "script"), ids=str)
def test_a_script_that_is_shown_runs(block: Block, tmp_path: Path) -> None:
    """In a process of its own, and without a word on stderr."""
    assert run(block.code, tmp_path, "-W", "error").stderr == ""


@pytest.mark.parametrize("block", blocks("python", "installed"), ids=str)
def test_a_few_lines_with_an_installed_plugin(block: Block, tmp_path: Path) -> None:
    """What is shown of a game's middle runs, and the callback gets the answer."""
    with FaultServer() as server:
        before = f"import gs_pygame\nplugin = gs_pygame.install(endpoint={server.url!r})\n"
        done = run(before + block.code + "plugin.flush(10)\n", tmp_path)
        assert server.requests[0].json["scriptData"]["level"] == 3
    assert re.search(r"^(None|\d+) \{.*\}$", done.stdout, re.MULTILINE), done.stdout


@pytest.mark.parametrize("block", blocks("python", "pytest"), ids=str)
def test_the_tests_that_are_shown_pass(block: Block, tmp_path: Path) -> None:
    """As an author would run them."""
    (tmp_path / "test_shown.py").write_text(block.code, "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", tmp_path, tmp_path],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert f"{block.code.count('def test_')} passed" in done.stdout, done.stdout


def test_the_laboratory_plays_the_scenario_that_is_shown(tmp_path: Path) -> None:
    """From its file, without a screen, into a picture."""
    [block] = blocks("text", "scenario")
    (tmp_path / "mine.txt").write_text(block.code, "utf-8")
    command = [sys.executable, "-m", "examples.backgrounding", tmp_path / "mine.txt", "--png", tmp_path / "mine.png"]
    subprocess.run(command, cwd=ROOT, env=environment(), timeout=DEADLINE, check=True)
    assert pygame.image.load(tmp_path / "mine.png").get_width() > 1000


def shown(name: str) -> Any:
    """A game of the recipes, with what it needs."""
    if name == "gui" and not getattr(pygame, "IS_CE", False):
        return pytest.param(name, marks=pytest.mark.skip("pygame_gui needs pygame-ce"))
    return pytest.param(name, marks=[pytest.mark.library(LIBRARIES[name])] if name in LIBRARIES else [])


@pytest.mark.parametrize("name", [shown(path.stem) for path in sorted(GAMES.glob("*.py"))])
def test_a_game_with_a_library_is_played(name: str, gs_player: Player) -> None:
    """With the real library: away for minutes, back for five seconds; pygame-menu's exit, whose code is 1, leaves its
    end on disk."""
    with pytest.raises(SystemExit) if name == "menu" else nullcontext():
        gs_player.plays(script(GAMES / f"{name}.py"), [10, gs_player.leaves, 400, gs_player.returns, 5])
    if name == "menu":
        gs_player.plays(script(ROOT / "examples" / "minimal.py"), [1])  # the next start; a second menu crashes pygame
    assert gs_player.ends[:2] == [
        ended("background", active=10, wall=10, number=1),
        ended("quit", active=5, number=2),
    ]


@pytest.mark.library("pgzrun")
def test_pgzrun_plays_a_game(tmp_path: Path) -> None:
    """The other way to start a Pygame Zero game, with install() in the same place."""
    game = (GAMES / "zero.py").read_text("utf-8")
    with FaultServer() as server:
        run(LEAVES + game.replace("http://127.0.0.1:8765", server.url), tmp_path, "-m", "pgzero")
        assert server.wait_for(1)
    assert server.requests[0].json["scriptData"]["session"]["reason"] == "quit"


def test_the_table_of_settings_is_whole() -> None:
    """Each argument of install() has its row, and no row is of anything else."""
    section = text_of("assets/docs/settings.md")
    named = settings_in(section)
    assert sorted(named) == sorted(inspect.signature(gs_pygame.install).parameters)
    assert {*settings_in(text_of("README.md").split("\n## Settings\n")[1].split("\n## ")[0])} < {*named}
    listed = {tuple(names.split(", ")) for names in re.findall(r"`([a-z_]+(?:, [a-z_]+)+)`", section)}
    assert Status.__slots__ in listed
    assert Session.__slots__[: Session.__slots__.index("ended_at")] in listed


def settings_in(section: str) -> list[str]:
    """What stands in the first column of its table."""
    rows = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`(\w+)`", row)]


def test_the_readme_is_one_page() -> None:
    """Who wants more follows a link."""
    text = text_of("README.md")
    assert len(text.splitlines()) <= 170
    assert len(text.split()) <= 1200
