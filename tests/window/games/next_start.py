"""The next start of a game, without a window, which delivers what earlier runs have left. Ends when told."""

import time

import pygame
from toolkit import Commands, install

install()
pygame.init()
commands = Commands()
while not commands.next():
    pygame.event.get()
    time.sleep(0.01)
pygame.quit()
