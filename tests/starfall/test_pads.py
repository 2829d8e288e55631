"""Gamepads: plugged in and pulled out while the game runs."""

from __future__ import annotations

import ctypes
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pygame
import pytest

from examples.starfall.pads import Pads, Wish

STICK, CROSS, RIGHT = 0, 0, 2  # SDL's numbers: the first axis, the first hat, and a hat pushed to the right
FULL = 32767


@pytest.fixture(autouse=True)
def _pygame(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SDL_JOYSTICK_ALLOW_BACKGROUND_EVENTS", "1")  # a dummy window has no focus
    pygame.display.init()
    pygame.display.set_mode((64, 64))
    yield
    pygame.quit()


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


class VirtualPad:
    """A gamepad that SDL itself plugs in: pygame cannot tell it from a real one."""

    def __init__(self) -> None:
        found = re.search(r"\S+/libSDL2-2\S+", Path("/proc/self/maps").read_text())
        if found is None:
            pytest.skip("pygame's SDL is linked into it, or is no SDL 2")
        self.sdl = ctypes.CDLL(found[0])
        self.sdl.SDL_JoystickFromInstanceID.restype = ctypes.c_void_p
        self.sdl.SDL_JoystickSetVirtualAxis.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int16]
        self.index = self.sdl.SDL_JoystickAttachVirtual(1, 2, 12, 1)
        assert self.index >= 0

    def handle(self, pads: Pads) -> ctypes.c_void_p:
        [number] = pads._pads
        return ctypes.c_void_p(self.sdl.SDL_JoystickFromInstanceID(number))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which SDL was loaded")
def test_a_pad_that_sdl_plugs_in_plays() -> None:
    """Through SDL and pygame: found, stick and cross steer, buttons are wishes, pulled out it is gone."""

    def wishes() -> list[Wish]:
        return [wish for event in pygame.event.get() if (wish := pads.hear(event))]

    pads = Pads()
    virtual = VirtualPad()
    assert wishes() == []
    pad, sdl = virtual.handle(pads), virtual.sdl
    for lean, moves in ((-FULL - 1, -1.0), (FULL // 8, 0.0)):
        sdl.SDL_JoystickSetVirtualAxis(pad, STICK, lean)
        assert wishes() == []
        assert pads.move() == moves
    sdl.SDL_JoystickSetVirtualHat(pad, CROSS, RIGHT)
    assert wishes() == []
    assert pads.move() == 1.0
    for button, wish in ((0, Wish.GO_ON), (7, Wish.PAUSE)):
        sdl.SDL_JoystickSetVirtualButton(pad, button, 1)
        assert wishes() == [wish]
    sdl.SDL_JoystickDetachVirtual(virtual.index)
    assert wishes() == [Wish.PAUSE]
    assert pads.move() == 0.0
