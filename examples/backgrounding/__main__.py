"""`python -m examples.backgrounding`: keys play; `... SCENARIO`: a file does; `--own-window`: it is for real."""

from __future__ import annotations

import argparse
import logging
import os
import sys

from .scenario import DEEDS, DEFAULT_DESKTOP, DEFAULT_GRACE, Deed, Scenario, ScenarioError

FREE = (Deed(0, "start"),)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m examples.backgrounding",
        description="Watch what the plugin makes of a player who leaves.",
        epilog="deeds: " + "; ".join(f"{name}: {meaning}" for name, meaning in DEEDS.items()),
    )
    parser.add_argument("scenario", nargs="?", help="a file, or one of everyday, flaky_network, crash (default: keys)")
    parser.add_argument("--png", metavar="FILE", help="write the picture; a scenario is then played without a window")
    parser.add_argument("--speed", type=int, default=10, metavar="N", help="times as fast, 1 to 100 (default: 10)")
    parser.add_argument("--own-window", action="store_true", help="watch this very window, in real time")
    parser.add_argument("--grace", type=float, default=DEFAULT_GRACE, metavar="S", help="seconds, without a scenario")
    options = parser.parse_args()
    if options.own_window and options.scenario:
        parser.error("a scenario plays in a time of its own, your own window does not: choose one of the two")
    try:
        scenario = Scenario.load(options.scenario) if options.scenario else None
    except ScenarioError as error:
        parser.error(str(error))
    return _watch(scenario, options)


def _watch(scenario: Scenario | None, options: argparse.Namespace) -> int:
    for switch in ("GS_PYGAME_DISABLED", "DO_NOT_TRACK"):
        os.environ.pop(switch, None)  # nothing is sent from here
    logging.getLogger("gs_pygame").addHandler(logging.NullHandler())  # the picture says it
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    unseen = scenario is not None and options.png is not None
    if unseen:
        os.environ["SDL_VIDEODRIVER"] = "dummy"
    import pygame

    from .picture import HEIGHT, WIDTH, Picture
    from .subjects import OwnWindow, Played
    from .window import FASTEST, SLOWEST, Window, view

    pygame.display.init()
    pygame.font.init()
    pygame.display.set_caption("gs_pygame: the backgrounding laboratory")
    pygame.display.set_mode((WIDTH, HEIGHT))
    subject = (
        OwnWindow(options.grace)
        if options.own_window
        else Played(scenario or Scenario("Your own scenario", options.grace, DEFAULT_DESKTOP, FREE))
    )
    length = scenario.length if scenario else None
    if scenario and unseen:
        subject.advance(scenario.length)
    else:
        speed = 1 if options.own_window else max(SLOWEST, min(FASTEST, options.speed))
        Window(subject, length, speed).run()
        subject.close()  # a quit like any other, which belongs to the picture
    if options.png:
        picture = Picture().draw(subject.record, view(subject.record.now, length), playing=False)
        pygame.image.save(picture, options.png)
    subject.close()
    pygame.quit()
    return 0


if __name__ == "__main__":
    sys.exit(main())
