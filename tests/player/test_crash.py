"""What is said of a crash: what it was and where, and nothing that may be about the player."""

from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path

import pytest
from core_kit import DEADLINE, started

from gs_pygame._player import crash

MAIN = """
import sys
from pathlib import Path
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "elsewhere")]
import pygame, gs_pygame
from world.level import enter, Lost
pygame.display.init()
pygame.display.set_mode((8, 8))
gs_pygame.install(endpoint="http://127.0.0.1:9", data_dir=sys.argv[1], exit_delivery="next-start",
                  crash_details="off" not in sys.argv)
pygame.event.get()
enter(sys.argv[2])
"""
LEVEL = """
import json
import helper
class Lost(Exception):
    pass
def enter(name):
    if name == "its own":
        raise Lost("the player's name")
    if name == "a library's":
        json.loads("{the player's name")
    if name == "a file's elsewhere":
        helper.fall()
    if name == "Ctrl-C":
        raise KeyboardInterrupt
    exec("1 / 0")
"""
HELPER = """
def fall():
    raise LookupError("the player's name")
"""


@pytest.fixture
def game(tmp_path: Path) -> Path:
    """A game of two files, and a module that lies beside its folder."""
    for name, text in (("game/main.py", MAIN), ("game/world/level.py", LEVEL), ("elsewhere/helper.py", HELPER)):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
    return tmp_path / "game/main.py"


def said(game: Path, *words: str) -> dict[str, object]:
    """What lies on disk of the session that the crash ended."""
    folder = game.parent / "data"
    with started([sys.executable, str(game), str(folder), *words]) as process:
        process.communicate(timeout=DEADLINE)
    with sqlite3.connect(folder / "outbox.sqlite3") as db:
        (about, reason), *rest = db.execute("SELECT about, reason FROM sessions").fetchall()
    db.close()
    assert rest == []
    assert "name" not in about
    about = json.loads(about)
    return {"reason": reason, "exception": about.get("exception"), "frame": about.get("frame")}


@pytest.mark.parametrize(
    ("name", "exception", "frame"),
    [
        ("its own", "world.level.Lost", "world/level.py:8 in enter"),
        ("a library's", "json.decoder.JSONDecodeError", "world/level.py:10 in enter"),
        ("a file's elsewhere", "LookupError", "world/level.py:12 in enter"),
        ("another", "ZeroDivisionError", "world/level.py:15 in enter"),
    ],
)
def test_type_and_the_innermost_frame_of_the_games_own(
    game: Path, screen: None, name: str, exception: str, frame: str
) -> None:
    """Named from the game's folder; what a library, or a file from elsewhere, does inside is not the game's."""
    assert said(game, name) == {"reason": "crash", "exception": exception, "frame": frame}


@pytest.mark.parametrize("words", [("Ctrl-C",), ("another", "off")])
def test_nothing_is_said(game: Path, screen: None, words: tuple[str, ...]) -> None:
    """Of what is no crash, or where the author wants nothing said."""
    found = said(game, *words)
    assert (found["exception"], found["frame"]) == (None, None)


def test_a_frozen_games_files_have_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """What PyInstaller leaves of their paths is taken; the standard library's is told by its name."""
    assert crash._own_file("world/level.py", "world.level", None) == "world/level.py"
    assert crash._own_file("json/decoder.py", "json.decoder", None) is None
    assert crash._own_file("game.py", "__main__", None) == "game.py"
    assert crash._own_file("<string>", "world.level", None) is None


def test_it_is_never_long() -> None:
    """A name that a program makes may be of any length."""
    kind = type("E" * 5000, (Exception,), {})
    assert len(crash.crash_details(kind, None, None)["exception"]) == crash.LONGEST


@pytest.mark.skipif(sys.platform == "win32", reason="of POSIX's paths")
def test_a_library_in_the_games_folder_is_none_of_its_files() -> None:
    """A virtual environment often lies there."""
    folder = Path("/games/mine")
    inside = "/games/mine/.venv/lib/python3.11/site-packages/x/y.py"
    assert crash._own_file(inside, "x.y", folder) is None
    assert crash._own_file("/games/mine/a/b.py", "a.b", folder) == "a/b.py"
    assert crash._own_file("/games/other/b.py", "b", folder) is None


def test_what_no_server_takes_is_not_said() -> None:
    """A half of a surrogate pair, of a file's name that is no UTF-8, would have the end refused for ever."""
    code = compile("1 / 0", "lev\udcffel.py", "exec")
    with pytest.raises(ZeroDivisionError) as caught:
        exec(code, {"__name__": "level"})
    assert crash.crash_details(caught.type, caught.tb, None)["frame"] == "lev?el.py:1 in <module>"
