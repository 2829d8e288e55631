"""A player made of a few lines: it plays behind the title and in headless runs."""

from __future__ import annotations

from .world import PLAYER_Y, WIDTH, Kind, World


def steer(world: World) -> float:
    """-1, 0 or 1: towards the star that lands next, away from a rock about to land here."""
    for faller in world.fallers:
        close = faller.kind is Kind.ROCK and 0 < faller.seconds_to(PLAYER_Y + 20) < 0.45
        if close and abs(faller.x - world.x) < 76 and not world.shining:
            away = 1.0 if world.x >= faller.x else -1.0
            return away if 100 < world.x < WIDTH - 100 else (1.0 if world.x < WIDTH / 2 else -1.0)
    wanted = [f for f in world.fallers if f.kind is not Kind.ROCK and 0 < f.seconds_to(PLAYER_Y) < 1.6]
    if not wanted:
        return 0.0
    target = min(wanted, key=lambda faller: faller.seconds_to(PLAYER_Y))
    landing = target.x + target.vx * target.seconds_to(PLAYER_Y)
    distance = landing - world.x
    return 0.0 if abs(distance) < 14 else max(-1.0, min(1.0, distance / 60))
