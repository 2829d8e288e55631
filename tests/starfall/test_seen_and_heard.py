"""Starfall as its player has it: what is sent as their score, what the panels may cover, and how loud it is."""

from __future__ import annotations

import subprocess
import sys
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pygame
import pytest
from core_kit import environment
from test_game import Stage, press
from test_game import stage as stage

from examples.starfall.draw import Painter
from examples.starfall.game import Game
from examples.starfall.world import PLAYER_Y, WIDTH

DEADLINE = 60.0
"""Seconds; only a broken game takes so long."""

LOGO = pygame.Rect(165, 84, 630, 128)
"""Where the title's letters are, between the two ends of their swing."""


# What is sent


def test_attract_mode_is_no_play(stage: Stage) -> None:
    """What the bot makes behind the title is not the player's: it is not sent, in whichever session."""

    def script(game: Game) -> Iterator[float]:
        yield 4
        game.world.score = 440  # the bot's
        stage.player.leaves()
        yield 5.5
        stage.player.returns()
        yield 0.5
        yield press(pygame.K_SPACE)
        game.world.score = 770
        yield 0.5
        yield press(pygame.K_ESCAPE)
        yield press(pygame.K_ESCAPE)  # to the title
        yield 1
        stage.player.leaves()
        yield 5.5
        stage.player.returns()
        yield 1

    stage.plays(script)
    sent = [end.script_data for end in stage.player.ends]
    assert [data.get("score", 0) >= 770 for data in sent] == [False, True, False]
    assert (sent[0], sent[2]) == ({}, {})


# What is seen


class Plates:
    """Each plate that a frame draws, and what it has drawn of the world by then."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.over: list[pygame.Rect] = []
        self.under: list[pygame.Rect] = []
        plate, world, sky = Painter.plate, Painter.world, Painter.sky
        self._world_is_there = False

        def draw_sky(painter: Painter, *given: Any) -> None:
            self.over, self.under, self._world_is_there = [], [], False
            sky(painter, *given)

        def draw_world(painter: Painter, *given: Any) -> None:
            self._world_is_there = True
            world(painter, *given)

        def draw_plate(painter: Painter, rect: pygame.Rect, *given: Any) -> None:
            (self.over if self._world_is_there else self.under).append(pygame.Rect(rect))
            plate(painter, rect, *given)

        for name, draw in (("sky", draw_sky), ("world", draw_world), ("plate", draw_plate)):
            patch.setattr(Painter, name, draw)


@pytest.fixture
def plates(monkeypatch: pytest.MonkeyPatch) -> Plates:
    return Plates(monkeypatch)


def test_no_panel_covers_the_play(stage: Stage, plates: Plates) -> None:
    """In a play strip, card and what came from before lie behind what falls; in a pause none lies on the moon."""
    seen: list[str] = []

    def moon(game: Game) -> pygame.Rect:
        return pygame.Rect(game.world.x - 64, PLAYER_Y - 30, 128, 76)

    def script(game: Game) -> Iterator[float]:
        yield press(pygame.K_SPACE)
        yield 1
        assert plates.under
        assert plates.over == []
        yield press(pygame.K_F1)
        assert plates.over == []
        yield press(pygame.K_p)
        seen.append("paused")
        assert plates.over
        assert moon(game).collidelist(plates.over) < 0
        stage.player.leaves()
        for _ in range(3):
            yield 2
            assert moon(game).collidelist(plates.over) < 0
        stage.player.returns()
        yield 1
        yield press(pygame.K_SPACE)
        game.world.over = True
        yield 1
        seen.append("over")
        assert moon(game).collidelist(plates.over) < 0

    stage.plays(script)
    assert seen == ["paused", "over"]


def test_what_came_from_before_does_not_cover_the_title(stage: Stage, plates: Plates) -> None:
    """A killed game's sessions are told of beside the words, and in a play behind what falls."""
    stage.player.destination.offline = True
    for _ in range(4):
        pygame.quit()
        stage.player.plays(lambda: stage.game().run(), [0.3, stage.player.kills])
    pygame.quit()
    stage.player.destination.offline = False

    def script(game: Game) -> Iterator[float]:
        yield 1
        [told] = [plate for plate in plates.over if plate.height > 100]
        assert not told.colliderect(LOGO)
        assert told.right <= WIDTH
        yield press(pygame.K_SPACE)
        yield 1
        assert plates.over == []
        assert [plate for plate in plates.under if plate.height > 100]

    stage.plays(script)


# What is heard

PLAYED = """
import os, sys, time
import pygame
from examples.starfall.sound import Sound
from examples.starfall.game import ASSETS
sound = Sound(ASSETS)
def heard(name, seconds):
    time.sleep(0.3)  # what is still in the mixer's buffer
    print(name, os.path.getsize(sys.argv[1]), end=" ", flush=True)
    time.sleep(seconds)
    print(os.path.getsize(sys.argv[1]), flush=True)
heard("music", 1.0)
sound.quiet(True)
heard("paused", 0.7)
sound.quiet(False)
print("crash", os.path.getsize(sys.argv[1]), end=" ")
for name in ("hit", "over", "catch7", "level"):  # no more than these can come in one step
    sound.play(name)
time.sleep(0.8)
print(os.path.getsize(sys.argv[1]))
sound.play("shine")
sound.silence(True)
sound.play("catch0")
heard("away", 0.7)
sound.silence(False)
sound.toggle()
time.sleep(1.2)  # what was begun rings out
heard("off", 0.5)
"""


def test_how_loud_it_is(tmp_path: Path) -> None:
    """Measured in what the mixer puts out, as SDL's "disk" driver writes it: music well under the sounds, quieter in a
    pause, nothing clipped, and not a sample that is not zero while the player is away, or has switched it off."""
    raw = tmp_path / "heard.raw"
    more = {"SDL_AUDIODRIVER": "disk", "SDL_AUDIO_DRIVER": "disk", "SDL_DISKAUDIOFILE": str(raw)}
    command = [sys.executable, "-c", PLAYED, str(raw)]
    done = subprocess.run(
        command, env=environment(**more), capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    if not raw.exists():
        pytest.skip("this build of SDL cannot write what it plays")
    samples = array("h", raw.read_bytes()[: raw.stat().st_size // 4 * 4])
    peak = {
        name: max(map(abs, samples[int(begin) // 2 : int(end) // 2]))
        for name, begin, end in (line.split() for line in done.stdout.splitlines())
    }
    assert set(peak) == {"music", "paused", "crash", "away", "off"}, done.stderr
    assert (peak["away"], peak["off"]) == (0, 0)
    assert 300 < peak["paused"] < peak["music"] < 12_000 < peak["crash"] < 32_000
