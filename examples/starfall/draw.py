"""Draws a world and what goes with it: the falling things, the player, sparks, the score."""

from __future__ import annotations

import math
from pathlib import Path

import pygame

from .effects import TINTS, Effects
from .letters import CORAL, CREAM, GOLD, INK, LILAC, Colour, Letters
from .sky import Sky
from .world import CATCHES_PER_MULTIPLIER, HEIGHT, MAX_LIVES, MAX_MULTIPLIER, PLAYER_Y, WIDTH, Faller, Kind, World

TURNS = 24


class Painter:
    def __init__(self, screen: pygame.Surface, folder: Path) -> None:
        self.screen = screen
        self.letters = Letters(folder)
        self._sky = Sky(folder)

        def load(name: str) -> pygame.Surface:
            return pygame.image.load(str(folder / f"{name}.png")).convert_alpha()

        self.logo = load("logo")
        self._moons = {"calm": load("moon"), "glad": load("moon_glad"), "hurt": load("moon_hurt")}
        self._heart = load("heart")
        self._no_heart = self._unlit(self._heart, (70, 60, 110))
        self._stars = self._turned(load("star"), 360 / 5)
        self._comets = self._turned(load("comet"), 360 / 5)
        self._rocks = [self._turned(load(f"rock{i}"), 360) for i in range(3)]
        self.star = pygame.transform.smoothscale(load("star"), (34, 34))
        self.no_star = self._unlit(self.star, (130, 124, 220))
        self.small_moon = pygame.transform.smoothscale(load("moon_glad"), (46, 30))
        self._pip = pygame.transform.smoothscale(load("star"), (16, 16))
        self._glow = load("glow").convert()
        self._glows: dict[tuple[Colour, int, int], pygame.Surface] = {}

    @staticmethod
    def _unlit(picture: pygame.Surface, tint: Colour) -> pygame.Surface:
        dark = picture.copy()
        dark.fill((*tint, 190), special_flags=pygame.BLEND_RGBA_MULT)
        return dark

    @staticmethod
    def _turned(picture: pygame.Surface, degrees: float) -> list[pygame.Surface]:
        return [pygame.transform.rotozoom(picture, degrees * i / TURNS, 1.0) for i in range(TURNS)]

    def update(self, seconds: float, level: int) -> None:
        self._sky.update(seconds, level)

    def sky(self, world: World, time: float, shake: tuple[float, float]) -> None:
        self._sky.draw(self.screen, time, world.x / WIDTH * 2 - 1, shake)

    def world(self, world: World, effects: Effects, time: float, shake: tuple[float, float]) -> None:
        for faller in world.fallers:
            self._faller(faller, time, shake)
        self._sparks(effects, shake)
        self._player(world, effects, time, shake)
        for note in effects.notes:
            picture = self.letters.big(note.text, note.height, note.tint)
            picture.set_alpha(int(255 * min(1.0, 2 * (1 - note.age / note.life))))
            left = max(8.0, min(WIDTH - 8.0 - picture.get_width(), note.x - picture.get_width() / 2))
            self.screen.blit(picture, (left, note.y - picture.get_height() / 2))
            picture.set_alpha(None)
        if effects.flash:
            lit = [int(c * effects.flash) for c in effects.flash_tint]
            self.screen.fill(lit, special_flags=pygame.BLEND_RGB_ADD)

    def veil(self, colour: Colour, part: float) -> None:
        veil = pygame.Surface((WIDTH, HEIGHT))
        veil.fill(colour)
        veil.set_alpha(int(255 * part))
        self.screen.blit(veil, (0, 0))

    def plate(self, area: pygame.Rect, radius: int) -> None:
        """A dark ground for what is to be read; with a rim if its corners are round."""
        plate = pygame.Surface(area.size, pygame.SRCALPHA)
        pygame.draw.rect(plate, (*INK, 205), plate.get_rect(), border_radius=radius)
        if radius:
            pygame.draw.rect(plate, (*LILAC, 70), plate.get_rect(), 1, border_radius=radius)
        self.screen.blit(plate, area)

    def light(self, x: float, y: float, tint: Colour, size: int, strength: float = 1.0) -> None:
        """Add a soft round light; the few sizes and strengths in use are kept."""
        steps = max(1, int(strength * 8))
        key = (tint, size, steps)
        if key not in self._glows:
            glow = pygame.transform.smoothscale(self._glow, (size, size))
            glow.fill([c * steps // 8 for c in tint], special_flags=pygame.BLEND_RGB_MULT)
            self._glows[key] = glow
        self.screen.blit(self._glows[key], (x - size / 2, y - size / 2), special_flags=pygame.BLEND_RGB_ADD)

    def centred(self, picture: pygame.Surface, x: float, y: float) -> None:
        self.screen.blit(picture, (x - picture.get_width() / 2, y - picture.get_height() / 2))

    def _faller(self, faller: Faller, time: float, shake: tuple[float, float]) -> None:
        x, y = faller.x + shake[0], faller.y + shake[1]
        tint = TINTS[faller.kind]
        turn = int((time * 22 + faller.x) % TURNS)
        if faller.kind is Kind.ROCK:
            for i in range(3):
                self.light(x, y - 20 * i, tint, 84 - 20 * i, 0.4 - 0.1 * i)
            self.centred(self._rocks[faller.look][turn], x, y)
            return
        for i in range(4):
            part = 15 * i / faller.vy
            self.light(x - faller.vx * part, y - faller.vy * part, tint, 92 - 20 * i, 0.6 - 0.12 * i)
        if faller.kind is Kind.HEART:
            self.centred(self._heart, x, y + 3 * math.sin(time * 8))
        else:
            frames = self._comets if faller.kind is Kind.COMET else self._stars
            self.centred(frames[turn], x, y)

    def _sparks(self, effects: Effects, shake: tuple[float, float]) -> None:
        for spark in effects.sparks:
            self.light(spark.x + shake[0], spark.y + shake[1], spark.tint, spark.size, 1 - spark.age / spark.life)

    def _player(self, world: World, effects: Effects, time: float, shake: tuple[float, float]) -> None:
        if world.unhurt_for < 1.6 and int(world.unhurt_for * 12) % 2:
            return
        x, y = world.x + shake[0], PLAYER_Y + 10 + 3 * math.sin(time * 3) + shake[1] + 5 * effects.pop
        if world.shining:
            fading = min(1.0, world.shining)
            self.light(x, y, GOLD, 340 + 40 * int(2 * math.sin(time * 9)), 0.7 * fading)
        self.light(x, y, CREAM, 190, 0.35)
        scale = 0.86 + 0.07 * effects.pop + (0.16 if world.shining else 0.0)
        self.centred(pygame.transform.rotozoom(self._moons[effects.mood], -world.vx * 0.022, scale), x, y)

    def score(self, world: World, effects: Effects, best: int) -> None:
        """The game's own figures, along the top."""
        self.screen.blit(self.letters.big(f"{world.score}", 30 + int(3 * effects.pop)), (18, 12))
        if best:
            self.screen.blit(self.letters.big(f"BEST {max(best, world.score)}", 10, LILAC), (20, 60))
        if world.multiplier > 1:
            tint = GOLD if world.multiplier < MAX_MULTIPLIER else CORAL
            self.screen.blit(self.letters.big(f"x{world.multiplier}", 24 + int(4 * effects.pop), tint), (18, 78))
        for i in range(world.combo % CATCHES_PER_MULTIPLIER if world.multiplier < MAX_MULTIPLIER else 0):
            self.centred(self._pip, 86 + i * 13, 98)
        for i in range(MAX_LIVES):
            picture = self._heart if i < world.lives else self._no_heart
            self.screen.blit(picture, (WIDTH - 54 - i * 42, 14))
        level = self.letters.big(f"LEVEL {world.level}", 12, LILAC)
        self.screen.blit(level, (WIDTH / 2 - level.get_width() / 2, 10))
        self.bar(WIDTH / 2 - 110, 34, 220, 10, world.shine, GOLD if world.shining else CREAM)
        if world.shine:
            self.light(WIDTH / 2 - 108 + 216 * world.shine, 39, GOLD, 40, 0.7)

    def bar(self, x: float, y: float, width: float, height: float, part: float, colour: Colour) -> None:
        pygame.draw.rect(self.screen, INK, (x, y, width, height), border_radius=int(height / 2))
        filled = max(height - 4, (width - 4) * part)
        if part > 0:
            pygame.draw.rect(self.screen, colour, (x + 2, y + 2, filled, height - 4), border_radius=int(height / 2))
