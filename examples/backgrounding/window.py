"""The laboratory's window: the timeline grows while the keys, or what you do to the window, make things happen."""

from __future__ import annotations

import pygame

from ..starfall.letters import CREAM, GOLD, LILAC
from .picture import HEIGHT, WIDTH, Picture
from .scenario import Deed
from .subjects import OwnWindow, Played

FRAMES = 30
SLOWEST, FASTEST = 1, 100
FIRST_VIEW = 60.0  # seconds that are shown where nobody knows how long it will take
LID_CLOSED = 40.0  # seconds

KEYS = {
    pygame.K_a: "alt-tab",
    pygame.K_m: "minimise",
    pygame.K_r: "return",
    pygame.K_d: "show desktop",
    pygame.K_f: "switch mode",
    pygame.K_i: "interrupt",
    pygame.K_l: "sleep",
    pygame.K_q: "quit",
    pygame.K_c: "crash",
    pygame.K_k: "kill",
    pygame.K_s: "start",
}
PLAYED_HELP = (
    "A alt-tab   M minimise   D show desktop   F switch mode   I interrupt   R return   L lid   "
    "Q quit   C crash   K kill   S start   N network"
)
OWN_HELP = "Leave this window, minimise it, come back: it is watched by the plugin.   N network   Esc closes"


def view(now: float, length: float | None) -> float:
    """How many seconds are shown: the scenario's, or twice as many whenever the right edge comes near."""
    shown = length or FIRST_VIEW
    while length is None and now > 0.92 * shown:
        shown *= 2
    return shown


class Window:
    """`length`: seconds of the scenario; None where there is none."""

    def __init__(self, subject: Played | OwnWindow, length: float | None, speed: int) -> None:
        self._screen = pygame.display.get_surface()
        self._picture = Picture()
        self._subject = subject
        self._length = length
        self._speed = speed
        self._playing = True
        self._open = True

    def run(self) -> None:
        """Until it is closed."""
        clock = pygame.time.Clock()
        while self._open:
            seconds = min(0.1, clock.tick(FRAMES) / 1000)
            for event in pygame.event.get():
                if event.type == pygame.QUIT:
                    self._open = False
                elif event.type == pygame.KEYDOWN:
                    self._press(event.key)
            if self._playing:
                self._playing = self._subject.advance(seconds * self._speed)
            self._draw()

    def _press(self, key: int) -> None:
        if key == pygame.K_ESCAPE:
            self._open = False
        elif key == pygame.K_SPACE:
            self._playing = not self._playing
        elif key in (pygame.K_UP, pygame.K_DOWN):
            speed = self._speed * 2 if key == pygame.K_UP else self._speed // 2
            self._speed = max(SLOWEST, min(FASTEST, speed))
        elif key == pygame.K_n:
            self._subject.do(Deed(0, "network up" if self._subject.network.offline else "network down"))
        elif key in KEYS:
            self._subject.do(Deed(0, KEYS[key], LID_CLOSED))

    def _draw(self) -> None:
        record = self._subject.record
        assert self._screen is not None
        self._screen.blit(self._picture.draw(record, view(record.now, self._length), playing=True), (0, 0))
        small = self._picture.letters.small
        if isinstance(self._subject, Played):
            pace = f"x{self._speed}" if self._playing else "stands still"
            self._screen.blit(small(PLAYED_HELP, 18, LILAC), (32, HEIGHT - 30))
            text = small(f"{pace}   up, down, space", 18, GOLD if self._playing else CREAM)
            self._screen.blit(text, (WIDTH - 40 - text.get_width(), HEIGHT - 30))
        else:
            self._screen.blit(small(OWN_HELP, 18, LILAC), (32, HEIGHT - 30))
        pygame.display.flip()
