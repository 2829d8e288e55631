"""Text on the screen: the game's own capitals for what is large, pygame's font for what is small."""

from __future__ import annotations

from pathlib import Path

import pygame

from . import glyphs

Colour = tuple[int, int, int]
CREAM: Colour = (255, 244, 214)
GOLD: Colour = (255, 209, 92)
LILAC: Colour = (178, 170, 222)
CORAL: Colour = (255, 122, 108)
MINT: Colour = (126, 226, 184)
INK: Colour = (20, 15, 46)

CELL_WIDTH, CELL_HEIGHT, PAD, CAPITAL = 64, 72, 8, 44
REMEMBERED = 300


class Letters:
    def __init__(self, folder: Path) -> None:
        self._atlas = pygame.image.load(str(folder / "letters.png")).convert_alpha()
        self._fonts: dict[int, pygame.font.Font] = {}
        self._done: dict[tuple[str, int, Colour, bool], pygame.Surface] = {}

    def big(self, text: str, height: int, colour: Colour = CREAM) -> pygame.Surface:
        """A line in the game's capitals, `height` pixels tall."""
        return self._remember(text, height, colour, True)

    def small(self, text: str, size: int, colour: Colour = CREAM) -> pygame.Surface:
        return self._remember(text, size, colour, False)

    def _remember(self, text: str, size: int, colour: Colour, big: bool) -> pygame.Surface:
        key = (text, size, colour, big)
        if key not in self._done:
            if len(self._done) >= REMEMBERED:
                self._done.clear()
            self._done[key] = self._set(text, size, colour) if big else self._fine(text, size, colour)
        return self._done[key]

    def _fine(self, text: str, size: int, colour: Colour) -> pygame.Surface:
        """Set twice as large and halved: the font's own hinting spaces small letters unevenly."""
        line = self._font(size * 2).render(text, True, colour)
        return pygame.transform.smoothscale(line, (line.get_width() // 2, line.get_height() // 2))

    def _font(self, size: int) -> pygame.font.Font:
        if size not in self._fonts:
            self._fonts[size] = pygame.font.Font(None, size)
        return self._fonts[size]

    def _set(self, text: str, height: int, colour: Colour) -> pygame.Surface:
        advances = [int((glyphs.width(c) + 0.3) * CAPITAL) if c in glyphs.STROKES else CAPITAL // 2 for c in text]
        line = pygame.Surface((sum(advances) + 2 * PAD, CELL_HEIGHT), pygame.SRCALPHA)
        line.fill((255, 255, 255, 0))
        per_row = len(glyphs.ORDER) // 4
        left = 0
        for letter, advance in zip(text, advances, strict=True):
            if letter in glyphs.STROKES:
                row, column = divmod(glyphs.ORDER.index(letter), per_row)
                width = int(glyphs.width(letter) * CAPITAL) + 2 * PAD
                line.blit(self._atlas, (left, 0), (column * CELL_WIDTH, row * CELL_HEIGHT, width, CELL_HEIGHT))
            left += advance
        scale = height / CAPITAL
        line = pygame.transform.smoothscale(line, (max(1, int(line.get_width() * scale)), int(CELL_HEIGHT * scale)))
        line.fill((*colour, 255), special_flags=pygame.BLEND_RGBA_MULT)
        return line
