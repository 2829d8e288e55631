"""A game that quits pygame between two of its parts, and plays on."""

import gs_pygame

gs_pygame.freeze_support()

import time  # noqa: E402 - first that call

import pygame  # noqa: E402

gs_pygame.install(app="Returning", author="gs_pygame")

BETWEEN = 1.5  # seconds without a window


def play() -> None:
    pygame.display.init()
    pygame.display.set_mode((320, 200))
    clock = pygame.time.Clock()
    while pygame.QUIT not in [event.type for event in pygame.event.get()]:
        pygame.display.flip()
        clock.tick(60)
    pygame.quit()


play()
time.sleep(BETWEEN)
play()
