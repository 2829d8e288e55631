"""The finished game of bricks.py, with gs_pygame: one import and one call more."""

from __future__ import annotations

import sys

import pygame

import gs_pygame

SIZE = (480, 320)
LEVELS = ["..oooooo..", ".oooooooo.\n..oooooo..", "oooooooooo\n.oooooooo.\n..oooooo.."]
COLOURS = ("tomato", "orange", "gold")


class Bricks:
    def __init__(self) -> None:
        pygame.init()
        pygame.display.set_caption("Bricks")
        pygame.event.set_blocked(None)
        pygame.event.set_allowed([pygame.QUIT, pygame.KEYDOWN])  # the others are in nobody's way, they said
        self.screen = pygame.display.set_mode(SIZE)
        self.font = pygame.font.Font(None, 32)
        self.clock = pygame.time.Clock()
        self.level, self.lives, self.score = 1, 3, 0
        self.paddle = pygame.Rect(210, 300, 60, 8)
        self.bricks: list[pygame.Rect] = []

    def run(self) -> None:
        self.waits_at("BRICKS: press space")
        self.begins(1)
        while self.lives:
            self.plays()
        self.waits_at(f"GAME OVER: {self.score}")

    def begins(self, level: int) -> None:
        self.level = level
        rows = LEVELS[level - 1].splitlines()
        self.bricks = [
            pygame.Rect(10 + 46 * x, 30 + 22 * y, 44, 20)
            for y, row in enumerate(rows)
            for x, cell in enumerate(row)
            if cell == "o"
        ]
        self.ball, self.speed = pygame.Vector2(240, 200), pygame.Vector2(2.5, -3.5)

    def plays(self) -> None:
        for key in self.keys():
            if key == pygame.K_p:
                self.waits_at("PAUSED")
            elif key == pygame.K_n:  # the next level: for testers, and forgotten
                self.begins(self.level + 1)
        self.paddle.centerx = pygame.mouse.get_pos()[0]
        self.paddle.clamp_ip(self.screen.get_rect())
        self.moves()
        self.draws(f"level {self.level}   {'o' * self.lives}   {self.score}")
        self.clock.tick(60)

    def moves(self) -> None:
        self.ball += self.speed
        if not 0 < self.ball.x < SIZE[0]:
            self.speed.x = -self.speed.x
        if self.ball.y < 0 or self.paddle.collidepoint(self.ball):
            self.speed.y = -self.speed.y
        hit = pygame.Rect(self.ball.x - 5, self.ball.y - 5, 10, 10).collidelist(self.bricks)
        if hit >= 0:
            del self.bricks[hit]
            self.speed.y = -self.speed.y
            self.score += 10
        if not self.bricks:
            self.begins(self.level + 1)
        if self.ball.y > SIZE[1]:
            self.lives -= 1
            self.ball.update(240, 200)

    def draws(self, line: str) -> None:
        self.screen.fill("gray12")
        for brick in self.bricks:
            pygame.draw.rect(self.screen, COLOURS[brick.y // 22 % 3], brick, border_radius=4)
        pygame.draw.rect(self.screen, "peru", self.paddle, border_radius=4)
        if self.bricks:
            pygame.draw.circle(self.screen, "white", self.ball, 5)
        self.screen.blit(self.font.render(line, True, "gray70"), (10, 4))
        pygame.display.flip()

    def waits_at(self, line: str) -> None:
        """Until space: a loop of its own, as finished games have them."""
        while pygame.K_SPACE not in self.keys():
            self.draws(line)
            self.clock.tick(30)

    def keys(self) -> list[int]:
        events = pygame.event.get()
        if any(event.type == pygame.QUIT for event in events):
            pygame.quit()
            sys.exit()
        return [event.key for event in events if event.type == pygame.KEYDOWN]


def main() -> None:
    game = Bricks()
    gs_pygame.install(
        app="Bricks",
        author="Me",
        app_version="1.0",
        endpoint="http://127.0.0.1:8765",
        script_data=lambda: {"level": game.level, "lives": game.lives, "score": game.score},
    )
    game.run()


if __name__ == "__main__":
    main()
