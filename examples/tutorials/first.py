import random

import pygame

import gs_pygame

score = 0
gs_pygame.install(app="First Game", author="Me", endpoint="http://127.0.0.1:8765", script_data=lambda: {"score": score})
pygame.init()
screen = pygame.display.set_mode((480, 270))
font = pygame.font.Font(None, 40)
clock = pygame.time.Clock()
star = pygame.Vector2(240, 0)
running = True
while running:
    for event in pygame.event.get():
        running = running and event.type != pygame.QUIT
    basket = pygame.Rect(pygame.mouse.get_pos()[0] - 30, 236, 60, 16)
    star.y += 4
    score += basket.collidepoint(star)
    if basket.collidepoint(star) or star.y > 270:
        star.update(random.randrange(20, 460), 0)
    screen.fill("midnightblue")
    pygame.draw.rect(screen, "peru", basket, border_radius=6)
    pygame.draw.circle(screen, "gold", star, 10)
    screen.blit(font.render(str(score), True, "white"), (14, 10))
    pygame.display.flip()
    clock.tick(60)
pygame.quit()
