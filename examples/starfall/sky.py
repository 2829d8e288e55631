"""The sky behind the game: gradients that change with the level, three depths of stars, two rows of hills."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pygame

from .letters import Colour
from .world import HEIGHT, WIDTH

# top, middle and horizon of each sky; the game begins at dusk and goes round the night
SKIES: tuple[tuple[Colour, Colour, Colour], ...] = (
    ((19, 15, 54), (66, 42, 116), (196, 96, 128)),
    ((9, 14, 44), (26, 44, 102), (64, 104, 158)),
    ((8, 20, 48), (18, 66, 96), (72, 158, 146)),
    ((34, 18, 64), (112, 52, 112), (240, 146, 116)),
)
FADE_SECONDS = 3.0


def _gradient(stops: tuple[Colour, Colour, Colour]) -> pygame.Surface:
    """Straight to the middle, then faster towards the horizon."""
    sky = pygame.Surface((WIDTH, HEIGHT))
    for y in range(HEIGHT):
        at = y / HEIGHT
        low, high, part = (stops[0], stops[1], at / 0.6) if at < 0.6 else (stops[1], stops[2], (at - 0.6) / 0.4)
        colour = [int(a + (b - a) * part**1.2) for a, b in zip(low, high, strict=True)]
        pygame.draw.line(sky, colour, (0, y), (WIDTH, y))
    return sky.convert()


class Sky:
    def __init__(self, folder: Path) -> None:
        self._skies = [_gradient(stops) for stops in SKIES]
        self._hills = [
            (pygame.image.load(str(folder / f"hills_{name}.png")).convert_alpha(), depth)
            for name, depth in (("far", 0.25), ("near", 0.6))
        ]
        rng = random.Random(7)
        self._stars = [
            (rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT), depth, rng.uniform(0, math.tau))
            for depth, count in ((0.2, 90), (0.45, 45), (0.9, 18))
            for _ in range(count)
        ]
        self._shown = 0
        self._before = 0
        self._fade = 0.0

    def update(self, seconds: float, level: int) -> None:
        wanted = (level - 1) // 2 % len(SKIES)
        if wanted != self._shown:
            self._before, self._shown, self._fade = self._shown, wanted, FADE_SECONDS
        self._fade = max(0.0, self._fade - seconds)

    def draw(self, screen: pygame.Surface, time: float, lean: float, shake: tuple[float, float]) -> None:
        """`lean` is how far the player is from the middle, -1 to 1: the near moves against it, the far hardly."""
        screen.blit(self._skies[self._shown], (0, 0))
        if self._fade:
            before = self._skies[self._before]
            before.set_alpha(int(255 * self._fade / FADE_SECONDS))
            screen.blit(before, (0, 0))
            before.set_alpha(None)
        for x, y, depth, phase in self._stars:
            bright = int((90 + 110 * depth) * (0.75 + 0.25 * math.sin(time * 2.2 + phase)))
            at = (int(x - lean * 30 * depth) % WIDTH, int(y + time * 26 * depth) % HEIGHT)
            size = 1 + int(depth * 2)
            screen.fill((bright, bright, bright), (*at, size, size), special_flags=pygame.BLEND_RGB_ADD)
        for hills, depth in self._hills:
            left = -int(lean * 50 * depth) % WIDTH - WIDTH
            top = HEIGHT - hills.get_height() + 14 + shake[1] * depth
            for x in (left, left + WIDTH):
                screen.blit(hills, (x + shake[0] * depth, top))
