"""The smallest game with gs_pygame. In another terminal: gs-pygame serve, then open http://127.0.0.1:8765."""

import pygame

import gs_pygame

gs_pygame.install(app="Minimal", author="gs_pygame", endpoint="http://127.0.0.1:8765")

pygame.init()
screen = pygame.display.set_mode((480, 270))
clock = pygame.time.Clock()
x = 0
running = True
while running:
    for event in pygame.event.get():
        running = running and event.type != pygame.QUIT
    x = (x + 3) % 480
    screen.fill("midnightblue")
    pygame.draw.circle(screen, "gold", (x, 135), 20)
    pygame.display.flip()
    clock.tick(60)
pygame.quit()
