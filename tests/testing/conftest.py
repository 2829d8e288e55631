"""Fixtures: no test of the kit needs a screen, and each begins with a pygame that is not initialised."""

from __future__ import annotations

from collections.abc import Iterator

import pygame
import pytest
from network_fixtures import authority, bundle, plain_environment, server, tls_server

__all__ = ["authority", "bundle", "plain_environment", "server", "tls_server"]


@pytest.fixture(autouse=True)
def no_screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setenv("SDL_AUDIODRIVER", "dummy")
    pygame.quit()
    yield
    pygame.quit()
