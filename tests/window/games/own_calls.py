"""A game that calls the plugin itself: `install(hook=False)`."""

import pygame
from toolkit import frame, install, open_window, say_focus

pygame.init()
open_window()
plugin = install(hook=False)
say_focus()
clock = pygame.time.Clock()
playing = True
while playing:
    for event in pygame.event.get():
        plugin.process_event(event)
        if event.type == pygame.QUIT:
            playing = False
    plugin.update()
    frame(clock)
plugin.close()
pygame.quit()
