"""A game that draws with a Renderer on a Window, and never calls set_mode: `display.get_active()` is always False.

With --minimize it is left when no window can be seen; with --two it has another one, "second".
"""

import sys

import pygame
from pygame._sdl2 import video
from toolkit import SIZE, install, say_focus

install(background_on="minimize" if "--minimize" in sys.argv else "focus")
pygame.init()
Window = getattr(pygame, "Window", video.Window)
titles = ("second", "game") if "--two" in sys.argv else ("game",)
renderers = [video.Renderer(Window(title, SIZE)) for title in titles]
say_focus()
clock = pygame.time.Clock()
playing = True
while playing:
    playing = all(event.type not in (pygame.QUIT, pygame.WINDOWCLOSE) for event in pygame.event.get())
    for renderer in renderers:
        renderer.clear()
        renderer.present()
    clock.tick(60)
pygame.quit()
