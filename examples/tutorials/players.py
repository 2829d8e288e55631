"""`python -m examples.tutorials.players`: an evening of Bricks by a few players at once, for the dashboard to show.

Each is a real process of the game, without a window, played by a bot until the player leaves, the game crashes, or is
killed, which its next start reports. Sessions are delivered to the endpoint that the environment names, else to
http://127.0.0.1:8765.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

SEED = ((3.0, "quit"), (2.0, "crash"), (4.0, "quit"), (2.5, "kill"), (3.5, "quit"), (1.5, "crash"))
"""Of each player: for how many seconds they play, and how it ends."""

PATIENCE = 30.0
"""Seconds until the last session has arrived: it is sent when its game has gone."""


def evening(folder: Path, version: str = "1.0") -> None:
    """All of it, until the server has the sessions; what players' computers keep lies in `folder`. A killed game is
    started once more. Raises OSError if there is no server."""
    before = _arrived()
    places = [folder / str(number) for number in range(len(SEED))]
    players = [_start(place, *played, version) for place, played in zip(places, SEED, strict=True)]
    again = 0
    for place, player, (_, way) in zip(places, players, SEED, strict=True):
        player.wait()
        if way == "kill":
            again += 1
            _start(place, 1.0, "quit", version).wait()
    patience = time.monotonic() + PATIENCE
    while _arrived() < before + len(SEED) + again and time.monotonic() < patience:
        time.sleep(0.2)


def _arrived() -> int:
    """How many sessions the server has."""
    with urllib.request.urlopen(f"{_endpoint()}/sessions?limit=1000") as answer:
        return len(json.load(answer))


def _endpoint() -> str:
    return os.environ.get("GS_PYGAME_ENDPOINT", "http://127.0.0.1:8765")


def follow(colour: str) -> None:
    """From now on the mouse is where something of this colour is seen: the ball, a star."""
    import pygame

    at = [240, 200]

    def look() -> tuple[int, int]:
        picture = pygame.display.get_surface()
        if picture is not None:
            seen = pygame.mask.from_threshold(picture, pygame.Color(colour), (1, 1, 1, 255))
            at[0] = seen.centroid()[0] if seen.count() else at[0]
        return at[0], at[1]

    pygame.mouse.get_pos = look


def _start(folder: Path, seconds: float, way: str, version: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "GS_PYGAME_DATA_DIR": str(folder), "PYGAME_HIDE_SUPPORT_PROMPT": "1"}
    environment["SDL_VIDEODRIVER"] = environment["SDL_AUDIODRIVER"] = "dummy"
    command = [sys.executable, "-m", "examples.tutorials.players", str(seconds), way, version]
    return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)  # a crash is meant


def _play(seconds: float, way: str, version: str) -> None:
    """This process is a player's."""
    import pygame

    import gs_pygame

    from . import bricks_with_sessions as game

    install = gs_pygame.install
    told = {"endpoint": _endpoint(), "app_version": version}
    gs_pygame.install = lambda **given: install(**{**given, **told})
    if version != "1.0":
        game.LEVELS *= 9  # as the tutorial mends it, there is always a next one

    def press(*keys: int) -> None:
        for key in keys:
            pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key))

    def act() -> None:
        while not pygame.display.get_surface():
            time.sleep(0.05)
        press(pygame.K_SPACE)
        time.sleep(seconds)
        if way == "kill":
            os.kill(os.getpid(), 9)
        if way == "crash":
            press(*[pygame.K_n] * 3)
            time.sleep(1.0)
        pygame.event.post(pygame.event.Event(pygame.QUIT))

    follow("white")
    threading.Thread(target=act, daemon=True).start()
    game.main()


if __name__ == "__main__":
    if sys.argv[1:]:
        _play(float(sys.argv[1]), sys.argv[2], sys.argv[3])
    else:
        with tempfile.TemporaryDirectory() as made:
            try:
                evening(Path(made))
            except OSError as error:
                sys.exit(f"{_endpoint()} does not answer ({error}): start gs-pygame serve in another terminal")
