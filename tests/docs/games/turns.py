"""A game that is a coroutine."""

import asyncio

import pygame

import gs_pygame


async def main() -> None:
    pygame.init()
    pygame.display.set_mode((480, 270))
    while not pygame.event.get(pygame.QUIT):
        pygame.display.flip()
        await asyncio.sleep(1 / 60)
    pygame.quit()


gs_pygame.install(app="My Game", author="Me", endpoint="http://127.0.0.1:8765")
asyncio.run(main())
