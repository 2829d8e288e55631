"""A game that lets only the events through which it needs, a common speed-up: no window event among them."""

import pygame
from toolkit import frame, install, open_window, say_focus

pygame.init()
open_window()
pygame.event.set_blocked(None)
pygame.event.set_allowed([pygame.QUIT, pygame.KEYDOWN])
install()
say_focus()
clock = pygame.time.Clock()
playing = True
while playing:
    playing = all(event.type != pygame.QUIT for event in pygame.event.get())
    frame(clock)
pygame.quit()
