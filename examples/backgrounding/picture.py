"""Draws a record as a timeline, in the colours of Starfall."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from pathlib import Path

import pygame

from ..starfall.effects import ICE
from ..starfall.letters import CORAL, CREAM, GOLD, INK, LILAC, MINT, Colour, Letters
from . import record as seen
from .record import Bar, Record

WIDTH, HEIGHT = 1280, 600
LEFT, RIGHT = 164, WIDTH - 40
FINE = 2  # drawn so many times larger and smoothed down
ASSETS = Path(__file__).resolve().parents[2] / "assets" / "starfall"

DEEDS_Y, DEED_LINES, LINE = 82, 3, 20
ROWS = {"foreground": 152, "away": 194, "grace": 236, "sessions": 282, "delivery": 372, "network": 452}
HEIGHTS = {"foreground": 32, "away": 32, "grace": 36, "sessions": 80, "delivery": 70, "network": 30}
AXIS_Y = 492
LANES = 3
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)  # seconds from one mark on the axis to the next

VIOLET: Colour = (112, 84, 190)
DUSK: Colour = (66, 54, 122)
FAINT: Colour = (112, 102, 160)
PLATE: Colour = (20, 15, 52)
AWAY = {seen.ELSEWHERE: LILAC, seen.MINIMISED: (132, 120, 196), seen.ASLEEP: (84, 118, 190)}
REASONS = {"background": LILAC, "quit": MINT, "suspend": ICE, "crash": CORAL, "abnormal": CORAL, "explicit": CREAM}
SKY = ((14, 11, 42), (40, 28, 88), (128, 66, 122))


def clock(seconds: float) -> str:
    return f"{int(seconds + 0.5) // 60}:{int(seconds + 0.5) % 60:02}"


class Picture:
    """Needs a display that has been initialised."""

    def __init__(self) -> None:
        self._canvas = pygame.Surface((WIDTH * FINE, HEIGHT * FINE))
        self.letters = Letters(ASSETS)
        self._star = self._load("star", 22)
        self._moons = {True: self._load("moon_glad", 44), False: self._load("moon", 44)}
        self._back = self._backdrop()
        self._length = 1.0

    def draw(self, record: Record, length: float, playing: bool) -> pygame.Surface:
        """`length`: seconds from the left edge to the right. `playing`: with a mark for now."""
        self._length = max(length, 1.0)
        self._canvas.blit(self._back, (0, 0))
        self._head(record)
        self._axis()
        self._deeds(record.deeds)
        self._presence(record)
        self._graces(record)
        self._sessions(list(record.sessions.values()))
        self._deliveries(list(record.sessions.values()), record.now)
        self._network(record)
        if playing:
            self._now(record)
        return pygame.transform.smoothscale(self._canvas, (WIDTH, HEIGHT))

    # The rows

    def _head(self, record: Record) -> None:
        title = self._big(record.title.upper(), 20, CREAM)
        self._put(title, 32, 22)
        self._put(self._small(record.about, 19, GOLD), 42 + title.get_width() / FINE, 30)
        bars = record.sessions.values()
        delivered = sum(bar.delivered is not None for bar in bars)
        on_disk = sum(bar.saved and bar.delivered is None for bar in bars)
        x = float(RIGHT)
        counts = (
            (on_disk, "on disk", GOLD),
            (delivered, "delivered", MINT),
            (len(bars), "session" if len(bars) == 1 else "sessions", CREAM),
        )
        for number, name, tint in counts:
            word = self._small(name, 19, LILAC)
            figure = self._big(str(number), 20, tint if number else LILAC)
            x -= word.get_width() / FINE
            self._put(word, x, 30)
            x -= figure.get_width() / FINE + 2
            self._put(figure, x, 22)
            x -= 22

    def _axis(self) -> None:
        step = next((s for s in STEPS if self._length / s <= 14), STEPS[-1])
        for mark in range(0, int(self._length) + 1, step):
            x = self._x(mark)
            self._line((70, 58, 120), x, ROWS["foreground"], x, AXIS_Y, 1)
            text = self._small(clock(mark), 17, LILAC)
            self._put(text, x - text.get_width() / FINE / 2, AXIS_Y + 6)

    def _deeds(self, deeds: list[tuple[float, str]]) -> None:
        reach = [0.0] * DEED_LINES
        places = []
        for at, name in deeds:
            x = self._x(at)
            text = self._small(name, 18, CREAM)
            left = min(x + 5, RIGHT + 30 - text.get_width() / FINE)
            line = next((i for i in range(DEED_LINES) if reach[i] <= left), DEED_LINES - 1)
            reach[line] = left + text.get_width() / FINE + 10
            places.append((text, left, DEEDS_Y + line * LINE))
            self._line((104, 94, 158), x, DEEDS_Y + line * LINE, x, AXIS_Y, 1)
        for text, left, y in places:
            self._cover(left, y, text.get_width() / FINE)
            self._put(text, left, y)

    def _presence(self, record: Record) -> None:
        self._row("foreground")
        self._row("away")
        for span in record.presence:
            if span.what == seen.FOREGROUND:
                self._bar("foreground", span.start, span.end, MINT, 8)
            elif span.what == seen.GONE:
                self._inside(span.what, "foreground", span.start, span.end, FAINT)
            elif span.what in AWAY:
                self._bar("away", span.start, span.end, AWAY[span.what], 8)
                self._inside(span.what, "away", span.start, span.end, INK)

    def _graces(self, record: Record) -> None:
        """A wedge that runs out: cut off where the player returned, or down to nothing."""
        self._row("grace")
        top, height = ROWS["grace"], HEIGHTS["grace"]
        bottom = top + height - 4
        for grace in record.graces:
            left, right, due = self._x(grace.start), self._x(min(grace.end, grace.due)), self._x(grace.due)
            if right - left < 4:  # it never counted: the game left in the same moment
                continue
            tall = height - 8
            cut = bottom - tall * (due - right) / (due - left)
            self._shape((88, 70, 96), [(left, top + 4), (min(due, RIGHT), bottom), (left, bottom)])
            self._shape(GOLD, [(left, top + 4), (right, cut), (right, bottom), (left, bottom)])
            if grace.kept:
                self._line(MINT, right, top + 4, right, bottom, 3)
                self._put(self._small("in time", 16, MINT), right + 6, top + 4)
            elif grace.kept is False and grace.due - grace.end < 0.1:
                self._put(self._small("over", 16, GOLD), right + 6, bottom - 14)
            elif grace.kept is None:
                self._put(self._small(f"{max(0.0, grace.due - grace.end):.0f} s", 20, GOLD), right + 7, top + 3)

    def _sessions(self, bars: list[Bar]) -> None:
        self._row("sessions")
        top, reach = ROWS["sessions"], [0.0, 0.0]
        for bar in bars:
            end = self._x(bar.end)
            self._block(DUSK, self._x(bar.start), top + 5, end, top + 37, 9)
            for stretch in bar.stretches:
                stop = min(stretch.end, bar.end)
                if stop > stretch.start:
                    self._block(VIOLET, self._x(stretch.start), top + 5, self._x(stop), top + 37, 9)
            number = self._big(str(bar.number or "?"), 15, CREAM)
            self._put(number, self._x(bar.start) + 8, top + 10)
            text = self._small(bar.reason or "", 18, REASONS.get(bar.reason or "", LILAC))
            length = self._small(f"{clock(bar.active)} played", 18, CREAM)
            width = (text.get_width() + length.get_width()) / FINE + (8 if bar.reason else 0)
            left = min(self._x(bar.start) + 2, RIGHT - width)
            line = 0 if reach[0] <= left else 1
            reach[line] = left + width + 14
            y = top + 42 + 18 * line
            self._cover(left, y, width)
            self._put(text, left, y)
            self._put(length, left + width - length.get_width() / FINE, y)

    def _deliveries(self, bars: list[Bar], now: float) -> None:
        """From its end to its delivery each session has a line: dashed while a return could still withdraw it."""
        self._row("delivery")
        busy = [-1.0] * LANES
        for bar in bars:
            if not bar.saved:
                continue
            left, right = bar.end, now if bar.delivered is None else bar.delivered
            lane = next((i for i in range(LANES) if busy[i] < left), LANES - 1)
            busy[lane] = right + self._length * 0.02
            y = ROWS["delivery"] + 15 + lane * 20
            sure = right if bar.sure is None else min(bar.sure, right)
            number = self._small(str(bar.number or "?"), 17, CREAM)
            self._put(number, min(self._x(left), self._x(right) - 14) - 5 - number.get_width() / FINE, y - 6)
            self._dashes(GOLD, self._x(left), self._x(sure), y)
            self._line(GOLD, self._x(sure), y, self._x(right), y, 3)
            for at in bar.tries:
                self._dot(self._x(at), y, 5, INK)
                self._dot(self._x(at), y, 4, CORAL)
            if bar.delivered is not None:
                self._put(self._star, self._x(bar.delivered) - 11, y - 11)

    def _network(self, record: Record) -> None:
        self._row("network")
        y = ROWS["network"] + HEIGHTS["network"] / 2
        for span in record.network:
            if span.what == seen.UP:
                self._line(MINT, self._x(span.start), y, self._x(span.end), y, 4)
            else:
                self._bar("network", span.start, span.end, CORAL, 6)
                self._inside("no network", "network", span.start, span.end, INK)

    def _now(self, record: Record) -> None:
        x = self._x(record.now)
        self._line(CREAM, x, ROWS["foreground"] - 4, x, AXIS_Y, 2)
        moon = self._moons[bool(record.presence) and record.presence[-1].what == seen.FOREGROUND]
        self._put(moon, x - 22, AXIS_Y + 22)

    # The pen: everything in points, drawn FINE times as large

    def _x(self, seconds: float) -> float:
        return LEFT + (RIGHT - LEFT) * min(1.0, seconds / self._length)

    def _row(self, name: str) -> None:
        title = self._big(name.upper(), 11, LILAC)
        self._put(title, LEFT - 16 - title.get_width() / FINE, ROWS[name] + 6)

    def _bar(self, row: str, start: float, end: float, colour: Colour, inset: int) -> None:
        top = ROWS[row]
        self._block(colour, self._x(start), top + inset / 2, self._x(end), top + HEIGHTS[row] - inset / 2, 7)

    def _inside(self, text: str, row: str, start: float, end: float, colour: Colour) -> None:
        """In the middle of a bar, if there is room."""
        left, right = self._x(start), self._x(end)
        picture = self._small(text, 18, colour)
        if picture.get_width() / FINE + 8 > right - left:
            picture = self._small(text, 16, colour)
        if picture.get_width() / FINE + 4 <= right - left:
            y = ROWS[row] + (HEIGHTS[row] - picture.get_height() / FINE) / 2
            self._put(picture, (left + right - picture.get_width() / FINE) / 2, y)

    def _block(self, colour: Colour, left: float, top: float, right: float, bottom: float, radius: int) -> None:
        area = pygame.Rect(0, 0, max(2, round((right - left) * FINE)), round((bottom - top) * FINE))
        area.topleft = round(left * FINE), round(top * FINE)
        pygame.draw.rect(self._canvas, colour, area, border_radius=min(radius * FINE, area.width // 2))

    def _line(self, colour: Colour, x0: float, y0: float, x1: float, y1: float, width: int) -> None:
        pygame.draw.line(self._canvas, colour, (x0 * FINE, y0 * FINE), (x1 * FINE, y1 * FINE), width * FINE)

    def _dashes(self, colour: Colour, left: float, right: float, y: float) -> None:
        for i in range(math.ceil((right - left) / 8)):
            self._line(colour, left + i * 8, y, min(right, left + i * 8 + 4), y, 3)

    def _dot(self, x: float, y: float, radius: float, colour: Colour) -> None:
        pygame.draw.circle(self._canvas, colour, (x * FINE, y * FINE), radius * FINE)

    def _shape(self, colour: Colour, points: Iterable[tuple[float, float]]) -> None:
        pygame.draw.polygon(self._canvas, colour, [(x * FINE, y * FINE) for x, y in points])

    def _cover(self, x: float, y: float, width: float) -> None:
        """Lines would cross out the text that comes here."""
        self._block(PLATE, x - 2, y - 2, x + width + 2, y + 16, 3)

    def _put(self, picture: pygame.Surface, x: float, y: float) -> None:
        self._canvas.blit(picture, (round(x * FINE), round(y * FINE)))

    def _big(self, text: str, height: int, colour: Colour) -> pygame.Surface:
        return self.letters.big(text, height * FINE, colour)

    def _small(self, text: str, size: int, colour: Colour) -> pygame.Surface:
        return self.letters.small(text, size * FINE, colour)

    def _load(self, name: str, width: int) -> pygame.Surface:
        picture = pygame.image.load(str(ASSETS / f"{name}.png"))
        height = width * picture.get_height() / picture.get_width()
        return pygame.transform.smoothscale(picture, (width * FINE, round(height * FINE)))

    def _backdrop(self) -> pygame.Surface:
        """The night sky, with hills, and a dark plate behind each row."""
        stops = pygame.Surface((1, len(SKY)))
        for y, colour in enumerate(SKY):
            stops.set_at((0, y), colour)
        sky = pygame.transform.smoothscale(stops, self._canvas.get_size())
        rng = random.Random(11)
        for _ in range(140):
            bright = rng.randint(40, 130)
            at = (rng.randrange(WIDTH * FINE), rng.randrange(HEIGHT * FINE))
            sky.fill([bright] * 3, (at, (FINE, FINE)), special_flags=pygame.BLEND_RGB_ADD)
        for name in ("hills_far", "hills_near"):
            hills = pygame.image.load(str(ASSETS / f"{name}.png"))
            tall = round(hills.get_height() * WIDTH / hills.get_width() * 0.55)
            hills = pygame.transform.smoothscale(hills, (WIDTH * FINE, tall * FINE))
            sky.blit(hills, (0, (HEIGHT + 16 - tall) * FINE))
        for name, top in ROWS.items():
            area = pygame.Rect((LEFT - 8) * FINE, top * FINE, (RIGHT - LEFT + 16) * FINE, HEIGHTS[name] * FINE)
            plate = pygame.Surface(area.size, pygame.SRCALPHA)
            pygame.draw.rect(plate, (*INK, 150), plate.get_rect(), border_radius=9 * FINE)
            sky.blit(plate, area)
        return sky
