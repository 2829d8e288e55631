"""The sessions as stars: which are shown, lit or not, and the moon for the one that is played."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone

import pygame
import pytest

from examples.starfall.constellation import MOST, Constellation
from examples.starfall.draw import Painter
from examples.starfall.game import ASSETS
from examples.starfall.sessions import Answer, Session, Status
from examples.starfall.world import HEIGHT, WIDTH

HERE = Session("a", 4, None, "active", datetime(2026, 1, 31, tzinfo=timezone.utc), 12.0)
AWAY = replace(HERE, state="away", grace_left=4.0)


def delivered(*numbers: int) -> list[tuple[Session, Answer]]:
    return [(replace(HERE, number=number, state="ended"), Answer(1000)) for number in numbers]


@pytest.fixture
def sky() -> Iterator[Constellation]:
    pygame.display.init()
    pygame.font.init()
    yield Constellation(Painter(pygame.display.set_mode((WIDTH, HEIGHT)), ASSETS), 5.0)
    pygame.quit()


def test_the_first_session_is_the_moon_alone(sky: Constellation) -> None:
    """Nothing has ended yet."""
    assert sky.stars(replace(HERE, number=1), Status(), []) == []


def test_what_the_server_has_is_lit_and_what_lies_on_disk_is_not(sky: Constellation) -> None:
    """Session 3 waits for the network while 4 is played."""
    assert sky.stars(HERE, Status(ready=1), delivered(1, 2)) == [(1, True), (2, True), (3, False)]


def test_a_saved_end_that_can_still_be_withdrawn_is_no_star_yet(sky: Constellation) -> None:
    """The player is away: the moon has its ring, and the end on disk is the moon's own."""
    assert sky.stars(AWAY, Status(waiting=1), delivered(3)) == [(3, True)]


def test_the_moon_becomes_a_star(sky: Constellation) -> None:
    """The grace is over: session 4 is on disk, then at the server."""
    sky.stars(AWAY, Status(waiting=1), [])
    assert sky.stars(None, Status(ready=1), []) == [(4, False)]
    assert sky.stars(None, Status(), delivered(4)) == [(4, True)]


def test_a_count_that_is_a_moment_old_shows_no_star_twice(sky: Constellation) -> None:
    """What was delivered is lit, although the queue was last read before."""
    assert sky.stars(HERE, Status(ready=1), delivered(3)) == [(3, True)]


def test_only_the_last_stars_are_shown(sky: Constellation) -> None:
    """A long evening fits on the screen, and can be drawn, with whoever is or is not there."""
    many = delivered(*range(1, 40))
    assert [number for number, _ in sky.stars(replace(HERE, number=40), Status(), many)] == list(range(40 - MOST, 40))
    for session in (HERE, AWAY, None, replace(HERE, number=None)):
        sky.draw(session, Status(), many, 1.0)
