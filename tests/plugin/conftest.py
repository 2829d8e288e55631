"""Fixtures: those of what a game ships."""

from core_fixtures import clean, home, outbox, path, screen

__all__ = ["clean", "home", "outbox", "path", "screen"]
