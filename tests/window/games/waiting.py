"""A game that only waits (a card game, a puzzle): `event.wait()`.

With --blocked no window event wakes it up; with --refuse it does not believe the first QUIT.
"""

import sys

import pygame
from toolkit import install, open_window, say, say_focus

pygame.init()
open_window()
pygame.display.flip()
if "--blocked" in sys.argv:
    pygame.event.set_blocked(None)
    pygame.event.set_allowed([pygame.QUIT, pygame.KEYDOWN])
install()
say_focus()
refuse = "--refuse" in sys.argv
while True:
    event = pygame.event.wait()
    say(f"event {pygame.event.event_name(event.type)}")
    if event.type == pygame.QUIT:
        if not refuse:
            break
        refuse = False
        say("refused")
pygame.quit()
