"""A game whose loop runs in another thread than the one that installed the plugin."""

import threading

import pygame
from toolkit import frame, install, open_window, say_focus

install()


def loop() -> None:
    pygame.init()
    open_window()
    say_focus()
    clock = pygame.time.Clock()
    playing = True
    while playing:
        playing = all(event.type != pygame.QUIT for event in pygame.event.get())
        frame(clock)
    pygame.quit()


thread = threading.Thread(target=loop)
thread.start()
thread.join()
