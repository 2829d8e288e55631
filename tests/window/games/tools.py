"""A game with a second window, such as a map or an inventory."""

import pygame
from pygame._sdl2 import video
from toolkit import Commands, frame, install, open_window, say, say_focus

pygame.init()
open_window()
install()
say_focus()
tool = renderer = None
commands = Commands()
clock = pygame.time.Clock()
playing = True
while playing:
    playing = all(event.type != pygame.QUIT for event in pygame.event.get())
    command = " ".join(commands.next())
    if command == "open":
        tool = getattr(pygame, "Window", video.Window)("tool", (120, 90))
        renderer = video.Renderer(tool)
    elif command == "destroy":
        renderer = None
        tool.destroy()
        tool = None
    elif command:
        getattr(tool, command)()
    if command:
        say(f"done {command}")
    if renderer:
        renderer.present()  # Wayland shows a window when something is drawn on it
    frame(clock)
pygame.quit()
