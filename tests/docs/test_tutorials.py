"""The three tutorials: their games are what the pages show, are played, and show what the pages say."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pygame
import pytest
from browser_fixtures import browser as browser
from core_kit import environment
from docs_kit import ROOT, blocks, text_of
from playwright.sync_api import Browser, expect
from test_readme import LEAVES, patched

from examples.tutorials import make_pictures, players
from gs_pygame.testing import FaultServer, Player, ended

TUTORIALS = ROOT / "examples" / "tutorials"
PAGES = ("tutorial", "tutorial-finished", "tutorial-dashboard")
DEADLINE = 60.0
"""Seconds; only a broken game takes so long."""


@pytest.fixture(autouse=True)
def mouse(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a bot does with it is undone."""
    monkeypatch.setattr(pygame.mouse, "get_pos", lambda: (240, 200))


def source(name: str) -> str:
    return (TUTORIALS / f"{name}.py").read_text("utf-8")


def script(name: str) -> Callable[[], object]:
    return lambda: runpy.run_path(str(TUTORIALS / f"{name}.py"), run_name="__main__")


def press(key: int) -> Callable[[], object]:
    return lambda: pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key))


# A first game


def test_the_first_game_is_what_the_page_shows() -> None:
    """Thirty lines, or nearly so."""
    [block] = [block for block in blocks("python", "") if block.page == "assets/docs/tutorial.md"]
    assert block.code == source("first")
    assert len([line for line in block.code.splitlines() if line]) <= 30


def test_the_first_game(gs_player: Player) -> None:
    """A bot catches some stars, and goes away: the score of that moment is with the session."""
    players.follow("gold")
    gs_player.plays(script("first"), [10, gs_player.leaves, 400])
    assert gs_player.ends == [ended("background", active=10)]
    assert gs_player.ends[0].script_data["score"] >= 5


# A game that is finished


def test_the_diff_makes_the_one_of_the_other() -> None:
    """But for the first line, which says what it is."""
    made = source("bricks")
    for block in blocks("diff", "bricks"):
        made = patched(made, block.code)
    assert made.partition("\n")[2] == source("bricks_with_sessions").partition("\n")[2]
    assert "gs_pygame" not in source("bricks").partition("\n")[2]


def test_the_finished_game_as_it_is(tmp_path: Path) -> None:
    """`gs-pygame run`, in a process of its own, without a change."""
    (tmp_path / "sitecustomize.py").write_text(LEAVES)
    with FaultServer() as server:
        more = {"GS_PYGAME_ENDPOINT": server.url, "GS_PYGAME_DATA_DIR": str(tmp_path / "data")}
        asked = environment(SDL_AUDIODRIVER="dummy", **more)
        asked["PYTHONPATH"] = os.pathsep.join([str(tmp_path), asked["PYTHONPATH"]])
        command = [sys.executable, "-m", "gs_pygame", "run", TUTORIALS / "bricks.py"]
        done = subprocess.run(command, env=asked, timeout=DEADLINE, check=False)
        assert done.returncode == 0
        assert server.wait_for(1)
    assert server.requests[0].json["scriptData"]["session"]["reason"] == "quit"


def test_the_finished_game_with_sessions(gs_player: Player) -> None:
    """Away while its title waits in a loop of its own, and away in a level: each is a session, with what it knew."""
    players.follow("white")
    play = [5, gs_player.leaves, 400, gs_player.returns, 1, press(pygame.K_SPACE), 2, press(pygame.K_n), 2]
    gs_player.plays(script("bricks_with_sessions"), [*play, press(pygame.K_p), gs_player.leaves, 400])
    assert gs_player.ends == [ended("background", active=5), ended("background", active=5)]
    assert [end.script_data["level"] for end in gs_player.ends] == [1, 2]


def test_the_fault_and_its_repair(gs_player: Player, tmp_path: Path) -> None:
    """The fourth level of three crashes, and says so; with the page's diff it is the first again."""
    skips = [press(pygame.K_SPACE), 0.1, *[press(pygame.K_n)] * 3]
    with pytest.raises(IndexError):
        gs_player.plays(script("bricks_with_sessions"), [1, *skips, 5])
    [block] = blocks("diff", "mended")
    mended = tmp_path / "mended.py"
    mended.write_text(patched(source("bricks_with_sessions"), block.code))
    gs_player.plays(lambda: runpy.run_path(str(mended), run_name="__main__"), [1, *skips, 5])
    assert [(end.reason, end.script_data["level"]) for end in gs_player.ends] == [("crash", 4), ("quit", 4)]


# Its players


@pytest.fixture(scope="module")
def evenings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that two evenings have reported to, of both versions."""
    folder = tmp_path_factory.mktemp("evenings")
    with pytest.MonkeyPatch.context() as patch, make_pictures.serving(folder) as address:
        patch.setenv("GS_PYGAME_ENDPOINT", address)
        patch.setenv("PYTHONPATH", str(ROOT))
        for version in ("1.0", "1.1"):
            players.evening(folder, version)
        yield address


def sessions(address: str) -> list[Any]:
    found: list[Any] = httpx.get(f"{address}/sessions", trust_env=False, timeout=DEADLINE).json()
    return found


def test_an_evening_is_what_the_page_says(evenings: str) -> None:
    """Six players, seven sessions: four quit, two crashed in level 4, one was killed, as its next start found."""
    assert len({one["playerId"] for one in sessions(evenings)}) == 6
    for version, crashes in (("1.0", 2), ("1.1", 0)):
        played = [one for one in sessions(evenings) if one["appVersion"] == version]
        reasons = [one["reason"] for one in played]
        assert len({one["playerId"] for one in played}) == 6
        assert (len(reasons), reasons.count("crash"), reasons.count("abnormal")) == (7, crashes, 1)
        assert {one["scriptData"]["level"] for one in played if one["reason"] == "crash"} <= {4}


def test_the_dashboard_shows_what_the_page_says(evenings: str, browser: Browser) -> None:
    """In Chromium: the names that the tutorial uses, and a version with and one without crashes."""
    page = browser.new_page()
    page.goto(f"{evenings}/?days=7")
    versions = page.locator("section", has=page.get_by_role("heading", name="Versions"))
    expect(versions.get_by_role("row", name="1.0")).to_contain_text(re.compile(r"29\s%"))
    expect(versions.get_by_role("row", name="1.1")).to_contain_text(re.compile(r"\b0\s%"))
    for name in ("Players today", "New players", "Sessions", "Session length", "Crash", "Abnormal"):
        expect(page.locator("dt", has_text=name).first).to_be_visible()
    crashed = page.locator("#sessions tr", has_text="crash")
    assert ['"level":4' in text.replace(" ", "") for text in crashed.all_inner_texts()] == [True, True]
    page.close()


# Pictures


@pytest.mark.parametrize("page", PAGES)
def test_each_page_has_its_picture(page: str) -> None:
    """Small ones."""
    shown = [name for name in make_pictures.NAMES if f"../tutorials/{name}.png" in text_of(f"assets/docs/{page}.md")]
    assert shown
    assert all((make_pictures.PICTURES / f"{name}.png").stat().st_size < 120_000 for name in shown)


def test_the_pictures_can_be_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the games, by the script that made them, as they are."""
    for name in ("first", "bricks"):
        monkeypatch.setattr(make_pictures, "PICTURES", tmp_path)
        make_pictures.play(name)
        made = pygame.image.load(tmp_path / f"{name}.png")
        kept = pygame.image.load(ROOT / "assets" / "tutorials" / f"{name}.png")
        assert made.get_size() == kept.get_size()
