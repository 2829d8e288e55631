"""A game with an excepthook of its own, set before or after the plugin was installed."""

import sys

import pygame
from toolkit import Commands, frame, install, open_window, say, say_focus

original = sys.excepthook


def hook(kind, error, trace):
    say(f"hook set {sys.argv[1]}: {kind.__name__}")
    previous(kind, error, trace)


previous = original
if sys.argv[1] == "before":
    sys.excepthook = hook
install()
if sys.argv[1] == "after":
    previous = sys.excepthook
    sys.excepthook = hook
pygame.init()
open_window()
say_focus()
commands = Commands()
clock = pygame.time.Clock()
while not commands.next():
    pygame.event.get()
    frame(clock)
raise RuntimeError("the game's own fault")
