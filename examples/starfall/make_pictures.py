"""`python -m examples.starfall.make_pictures`: the README's picture of an absence, from a bot's play."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

os.environ["SDL_VIDEODRIVER"] = os.environ["SDL_AUDIODRIVER"] = "dummy"

import pygame

from gs_pygame import testing

from . import bot
from .game import ASSETS, Game
from .server import Remote
from .sessions import Sessions

PLAYS = (9.0, 14.0, 7.0, 11.0)
"""Seconds of the sessions before the one that is shown; the last two have no network."""


class Cable(Remote):
    """To no server; the testing kit has a destination of its own."""

    def start(self) -> None:
        self.running = True

    def stop(self) -> None:
        self.running = False


def main() -> None:
    with tempfile.TemporaryDirectory() as made, testing.game(Path(made) / "plugin") as player:
        games: list[Game] = []

        def play() -> None:
            server = Cable("http://127.0.0.1:8765")
            game = Game(server, Path(made) / "save.json", lambda data: Sessions(server.address, "s", data, None))
            game._steer = lambda: bot.steer(game.world)  # type: ignore[method-assign]
            games.append(game)
            game.run()

        player.plays(play, _evening(player))


def _evening(player: testing.Player) -> Iterator[float]:
    def press(key: int) -> float:
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key))
        return 0.1

    yield 1
    yield press(pygame.K_SPACE)
    for number, seconds in enumerate(PLAYS):
        yield seconds
        if number == 2:
            player.destination.offline = True
            yield press(pygame.K_n)
        player.leaves()
        yield 7
        player.returns()
        yield 1
        yield press(pygame.K_SPACE)
    yield 6.7
    player.leaves()
    yield 1.7
    pygame.image.save(pygame.display.get_surface(), ASSETS / "away.png")


if __name__ == "__main__":
    main()
