"""A small game, played with the arrow keys: catch what falls. Its tests are in test_my_game.py."""

import random

import pygame

import gs_pygame

SIZE = (320, 240)


def main() -> None:
    score = 0
    gs_pygame.install(
        app="My Game",
        author="Me",
        endpoint="http://127.0.0.1:8765",
        background_grace=30.0,  # seconds; 300 unless set
        script_data=lambda: {"score": score},
    )
    pygame.init()
    screen = pygame.display.set_mode(SIZE)
    clock = pygame.time.Clock()
    basket = pygame.Rect(140, 220, 40, 12)
    apple = pygame.Rect(150, 0, 12, 12)
    while True:
        for event in pygame.event.get():
            if event.type == pygame.QUIT:
                pygame.quit()
                return
            if event.type == pygame.KEYDOWN and event.key in (pygame.K_LEFT, pygame.K_RIGHT):
                basket.x += 40 if event.key == pygame.K_RIGHT else -40
        apple.y += 4
        score += apple.colliderect(basket)
        if apple.colliderect(basket) or apple.y > SIZE[1]:
            apple.topleft = random.randrange(SIZE[0] - 12), 0
        screen.fill("seagreen")
        pygame.draw.rect(screen, "peru", basket)
        pygame.draw.ellipse(screen, "red", apple)
        pygame.display.flip()
        clock.tick(60)


if __name__ == "__main__":
    main()
