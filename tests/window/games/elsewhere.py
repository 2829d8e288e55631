"""Not the game: what the player goes to when they leave it."""

import pygame

pygame.display.init()
pygame.display.set_mode((120, 90))
pygame.display.set_caption("elsewhere")
while pygame.event.wait().type != pygame.QUIT:
    pass
