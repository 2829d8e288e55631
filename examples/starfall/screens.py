"""What is shown when nobody plays: the title, the pause, the end of a play."""

from __future__ import annotations

import math

import pygame

from .draw import Painter
from .letters import CORAL, CREAM, GOLD, INK, LILAC, MINT, Colour
from .sessions import Session
from .world import WIDTH, World

KEYS = "arrows or a gamepad move     P pause     F full screen     M sound     F1 session panel     Esc leaves"


class Screens:
    def __init__(self, painter: Painter, grace: float) -> None:
        self._painter = painter
        self._grace = grace

    def _centre(self, picture: pygame.Surface, y: float) -> None:
        self._painter.screen.blit(picture, (WIDTH / 2 - picture.get_width() / 2, y))

    def _big(self, text: str, height: int, y: float, tint: Colour = CREAM) -> None:
        self._centre(self._painter.letters.big(text, height, tint), y)

    def _small(self, text: str, size: int, y: float, tint: Colour = LILAC) -> None:
        self._centre(self._painter.letters.small(text, size, tint), y)

    def title(self, time: float, best: int, address: str | None) -> None:
        painter = self._painter
        painter.veil(INK, 0.42)
        painter.light(WIDTH / 2, 150, (120, 86, 60), 620)
        self._centre(painter.logo, 78 + 5 * math.sin(time * 1.6))
        self._big("CATCH THE STARS, MIND THE ROCKS", 14, 238, CREAM)
        if time % 1.2 < 0.85:
            self._big("PRESS SPACE", 22, 278, GOLD)
        if best:
            self._big(f"BEST {best}", 12, 320, LILAC)
        self._small(KEYS, 19, 352)
        if address:
            self._small(f"your sessions arrive at  {address}", 19, 376, MINT)
        else:
            self._small("no server is running: your sessions wait on disk", 19, 376, CORAL)

    def paused(self, away: bool, session: Session | None) -> None:
        self._painter.veil(INK, 0.6)
        if away:
            self._away(session)
        else:
            self._big("PAUSED", 44, 150)
            self._big("SPACE GOES ON", 14, 230, GOLD)
            self._small("Esc gives this play up", 20, 272)

    def _away(self, session: Session | None) -> None:
        self._big("AWAY", 44, 110)
        if session is None:
            self._small("The session has ended at the moment you left.", 22, 206, CREAM)
            self._small("A new one begins when you come back.", 22, 236, CREAM)
            return
        left = session.grace_left
        if left is None:
            self._small("Come back to go on.", 22, 206, CREAM)
            return
        tint = GOLD if left > 1.5 else CORAL
        self._small(f"The end of session {session.number} is saved.", 22, 186, CREAM)
        self._small("Come back in time, and the session goes on.", 22, 212, CREAM)
        self._painter.bar(WIDTH / 2 - 170, 246, 340, 18, left / self._grace, tint)
        self._big(f"{left:.1f}", 24, 274, tint)

    def over(self, world: World, best: int, since: float) -> None:
        self._painter.veil(INK, min(0.6, since))
        self._big("THE NIGHT IS OVER", 26, 84)
        counted = int(world.score * min(1.0, since / 1.2))
        self._big(f"{counted}", 60, 138, GOLD)
        if world.score and world.score >= best:
            self._big("YOUR BEST YET!", 15, 228, MINT)
        else:
            self._big(f"BEST {best}", 14, 228, LILAC)
        stars = "1 star" if world.caught == 1 else f"{world.caught} stars"
        self._small(f"level {world.level}     {stars}     longest row {world.best_combo}", 22, 260, CREAM)
        if since > 0.8:
            self._big("SPACE PLAYS AGAIN", 14, 294, GOLD)

    def killing(self) -> None:
        self._painter.veil((44, 8, 30), 0.94)
        self._big("THIS PROCESS IS BEING KILLED", 26, 190, CORAL)
        self._small("No farewell, no cleaning up. Start the game again to see what is left.", 24, 250, CREAM)
        self._small("Esc calls it off", 20, 284)
