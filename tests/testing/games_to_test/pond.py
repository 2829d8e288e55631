"""A small game of tasks: asyncio waits for the next frame, and a fish swims in a task of its own."""

import asyncio

import pygame


class Pond:
    def __init__(self):
        pygame.init()
        self.screen = pygame.display.set_mode((320, 240))
        self.fish = 0
        self.open = True

    async def swim(self):
        while self.open:
            self.fish = (self.fish + 1) % 320
            await asyncio.sleep(0.05)

    async def listen(self):
        while self.open:
            for event in pygame.event.get():
                self.open = self.open and event.type != pygame.QUIT
            await asyncio.sleep(1 / 60)

    async def draw(self):
        while self.open:
            self.screen.fill("navy")
            pygame.draw.circle(self.screen, "orange", (self.fish, 120), 8)
            pygame.display.flip()
            await asyncio.sleep(1 / 30)

    async def play(self):
        await asyncio.gather(self.swim(), self.listen(), self.draw())
        pygame.quit()


def main():
    asyncio.run(Pond().play())


if __name__ == "__main__":
    main()
