"""Ends a player's session when they leave a Pygame game (docs: README.md)."""

__version__ = "0.1.0"
