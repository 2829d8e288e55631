"""Gamepads, which may come and go while the game runs: each of them plays."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from enum import Enum, auto

import pygame

DEAD_ZONE = 0.25  # of the stick's way: a worn stick does not rest in the middle
START_BUTTONS = range(6, 10)  # Start and its neighbours, wherever a maker put them; the face buttons come before


class Wish(Enum):
    GO_ON = auto()
    PAUSE = auto()


class Pads:
    """`connect` opens the pad of a device index. Without a joystick module or driver there are simply none."""

    def __init__(self, connect: Callable[[int], pygame.joystick.JoystickType] | None = None) -> None:
        self._pads: dict[int, pygame.joystick.JoystickType] = {}
        self._connect = connect or pygame.joystick.Joystick
        with suppress(pygame.error, NotImplementedError):
            pygame.joystick.init()  # an event tells of each one that is plugged in, now or later

    def hear(self, event: pygame.event.Event) -> Wish | None:
        """What the player wants with this event; pulling out a pad pauses the game."""
        if event.type == pygame.JOYDEVICEADDED:
            with suppress(pygame.error):  # it has been pulled out again already
                pad = self._connect(event.device_index)
                self._pads[pad.get_instance_id()] = pad
        elif event.type == pygame.JOYDEVICEREMOVED:
            return Wish.PAUSE if self._pads.pop(event.instance_id, None) else None
        elif event.type == pygame.JOYBUTTONDOWN:
            return Wish.PAUSE if event.button in START_BUTTONS else Wish.GO_ON
        return None

    def move(self) -> float:
        """-1 (left) to 1 (right), by stick or cross."""
        moves = [0.0]
        for pad in self._pads.values():
            if pad.get_numhats():
                moves.append(float(pad.get_hat(0)[0]))
            if pad.get_numaxes():
                lean = pad.get_axis(0)
                moves.append(lean if abs(lean) > DEAD_ZONE else 0.0)
        return max(moves, key=abs)
