"""Draws every picture and writes every sound of the game: `python -m examples.starfall.make_assets`."""

from __future__ import annotations

import math
import os
import random
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")

import pygame

from . import glyphs, make_sounds

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "starfall"
FINE = 4  # everything is drawn this many times larger and smoothed down

Colour = tuple[int, int, int]
Point = tuple[float, float]
CREAM, GOLD, AMBER = (255, 244, 214), (255, 209, 92), (244, 150, 58)
INK, CORAL, PINK, ICE = (52, 40, 84), (255, 104, 92), (255, 128, 168), (190, 238, 255)


def canvas(width: int, height: int, edge: Colour) -> pygame.Surface:
    """A clear surface; `edge` is the colour that smoothing mixes in at the rim, so that no dark fringe appears."""
    surface = pygame.Surface((width * FINE, height * FINE), pygame.SRCALPHA)
    surface.fill((*edge, 0))
    return surface


def save(surface: pygame.Surface, name: str, scale: int = FINE) -> None:
    size = (surface.get_width() // scale, surface.get_height() // scale)
    pygame.image.save(pygame.transform.smoothscale(surface, size), str(FOLDER / name))


def thick(surface: pygame.Surface, colour: Colour, points: Iterable[Point], radius: float) -> None:
    """A stroke with round ends and joints."""
    for (x0, y0), (x1, y1) in pairwise(points):
        steps = max(1, int(math.hypot(x1 - x0, y1 - y0) / 2))
        for i in range(steps + 1):
            at = (x0 + (x1 - x0) * i / steps, y0 + (y1 - y0) * i / steps)
            pygame.draw.circle(surface, colour, at, radius)


def star_points(cx: float, cy: float, outer: float, inner: float, tips: int = 5) -> list[Point]:
    radii = (outer, inner)
    return [
        (cx + radii[i % 2] * math.sin(math.pi * i / tips), cy - radii[i % 2] * math.cos(math.pi * i / tips))
        for i in range(tips * 2)
    ]


def rounded(surface: pygame.Surface, colour: Colour, points: list[Point], radius: float) -> None:
    pygame.draw.polygon(surface, colour, points)
    thick(surface, colour, [*points, points[0]], radius)


def star(name: str, size: int, rim: Colour, body: Colour, light: Colour) -> None:
    surface = canvas(size, size, rim)
    c = size * FINE / 2
    for colour, outer, radius in ((rim, 0.74, 0.17), (body, 0.68, 0.12), (light, 0.4, 0.08)):
        rounded(surface, colour, star_points(c, c * 1.03, c * outer, c * outer * 0.5), c * radius)
    save(surface, name)


def heart() -> None:
    surface = canvas(40, 40, PINK)
    for colour, scale in (((206, 64, 122), 1.0), (PINK, 0.84)):
        points = []
        for i in range(120):
            t = i * math.tau / 120
            x = 16 * math.sin(t) ** 3
            y = 13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)
            points.append((80 + x * 4.3 * scale, 76 - y * 4.3 * scale))
        pygame.draw.polygon(surface, colour, points)
    pygame.draw.ellipse(surface, (255, 214, 226), (42, 40, 22, 16))
    save(surface, "heart.png")


def rock(index: int) -> None:
    rng = random.Random(40 + index)
    surface = canvas(56, 56, CORAL)
    c = 28 * FINE
    radii = [rng.uniform(0.74, 0.92) for _ in range(9)]
    turn = rng.uniform(0, math.tau)

    def outline(scale: float, shift: float) -> list[Point]:
        angles = [turn + i * math.tau / 9 for i in range(9)]
        return [
            (c + shift + math.cos(a) * r * c * scale, c + shift + math.sin(a) * r * c * scale)
            for a, r in zip(angles, radii, strict=True)
        ]

    rounded(surface, CORAL, outline(0.94, 0), 6)
    rounded(surface, (108, 58, 92), outline(0.82, 0), 6)
    rounded(surface, (134, 78, 108), outline(0.62, -9), 6)
    for _ in range(4):
        angle, away = rng.uniform(0, math.tau), rng.uniform(0.1, 0.52) * c
        x, y, r = c + math.cos(angle) * away, c + math.sin(angle) * away, rng.uniform(7, 15)
        pygame.draw.circle(surface, (82, 42, 76), (x, y), r)
        pygame.draw.circle(surface, (98, 52, 86), (x + 2, y + 3), r * 0.78)
    save(surface, f"rock{index}.png")


def moon(name: str, face: Callable[[pygame.Surface], None]) -> None:
    """The player: a crescent lying on its back, a cradle for stars."""
    surface = canvas(128, 84, CREAM)
    pygame.draw.circle(surface, (214, 178, 150), (256, 76), 246)
    pygame.draw.circle(surface, CREAM, (256, 66), 240)
    for x, y, r in ((100, 190, 17), (410, 176, 21), (370, 232, 12), (150, 244, 12)):
        pygame.draw.circle(surface, (238, 214, 184), (x, y), r)
    pygame.draw.circle(surface, (*CREAM, 0), (256, -76), 246)
    face(surface)
    save(surface, name)


def calm(surface: pygame.Surface) -> None:
    for x in (210, 302):
        pygame.draw.circle(surface, INK, (x, 214), 11)
        pygame.draw.circle(surface, CREAM, (x - 4, 210), 4)
    thick(surface, INK, [(256 + 20 * math.cos(a / 10), 230 + 15 * math.sin(a / 10)) for a in range(4, 28)], 4)
    cheeks(surface)


