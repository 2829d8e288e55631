"""Shows what the plugin is doing: a strip along the bottom, a card on F1, and what was picked up from before."""

from __future__ import annotations

import pygame

from .draw import Painter
from .letters import CORAL, CREAM, GOLD, LILAC, MINT, Colour
from .sessions import Answer, Session, Status
from .tour import Tour
from .world import HEIGHT, WIDTH

GRACE = 5.0
STRIP, CARD, OFF = range(3)
CARD_WIDTH, ROW = 280, 22
Delivered = list[tuple[Session, Answer]]


def clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{seconds % 60:04.1f}"


class Overlay:
    def __init__(self, painter: Painter) -> None:
        self._painter = painter
        self.form = STRIP

    def toggle(self) -> None:
        self.form = (self.form + 1) % 3

    def draw(
        self, session: Session | None, status: Status, delivered: Delivered, network: bool, tour: Tour, paused: bool
    ) -> None:
        form = CARD if paused else self.form
        if form == OFF:
            return
        rows = self._rows(session, status, delivered, network)
        if form == CARD:
            self._card(rows, session)
        else:
            self._strip(rows)
        line = tour.line(status, network)
        if line:
            self._invitation(*line, tour.step)

    def _rows(
        self, session: Session | None, status: Status, delivered: Delivered, network: bool
    ) -> list[tuple[str, str, Colour]]:
        if session is None:
            about = [("session", "none: it has ended", LILAC), ("state", "ended", LILAC), ("active", "-", LILAC)]
        else:
            state = ("here", MINT) if session.state == "active" else ("away", GOLD)
            about = [
                ("session", f"{session.number}  ({session.id[:8]})", CREAM),
                ("state", *state),
                ("active", clock(session.active), CREAM),
            ]
        if not network:
            line = ("cut", CORAL)
        else:
            line = {None: ("not tried yet", LILAC), True: ("online", MINT), False: ("offline", CORAL)}[status.online]
        queue = f"{status.waiting} waiting  {status.ready} ready  {status.delivered} sent"
        last = "none yet"
        if delivered:
            ended, answer = delivered[-1]
            length = "no length" if answer.session_duration is None else f"{answer.session_duration:,} ms"
            last = f"session {ended.number}:  {length}"
        busy = GOLD if status.waiting or status.ready else CREAM
        return [*about, ("network", *line), ("queue", queue, busy), ("answer", last, CREAM if delivered else LILAC)]

    def _strip(self, rows: list[tuple[str, str, Colour]]) -> None:
        screen, small = self._painter.screen, self._painter.letters.small
        self._painter.plate(pygame.Rect(0, HEIGHT - 24, WIDTH, 24), 0)
        hint = small("F1", 17, LILAC)
        parts = [(small(name, 17, LILAC), small(value, 17, tint)) for name, value, tint in rows]
        used = sum(a.get_width() + 6 + b.get_width() for a, b in parts) + hint.get_width()
        gap = (WIDTH - 28 - used) / len(parts)
        left = 14.0
        for name, value in parts:
            screen.blit(name, (left, HEIGHT - 18))
            screen.blit(value, (left + name.get_width() + 6, HEIGHT - 18))
            left += name.get_width() + 6 + value.get_width() + gap
        screen.blit(hint, (WIDTH - 14 - hint.get_width(), HEIGHT - 18))

    def _card(self, rows: list[tuple[str, str, Colour]], session: Session | None) -> None:
        painter = self._painter
        card = pygame.Rect(WIDTH - CARD_WIDTH - 16, 66, CARD_WIDTH, 46 + ROW * (len(rows) + 1) + 28)
        self._painter.plate(card, 14)
        painter.screen.blit(painter.letters.big("GS PYGAME", 11, GOLD), (card.x + 13, card.y + 13))
        for index, (name, value, tint) in enumerate(rows):
            y = card.y + 42 + ROW * index
            painter.screen.blit(painter.letters.small(name, 18, LILAC), (card.x + 16, y))
            painter.screen.blit(painter.letters.small(value, 18, tint), (card.x + 82, y))
        left = session.grace_left if session else None
        y = card.y + 42 + ROW * len(rows)
        painter.screen.blit(painter.letters.small("grace", 18, LILAC), (card.x + 16, y))
        if left is None:
            painter.screen.blit(
                painter.letters.small(f"{GRACE:.0f} s from when you leave", 18, LILAC), (card.x + 82, y)
            )
        else:
            painter.bar(card.x + 82, y + 1, CARD_WIDTH - 102, 11, left / GRACE, GOLD)
        keys = painter.letters.small("N network    K kill    F1 hide", 16, LILAC)
        painter.screen.blit(keys, (card.centerx - keys.get_width() / 2, card.bottom - 21))

    def _invitation(self, text: str, praise: bool, step: int) -> None:
        letters, screen = self._painter.letters, self._painter.screen
        number = step if praise else step + 1
        head = letters.big("SEEN" if praise else f"TRY {number}", 10, MINT if praise else GOLD)
        words = letters.small(text, 20, CREAM)
        width = head.get_width() + words.get_width() + 44
        plate = pygame.Rect(int(WIDTH / 2 - width / 2), HEIGHT - 60, width, 28)
        self._painter.plate(plate, 14)
        screen.blit(head, (plate.x + 14, plate.centery - head.get_height() / 2))
        screen.blit(words, (plate.x + 28 + head.get_width(), plate.centery - words.get_height() / 2))

    def recovered(self, found: Delivered, title: bool) -> None:
        """Sessions of earlier runs that have now arrived: beside the words of the title, or above a play."""
        letters = self._painter.letters
        lines = [f"session {ended.number}    {ended.reason}    {clock(ended.active)} active" for ended, _ in found[-3:]]
        if len(found) > 3:
            lines.append(f"and {len(found) - 3} more")
        pictures = [letters.small(line, 20) for line in lines]
        head = letters.big("DELIVERED FROM BEFORE", 11, MINT)
        width = max(picture.get_width() for picture in [head, *pictures]) + 48
        left, top = (WIDTH - width - 12, 222) if title else ((WIDTH - width) // 2, 56)
        plate = pygame.Rect(left, top, width, 40 + 22 * len(pictures))
        self._painter.plate(plate, 14)
        self._painter.screen.blit(head, (plate.centerx - head.get_width() / 2, plate.y + 9))
        for index, picture in enumerate(pictures):
            self._painter.screen.blit(picture, (plate.centerx - picture.get_width() / 2, plate.y + 34 + 22 * index))
