"""Fixtures: no screen, no setting from outside, and a pygame that is not initialised."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pygame
import pytest


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in list(os.environ):
        if name.startswith("GS_PYGAME_") or name.lower().endswith("_proxy") or name == "DO_NOT_TRACK":
            monkeypatch.delenv(name)
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setenv("SDL_AUDIODRIVER", "dummy")
    pygame.quit()
    yield
    pygame.quit()
