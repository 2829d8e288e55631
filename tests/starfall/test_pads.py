"""Gamepads: plugged in and pulled out while the game runs."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pygame
import pytest

from examples.starfall.pads import Pads, Wish


@pytest.fixture(autouse=True)
def _pygame() -> Iterator[None]:
    yield
    pygame.joystick.quit()


def pad(number: int, lean: float = 0.0, hat: int | None = None) -> Any:
    """What the game asks of a joystick; `hat` None: it has no cross."""
    return SimpleNamespace(
        get_instance_id=lambda: number,
        get_numaxes=lambda: 2,
        get_axis=lambda axis: lean,
        get_numhats=lambda: 0 if hat is None else 1,
        get_hat=lambda index: (hat, 0),
    )


def plugged(*pads: Any) -> Pads:
    """As if each had been plugged in."""
    found = Pads(lambda index: pads[index])
    for index in range(len(pads)):
        assert found.hear(pygame.event.Event(pygame.JOYDEVICEADDED, device_index=index)) is None
    return found


def pull(pads: Pads, number: int) -> Wish | None:
    return pads.hear(pygame.event.Event(pygame.JOYDEVICEREMOVED, instance_id=number))


def press(pads: Pads, button: int) -> Wish | None:
    return pads.hear(pygame.event.Event(pygame.JOYBUTTONDOWN, instance_id=0, button=button))


def test_without_a_pad_nothing_moves() -> None:
    """Most players have none; other events are none of its business."""
    pads = Pads()
    assert pads.move() == 0.0
    assert pads.hear(pygame.event.Event(pygame.QUIT)) is None


@pytest.mark.parametrize(("lean", "moves"), [(-1.0, -1.0), (0.6, 0.6), (0.1, 0.0)])
def test_the_stick_steers_beyond_its_dead_zone(lean: float, moves: float) -> None:
    """As far as it leans; a worn stick at rest is no movement."""
    assert plugged(pad(7, lean)).move() == moves


def test_the_cross_steers_as_well() -> None:
    """All the way, whatever the stick does."""
    assert plugged(pad(7, 0.3, hat=-1)).move() == -1.0


def test_each_pad_plays() -> None:
    """Two on the sofa: whoever leans further."""
    assert plugged(pad(7, 0.0), pad(9, 0.8)).move() == 0.8


def test_a_pad_that_is_pulled_out_pauses_the_game_and_moves_nothing() -> None:
    """Once; a pad that was never there pauses nothing; plugged in again, it plays again."""
    pads = plugged(pad(7, 1.0))
    assert pull(pads, 5) is None
    assert pull(pads, 7) is Wish.PAUSE
    assert pull(pads, 7) is None
    assert pads.move() == 0.0
    pads.hear(pygame.event.Event(pygame.JOYDEVICEADDED, device_index=0))
    assert pads.move() == 1.0


def test_a_pad_that_is_gone_before_it_was_opened_is_none() -> None:
    """Pulled out within the same moment."""

    def gone(index: int) -> Any:
        raise pygame.error("Invalid joystick device number")

    pads = Pads(gone)
    assert pads.hear(pygame.event.Event(pygame.JOYDEVICEADDED, device_index=0)) is None
    assert pads.move() == 0.0


def test_face_buttons_go_on_and_start_pauses() -> None:
    """Wherever the maker put them."""
    pads = Pads()
    assert [press(pads, button) for button in (0, 3)] == [Wish.GO_ON, Wish.GO_ON]
    assert [press(pads, button) for button in (7, 9)] == [Wish.PAUSE, Wish.PAUSE]
