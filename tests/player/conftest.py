"""Fixtures: those of what a game ships."""

from core_fixtures import clean, screen

__all__ = ["clean", "screen"]
