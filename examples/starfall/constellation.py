"""The sessions without words: a star for each that the server has, unlit while it is on disk; the moon is this one.

Who leaves sees a ring run out around the moon; who stays away sees the moon become a star.
"""

from __future__ import annotations

import math
from itertools import pairwise

import pygame

from .draw import Painter
from .letters import CREAM, GOLD, LILAC
from .overlay import Delivered
from .sessions import Session, Status
from .world import WIDTH

MOST = 9
APART = 72
Y = 350
TITLE_Y = 428  # where the play has its moon, the title has words, and no moon that anybody steers
RING = 40  # dots, for the grace


class Constellation:
    def __init__(self, painter: Painter, grace: float) -> None:
        self._painter = painter
        self._grace = grace
        self._last = 0  # the number of the last session that was seen

    def stars(self, session: Session | None, status: Status, delivered: Delivered) -> list[tuple[int, bool]]:
        """The number of each star, and whether it is lit. Once a session is over, its end is one of those on disk."""
        self._last = (session and session.number) or self._last
        away = session is not None and session.state == "away"
        here = self._last if session else self._last + 1
        home = {ended.number for ended, _ in delivered if ended.number}
        on_disk = set(range(max(1, here - (status.ready + status.waiting - away)), here)) - home
        return sorted([(number, True) for number in home] + [(number, False) for number in on_disk])[-MOST:]

    def draw(self, session: Session | None, status: Status, delivered: Delivered, time: float, y: float = Y) -> None:
        stars = self.stars(session, status, delivered)
        count = len(stars) + (session is not None)
        if not count:
            return
        left = (WIDTH - APART * (count - 1)) / 2
        places = [(left + APART * i, y + 5 * math.sin(i * 1.9)) for i in range(count)]
        width = APART * count + 12
        self._painter.plate(pygame.Rect(round((WIDTH - width) / 2), round(y) - 32, width, 78), 24)
        for one, next_one in pairwise(places):
            pygame.draw.aaline(self._painter.screen, LILAC, one, next_one)
        for (number, lit), place in zip(stars, places, strict=False):
            self._star(number, lit, place, time)
        if session:
            self._moon(session, places[-1])

    def _star(self, number: int, lit: bool, place: tuple[float, float], time: float) -> None:
        painter = self._painter
        if lit:
            painter.light(*place, GOLD, 84, 0.6 + 0.15 * math.sin(time * 3 + number))
        painter.centred(painter.star if lit else painter.no_star, *place)
        self._number(number, place, lit)

    def _moon(self, session: Session, place: tuple[float, float]) -> None:
        painter = self._painter
        painter.light(*place, CREAM, 84, 0.2 if session.grace_left is not None else 0.5)
        painter.centred(painter.small_moon, *place)
        if session.grace_left is not None:
            for i in range(math.ceil(RING * session.grace_left / self._grace)):
                turn = -math.tau * i / RING
                at = (place[0] + 27 * math.sin(turn), place[1] - 27 * math.cos(turn))
                pygame.draw.circle(painter.screen, GOLD, at, 2)
        else:
            self._number(session.number or 0, place, True)

    def _number(self, number: int, place: tuple[float, float], lit: bool) -> None:
        text = self._painter.letters.small(str(number or "?"), 17, CREAM if lit else LILAC)
        self._painter.screen.blit(text, (place[0] - text.get_width() / 2, place[1] + 22))
