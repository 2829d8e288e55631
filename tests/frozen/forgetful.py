"""A game whose author forgot to call `gs_pygame.freeze_support()`."""

import pygame

import gs_pygame

gs_pygame.install(app="Forgetful", author="gs_pygame")

pygame.display.init()
pygame.display.set_mode((320, 200))
clock = pygame.time.Clock()
while pygame.QUIT not in [event.type for event in pygame.event.get()]:
    pygame.display.flip()
    clock.tick(60)
pygame.quit()
