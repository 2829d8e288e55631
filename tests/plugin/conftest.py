"""Fixtures: those of what a game ships."""

from core_fixtures import clean, outbox, path, screen

__all__ = ["clean", "outbox", "path", "screen"]
