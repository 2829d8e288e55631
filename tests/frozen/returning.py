"""A game that quits pygame between two of its parts, and plays on when the file is there that PLAYS_ON names."""

import gs_pygame

gs_pygame.freeze_support()

import os  # noqa: E402 - first that call
import time  # noqa: E402

import pygame  # noqa: E402

gs_pygame.install(app="Returning", author="gs_pygame")


def play() -> None:
    pygame.display.init()
    pygame.display.set_mode((320, 200))
    clock = pygame.time.Clock()
    while pygame.QUIT not in [event.type for event in pygame.event.get()]:
        pygame.display.flip()
        clock.tick(60)
    pygame.quit()


play()
while not os.path.exists(os.environ["PLAYS_ON"]):
    time.sleep(0.02)
play()
