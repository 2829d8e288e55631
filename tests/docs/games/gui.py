"""A game with pygame_gui."""

import pygame
import pygame_gui

import gs_pygame

gs_pygame.install(app="My Game", author="Me", endpoint="http://127.0.0.1:8765")

pygame.init()
screen = pygame.display.set_mode((480, 270))
manager = pygame_gui.UIManager(screen.get_size())
leave = pygame_gui.elements.UIButton(pygame.Rect(190, 115, 100, 40), "Leave", manager)
clock = pygame.time.Clock()
running = True
while running:
    seconds = clock.tick(60) / 1000
    for event in pygame.event.get():
        manager.process_events(event)
        if event.type in (pygame.QUIT, pygame_gui.UI_BUTTON_PRESSED):
            running = False
    manager.update(seconds)
    screen.fill("midnightblue")
    manager.draw_ui(screen)
    pygame.display.flip()
pygame.quit()
