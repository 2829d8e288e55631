"""A game with a second window, such as a map or an inventory."""

import pygame
from pygame._sdl2 import video
from toolkit import Commands, frame, install, open_window, say, say_focus

pygame.init()
open_window()
install()
say_focus()
tool = None
commands = Commands()
clock = pygame.time.Clock()
playing = True
while playing:
    playing = all(event.type != pygame.QUIT for event in pygame.event.get())
    command = " ".join(commands.next())
    if command == "open":
        tool = getattr(pygame, "Window", video.Window)("tool", (120, 90))
    elif command:
        getattr(tool, command)()
    if command:
        say(f"done {command}")
    frame(clock)
pygame.quit()
