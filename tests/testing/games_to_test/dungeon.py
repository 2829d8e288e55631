"""A small game with a loop in each of its screens, one inside the other: title, play, pause, and "really leave?"."""

import sys
import time

import pygame

SCREEN = None


def show(words):
    SCREEN.fill("black")
    pygame.draw.line(SCREEN, "white", (0, 0), (10 * len(words), 50))
    pygame.display.update()


def title():
    began = pygame.time.get_ticks()
    while pygame.time.get_ticks() - began < 2000:  # a splash
        pygame.event.pump()
        pygame.time.wait(20)
    while True:
        show("press a key")
        event = pygame.event.wait()
        if event.type == pygame.QUIT:
            leave()
        if event.type == pygame.KEYDOWN:
            play()


def play():
    while True:
        for event in pygame.event.get():
            if event.type == pygame.QUIT and really():
                leave()
            if event.type == pygame.KEYDOWN and event.key == pygame.K_p:
                pause()
            if event.type == pygame.KEYDOWN and event.key == pygame.K_ESCAPE:
                return
        show("playing")
        time.sleep(0.02)


def pause():
    while True:
        event = pygame.event.poll()
        if event.type == pygame.QUIT:
            leave()
        if event.type == pygame.KEYDOWN:
            return
        pygame.display.flip()


def really():
    """Ask for five seconds; no answer is a yes."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        for event in pygame.event.get():
            if event.type == pygame.KEYDOWN:
                return False
        show("really leave?")
        pygame.time.delay(10)
    return True


def leave():
    pygame.quit()
    sys.exit()


def main():
    global SCREEN
    pygame.init()
    SCREEN = pygame.display.set_mode((320, 240))
    title()


if __name__ == "__main__":
    main()
