"""A game that only waits (a card game, a puzzle): `event.wait()`; with --blocked no window event wakes it up."""

import sys

import pygame
from toolkit import install, open_window, say_focus

pygame.init()
open_window()
pygame.display.flip()
if "--blocked" in sys.argv:
    pygame.event.set_blocked(None)
    pygame.event.set_allowed([pygame.QUIT, pygame.KEYDOWN])
install()
say_focus()
while pygame.event.wait().type != pygame.QUIT:
    pass
pygame.quit()
