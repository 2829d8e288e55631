"""A game with pygame-menu, left by the menu's own exit entry: it calls `pygame.quit()`, then `os._exit(1)`."""

import pygame
import pygame_menu

pygame.init()
screen = pygame.display.set_mode((400, 300))
menu = pygame_menu.Menu("menu", 400, 300)
menu.add.button("Quit", pygame_menu.events.EXIT)
menu.mainloop(screen)
