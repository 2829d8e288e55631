"""A game with pygame-menu."""

import pygame
import pygame_menu

import gs_pygame

gs_pygame.install(app="My Game", author="Me", endpoint="http://127.0.0.1:8765")

pygame.init()
screen = pygame.display.set_mode((480, 270))
menu = pygame_menu.Menu("My Game", 480, 270)
menu.add.button("Leave", pygame_menu.events.EXIT)
menu.mainloop(screen)
