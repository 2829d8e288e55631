"""A game whose worlds are made by another process."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import pygame

import gs_pygame


def world(seed: int) -> list[int]:
    return [seed * x % 7 for x in range(100)]


if __name__ == "__main__":
    gs_pygame.install(app="My Game", author="Me", endpoint="http://127.0.0.1:8765")
    pygame.init()
    pygame.display.set_mode((480, 270))
    clock = pygame.time.Clock()
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as workers:
        made = workers.submit(world, 42)
        while not pygame.event.get(pygame.QUIT):
            pygame.display.flip()
            clock.tick(60)
        print(len(made.result()))
    pygame.quit()
