"""A game that draws with a Renderer on a Window, and never calls set_mode: `display.get_active()` is always False."""

import pygame
from pygame._sdl2 import video
from toolkit import SIZE, install, say_focus

install()
pygame.init()
window = getattr(pygame, "Window", video.Window)("game", SIZE)
renderer = video.Renderer(window)
say_focus()
clock = pygame.time.Clock()
playing = True
while playing:
    playing = all(event.type != pygame.QUIT for event in pygame.event.get())
    renderer.clear()
    renderer.present()
    clock.tick(60)
pygame.quit()
