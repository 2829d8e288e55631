"""The usual kind of game: a window, a loop of frames, `pygame.event.get`. It does what the test tells it to."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import sys
import time

import pygame
from toolkit import SIZE, Commands, frame, install, open_window, say, say_focus

refusals = 0


def restart(seconds: str) -> None:
    pygame.quit()
    time.sleep(float(seconds))
    pygame.init()
    open_window()


def display_quit(seconds: str) -> None:
    """No call of pygame in the meantime."""
    pygame.display.quit()
    say("without a display")
    time.sleep(float(seconds))
    open_window()


def fail() -> None:
    raise RuntimeError("the game's own fault")


def fork() -> None:
    """Children that fail, and that leave by the doors that the plugin watches."""
    child = multiprocessing.get_context("fork").Process(target=fail)
    child.start()
    child.join()
    pid = os.fork()
    if pid == 0:
        sys.excepthook(RuntimeError, RuntimeError("the child's own fault"), None)
        # Not pygame's own handler: it would close the parent's window.
        atexit.unregister(pygame.quit)
        atexit._run_exitfuncs()
        os._exit(0)
    os.waitpid(pid, 0)


def refuse(times: str) -> None:
    global refusals
    refusals = int(times)


def mode() -> None:
    """The other one, by set_mode()."""
    flags = pygame.display.get_surface().get_flags()
    pygame.display.set_mode(SIZE, 0 if flags & pygame.FULLSCREEN else pygame.FULLSCREEN)


ACTIONS = {
    "display-quit": display_quit,
    "exit": lambda code: sys.exit(int(code)),
    "fail": fail,
    "fork": fork,
    "fullscreen": pygame.display.toggle_fullscreen,
    "leave": lambda: pygame.event.post(pygame.event.Event(pygame.QUIT)),
    "mode": mode,
    "os-exit": lambda: os._exit(3),
    "refuse": refuse,
    "restart": restart,
}


def main() -> None:
    global refusals
    install(background_on="minimize" if "--minimize" in sys.argv else "focus")  # before pygame.init()
    pygame.init()
    open_window()
    say_focus()
    commands = Commands()
    clock = pygame.time.Clock()
    while True:
        for event in pygame.event.get():
            say(f"event {pygame.event.event_name(event.type)}")
            if event.type == pygame.QUIT:
                if not refusals:
                    say("leaving")
                    return
                refusals -= 1
                say("refused")
        command = commands.next()
        if command:
            ACTIONS[command[0]](*command[1:])
            say(f"done {' '.join(command)}")
        frame(clock)


if __name__ == "__main__":
    main()
    pygame.quit()