def glad(surface: pygame.Surface) -> None:
    for x in (210, 302):
        thick(surface, INK, [(x + 14 * math.cos(a / 10), 220 - 14 * math.sin(a / 10)) for a in range(2, 30)], 5)
    pygame.draw.circle(surface, INK, (256, 232), 21, draw_bottom_left=True, draw_bottom_right=True)
    pygame.draw.circle(surface, CORAL, (256, 246), 8)
    cheeks(surface)


def hurt(surface: pygame.Surface) -> None:
    for x, way in ((210, 1), (302, -1)):
        thick(surface, INK, [(x - 11 * way, 204), (x + 9 * way, 214), (x - 11 * way, 224)], 5)
    thick(surface, INK, [(256 + 15 * math.cos(a / 10), 250 - 11 * math.sin(a / 10)) for a in range(2, 30)], 4)


def cheeks(surface: pygame.Surface) -> None:
    for x in (178, 334):
        pygame.draw.ellipse(surface, (255, 188, 170), (x - 15, 222, 30, 17))


def glow() -> None:
    """White on black, soft: tinted and added to the picture by the game."""
    surface = pygame.Surface((128, 128))
    for r in range(64, 0, -1):
        pygame.draw.circle(surface, [int(255 * (1 - r / 64) ** 2.2)] * 3, (64, 64), r)
    pygame.image.save(surface, str(FOLDER / "glow.png"))


def hills(name: str, colour: Colour, seed: int, height: int, rough: float, trees: int) -> None:
    rng = random.Random(seed)
    surface = canvas(960, height, colour)
    waves = [(rng.uniform(0.6, 1.4) * rough / k, k, rng.uniform(0, math.tau)) for k in (1, 2, 3, 5)]

    def ridge(x: float) -> float:
        """In whole waves across the picture, so that its ends meet."""
        return (height * 0.45 + sum(a * math.sin(k * x * math.tau / 960 + p) for a, k, p in waves)) * FINE

    points = [(x * FINE, ridge(x)) for x in range(0, 964, 4)]
    pygame.draw.polygon(surface, colour, [*points, (964 * FINE, height * FINE), (0, height * FINE)])
    for _ in range(trees):
        x, tall = rng.uniform(16, 944), rng.uniform(13, 30)
        for part in range(3):
            top, half = ridge(x) / FINE - tall + part * tall * 0.24, tall * (0.15 + 0.06 * part)
            corners = [(x, top), (x - half, top + tall * 0.45), (x + half, top + tall * 0.45)]
            pygame.draw.polygon(surface, colour, [(px * FINE, py * FINE) for px, py in corners])
        pygame.draw.rect(surface, colour, ((x - 1) * FINE, ridge(x) - 8 * FINE, 2 * FINE, 12 * FINE))
    if trees:
        for x in (212, 226, 233, 612, 627, 641, 655, 820):
            y = ridge(x) + rng.uniform(10, 26) * FINE
            pygame.draw.rect(surface, (255, 206, 128), (x * FINE, y, 3 * FINE, 4 * FINE))
    save(surface, name)


def letters() -> None:
    """One row of cells 64x72, capitals 44 high from (8, 10)."""
    surface = canvas(64 * len(glyphs.ORDER) // 4, 72 * 4, (255, 255, 255))
    per_row = len(glyphs.ORDER) // 4
    for index, letter in enumerate(glyphs.ORDER):
        left, top = index % per_row * 64 + 8, index // per_row * 72 + 10
        for stroke in glyphs.STROKES[letter]:
            points = [((left + x * 44) * FINE, (top + y * 44) * FINE) for x, y in stroke]
            thick(surface, (255, 255, 255), points, 4.4 * FINE)
    save(surface, "letters.png")


def logo() -> None:
    surface = canvas(640, 150, AMBER)
    tall, left = 92.0, 34.0
    places = []
    for letter in "STARFALL":
        places.append((letter, left))
        left += (glyphs.width(letter) + 0.28) * tall
    shift = (640 - (left - 0.28 * tall) - 34) / 2
    for colour, radius, drop in ((INK, 15.0, 5.0), (AMBER, 11.0, 2.0), (GOLD, 10.0, 0.0), (CREAM, 3.2, -2.6)):
        for letter, at in places:
            for stroke in glyphs.STROKES[letter]:
                points = [((at + shift + x * tall) * FINE, (28 + drop + y * tall) * FINE) for x, y in stroke]
                thick(surface, colour, points, radius * FINE)
    save(surface, "logo.png")


def main() -> None:
    pygame.display.init()
    FOLDER.mkdir(parents=True, exist_ok=True)
    star("star.png", 48, AMBER, GOLD, CREAM)
    star("comet.png", 56, (92, 176, 236), ICE, (255, 255, 255))
    heart()
    for index in range(3):
        rock(index)
    for name, face in (("moon.png", calm), ("moon_glad.png", glad), ("moon_hurt.png", hurt)):
        moon(name, face)
    glow()
    hills("hills_far.png", (44, 34, 84), 5, 150, 17.0, 0)
    hills("hills_near.png", (22, 18, 46), 8, 130, 10.0, 46)
    letters()
    logo()
    make_sounds.write_all(FOLDER)


if __name__ == "__main__":
    main()
