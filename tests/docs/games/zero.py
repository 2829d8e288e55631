"""A Pygame Zero game: `python zero.py`, or `pgzrun zero.py`."""

import pgzrun

import gs_pygame

gs_pygame.install(app="My Game", author="Me", endpoint="http://127.0.0.1:8765")

WIDTH, HEIGHT = 480, 270


def draw() -> None:
    screen.fill("midnightblue")  # noqa: F821 - Pygame Zero puts it here


pgzrun.go()
