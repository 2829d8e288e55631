"""Says what its system tells it, frame by frame, and how things stand then. `--fullscreen`; "switch" changes the mode."""

from __future__ import annotations

import sys

import pygame
from toolkit import SIZE, Commands, frame, install, say, say_focus


def main() -> None:
    install()
    pygame.init()
    flags = pygame.FULLSCREEN if "--fullscreen" in sys.argv else 0
    pygame.display.set_mode(SIZE, flags)
    pygame.display.set_caption("game")
    say_focus()
    commands = Commands()
    clock = pygame.time.Clock()
    stands = ""
    while True:
        for event in pygame.event.get():
            say(f"event {pygame.event.event_name(event.type)}")
            if event.type == pygame.QUIT:
                return
        if commands.next() == ["switch"]:
            pygame.display.toggle_fullscreen()
            say("done switch")
        now = f"stands {int(pygame.key.get_focused())} {int(pygame.display.get_active())}"
        if now != stands:
            stands = now
            say(now)
        frame(clock)


if __name__ == "__main__":
    main()
    pygame.quit()
