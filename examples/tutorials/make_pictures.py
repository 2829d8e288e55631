"""`python -m examples.tutorials.make_pictures`: plays the tutorials, and makes the pictures in assets/tutorials.

Games are played without a screen, by the testing kit; the dashboard is that of a real server, which real processes have
reported to, in Chromium (which must be installed, and playwright: the extra `test`).
"""

from __future__ import annotations

import os
import random
import runpy
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .players import evening, follow

HERE = Path(__file__).parent
PICTURES = HERE.parents[1] / "assets" / "tutorials"
WIDTH, WIDE = 1000, 1420  # pixels of the dashboard, and of its list of sessions


def main() -> None:
    os.environ["SDL_VIDEODRIVER"] = os.environ["SDL_AUDIODRIVER"] = "dummy"
    PICTURES.mkdir(exist_ok=True)
    for name in STORIES:
        play(name)
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as address:
        os.environ["GS_PYGAME_ENDPOINT"] = address
        _look(address, Path(folder))


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of `gs-pygame serve`, which keeps what it gets in `folder`."""
    command = [sys.executable, "-m", "gs_pygame", "serve", "--port", "0", "--database", f"sqlite:///{folder}/s.sqlite3"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip().rstrip("/")
        finally:
            server.terminate()


def play(name: str) -> None:
    """Play until the end of its story, and keep the last picture of it."""
    import pygame

    from gs_pygame import testing

    def seen() -> Iterator[float]:
        yield from STORIES[name]()
        pygame.image.save(pygame.display.get_surface(), PICTURES / f"{name}.png")

    random.seed(1)
    script = HERE / ("first.py" if name == "first" else "bricks_with_sessions.py")
    with tempfile.TemporaryDirectory() as folder, testing.game(folder) as player:
        player.plays(lambda: runpy.run_path(str(script), run_name="__main__"), seen())
    pygame.quit()


def _catching() -> Iterator[float]:
    follow("gold")
    yield 16.6


def _breaking() -> Iterator[float]:
    import pygame

    follow("white")
    for key, wait in ((pygame.K_SPACE, 0.1), (pygame.K_n, 0.1), (pygame.K_n, 9.0)):
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key))
        yield wait


STORIES: dict[str, Callable[[], Iterator[float]]] = {"first": _catching, "bricks": _breaking}
NAMES = (*STORIES, "dashboard", "versions", "sessions")


def _look(address: str, folder: Path) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": 480})
        evening(folder)
        page.goto(f"{address}/?days=7")
        page.locator(".totals div").filter(has_text="Abnormal").filter(has_text="14").wait_for()  # it follows by itself
        page.screenshot(path=PICTURES / "dashboard.png")
        page.set_viewport_size({"width": WIDE, "height": 480})
        page.locator("#sessions").screenshot(path=PICTURES / "sessions.png")
        evening(folder, "1.1")
        page.goto(f"{address}/?days=7")
        versions = page.locator("section", has=page.get_by_role("heading", name="Versions"))
        versions.get_by_role("row", name="1.1 7").wait_for()
        versions.screenshot(path=PICTURES / "versions.png")
        browser.close()


if __name__ == "__main__":
    main()
