"""Without hooks: the game tells the plugin what it got, and that a frame has passed."""

import pygame

import gs_pygame

plugin = gs_pygame.install(app="Manual", author="gs_pygame", endpoint="http://127.0.0.1:8765", hook=False)

pygame.init()
screen = pygame.display.set_mode((480, 270))
clock = pygame.time.Clock()
running = True
while running:
    for event in pygame.event.get():
        plugin.process_event(event)
        running = running and event.type != pygame.QUIT
    plugin.update()
    session = plugin.session
    screen.fill("darkslategray" if session else "black")
    pygame.display.set_caption(f"session {session.number}: {session.active:.0f} s" if session else "no session")
    pygame.display.flip()
    clock.tick(60)
plugin.close()
pygame.quit()
