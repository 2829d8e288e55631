"""The question of `examples/consent.py`: whoever plays can answer it, whatever they hold in their hands."""

from __future__ import annotations

from collections.abc import Iterator

import pygame
import pytest

from examples.consent import ANSWERS, QUESTION, ask, draw, wrap


def key(code: int, mod: int = 0) -> pygame.event.Event:
    return pygame.event.Event(pygame.KEYDOWN, key=code, mod=mod, unicode="")


def stick(value: float) -> pygame.event.Event:
    return pygame.event.Event(pygame.JOYAXISMOTION, joy=0, axis=0, value=value)


def hat(x: int, y: int) -> pygame.event.Event:
    return pygame.event.Event(pygame.JOYHATMOTION, joy=0, hat=0, value=(x, y))


def button(number: int) -> pygame.event.Event:
    return pygame.event.Event(pygame.JOYBUTTONDOWN, joy=0, button=number)


RIGHT, LEFT, UP, TAB = key(pygame.K_RIGHT), key(pygame.K_LEFT), key(pygame.K_UP), key(pygame.K_TAB)
ENTER, SPACE, ESCAPE = key(pygame.K_RETURN), key(pygame.K_SPACE), key(pygame.K_ESCAPE)
BACK = key(pygame.K_TAB, pygame.KMOD_LSHIFT)


@pytest.fixture
def screen() -> Iterator[pygame.Surface]:
    pygame.display.init()
    pygame.font.init()
    yield pygame.display.set_mode((960, 540))
    pygame.quit()


def answered(screen: pygame.Surface, *events: pygame.event.Event) -> str | None:
    """The answer, when the player does this, and then puts it off."""
    pygame.event.clear()
    for event in (*events, ESCAPE):
        pygame.event.post(event)
    return ask(screen)


@pytest.mark.parametrize(
    ("does", "answer"),
    [
        ([RIGHT, ENTER], "granted"),
        ([LEFT, ENTER], "denied"),
        ([UP, SPACE], "denied"),
        ([RIGHT, RIGHT, ENTER], "denied"),
        ([TAB, TAB, TAB, SPACE], "granted"),
        ([TAB, BACK, ENTER], "denied"),
        ([hat(1, 0), button(0)], "granted"),
        ([hat(0, 1), hat(0, 0), button(0)], "denied"),
        ([stick(0.9), stick(0.95), stick(0.1), button(0)], "granted"),
        ([stick(0.9), stick(0.1), stick(0.9), button(0)], "denied"),
    ],
)
def test_keyboard_and_gamepad(screen: pygame.Surface, does: list[pygame.event.Event], answer: str) -> None:
    """To and fro between the two, and a key that takes what is marked; a stick that is held steps once."""
    assert answered(screen, *does) == answer


@pytest.mark.parametrize("does", [[ENTER], [SPACE], [button(0)], [button(1)], [stick(0.3), ENTER], [ESCAPE]])
def test_nothing_is_chosen_for_the_player(screen: pygame.Surface, does: list[pygame.event.Event]) -> None:
    """Before anything is marked, no key takes anything; it can be put off."""
    assert answered(screen, *does) is None


@pytest.mark.parametrize("answer", ANSWERS)
def test_mouse(screen: pygame.Surface, answer: str) -> None:
    """A click on an answer takes it; beside them, or by another button, it does not."""
    where = draw(screen, None)[answer].center
    assert answered(screen, pygame.event.Event(pygame.MOUSEBUTTONDOWN, button=1, pos=where)) == answer
    assert answered(screen, pygame.event.Event(pygame.MOUSEBUTTONDOWN, button=3, pos=where)) is None
    assert answered(screen, pygame.event.Event(pygame.MOUSEBUTTONDOWN, button=1, pos=(1, 1))) is None
    assert (
        answered(screen, pygame.event.Event(pygame.MOUSEMOTION, pos=where, rel=(0, 0), buttons=(0, 0, 0)), ENTER)
        == answer
    )


def test_the_window_is_closed(screen: pygame.Surface) -> None:
    """No answer; and the game hears of it."""
    assert answered(screen, pygame.event.Event(pygame.QUIT)) is None
    pygame.event.clear(pygame.KEYDOWN)
    assert [event.type for event in pygame.event.get(pygame.QUIT)] == [pygame.QUIT]


@pytest.mark.parametrize("size", [(480, 320), (640, 480), (960, 540), (1920, 1080), (2560, 1080)])
def test_it_fits_the_window(size: tuple[int, int]) -> None:
    """All of it can be seen, and both answers look the same but for their words."""
    pygame.display.init()
    pygame.font.init()
    screen = pygame.display.set_mode(size)
    boxes = draw(screen, None)
    assert all(screen.get_rect().contains(box) for box in boxes.values())
    assert boxes["granted"].size == boxes["denied"].size
    assert not boxes["granted"].colliderect(boxes["denied"])
    below = screen.subsurface((0, size[1] - 4, size[0], 4))
    assert pygame.transform.average_color(below)[:3] == screen.get_at((0, 0))[:3], "something lies below the window"
    pygame.quit()


def test_a_word_is_never_cut() -> None:
    """However narrow it is."""
    pygame.font.init()
    font = pygame.font.Font(None, 40)
    assert wrap(font, QUESTION, 1) == QUESTION.split()
    assert wrap(font, QUESTION, 10_000) == [QUESTION]
