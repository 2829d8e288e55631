"""A game for a process of its own: the whole plugin, hooks and all, and a player who comes and goes at random."""

from __future__ import annotations

import json
import logging
import os
import random
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from gs_pygame.destinations import GameSparks
from gs_pygame.destinations._telling import known

FRAME = 0.005
"""Seconds."""

GRACE = 0.5
"""Seconds; the least that is allowed."""


@dataclass(frozen=True)
class Order:
    """What one process is to do: play, or ("deliver") bring what lies in `folder` to `url`, or to several that stand
    there with a space between them. `seed` decides the rest.

    `leaves`: how it goes if nobody kills it first: "never", "exit", "close", "os._exit".
    """

    seed: str
    folder: str
    url: str
    truth: str
    log: str
    what: str = "play"
    leaves: str = "never"
    plays: float = 0.0  # seconds until it leaves

    def to_json(self) -> str:
        return json.dumps(asdict(self))


class Player:
    """Is there, or not: the probe that stands in for pygame's."""

    def __init__(self) -> None:
        self.there = True

    def focused(self) -> bool:
        return self.there


def main(order: Order) -> None:
    logging.basicConfig(filename=order.log, level=logging.WARNING, format="%(process)d %(levelname)s %(message)s")
    if order.what == "deliver":
        deliver(order)
    else:
        play(order)


def deliver(order: Order) -> None:
    """What the helper does, once its game has gone."""
    import io

    from gs_pygame._delivery import helper
    from gs_pygame._delivery.gently import Gently

    runs = Path(order.folder, "runs")
    runs.mkdir(exist_ok=True)
    run_file = runs / f"{order.seed.replace('/', '-')}.run"
    run_file.touch()  # and nobody holds it
    outbox = str(runs.with_name("outbox.sqlite3"))
    told = {each.name: {"batch_size": each.batch_size, **(known(each).told or {})} for each in destinations(order.url)}
    helper.serve(io.BytesIO(), Gently(), outbox, str(run_file), run_file.stem, 1, told, list(told))


def destinations(url: str) -> list[GameSparks]:
    """The first as if it were alone."""
    return [
        GameSparks(each, "secret", name=f"gamesparks-{n}" if n else "gamesparks") for n, each in enumerate(url.split())
    ]


def play(order: Order) -> None:
    chance = random.Random(order.seed)
    player = Player()
    import pygame

    import gs_pygame
    from gs_pygame import SessionPlugin, _install
    from torture.truth import Truth

    _install.make_plugin = lambda settings: SessionPlugin(settings, focused=player.focused)
    truth = Truth(Path(order.truth))
    early = chance.random() < 0.5  # install() before pygame.init(), or after
    if not early:
        open_window(pygame)
    plugin = gs_pygame.install(
        destination=destinations(order.url),
        data_dir=order.folder,
        background_grace=GRACE,
        script_data={"seed": order.seed},
        on_delivered=lambda session, response: None,
    )
    follow(truth, plugin, player, time.monotonic())
    if not plugin.status().durable:
        logging.error("torture: the outbox is not on disk, or the session not in it")
    if early:
        open_window(pygame)
    leaves_at = time.monotonic() + order.plays if order.leaves != "never" else float("inf")
    while time.monotonic() < leaves_at:
        time.sleep(FRAME)
        now = time.monotonic()  # before the calls: what they take is no part of what happened
        frame(chance, pygame, plugin, player)
        follow(truth, plugin, player, now)
    leave(order.leaves, pygame, plugin, truth)


def open_window(pygame: object) -> None:
    pygame.display.init()  # type: ignore[attr-defined]
    pygame.display.set_mode((8, 8))  # type: ignore[attr-defined]


def follow(truth: object, plugin: object, player: Player, now: float) -> None:
    session = plugin.session  # type: ignore[attr-defined]
    truth.follow(session and session.id, session and session.number, player.there, now)  # type: ignore[attr-defined]


def frame(chance: random.Random, pygame: object, plugin: object, player: Player) -> None:
    """The player does something now and then; the game does what games do."""
    drawn = chance.random()
    if player.there and drawn < 0.01:
        player.there = False
    elif not player.there and drawn < 0.02:
        player.there = True
    elif drawn > 0.998:
        plugin.end_session({"drawn": drawn})  # type: ignore[attr-defined]
    elif drawn > 0.994 and player.there:
        plugin.start_session()  # type: ignore[attr-defined]
    elif drawn > 0.993:
        plugin.set_player(f"player {drawn}")  # type: ignore[attr-defined]
    elif drawn > 0.992 and sys.platform == "win32":
        kill_helper(plugin)
    pygame.event.get()  # type: ignore[attr-defined]
    pygame.display.flip()  # type: ignore[attr-defined]


def kill_helper(plugin: object) -> None:
    """Where a game knows which process that is."""
    following = plugin._following  # type: ignore[attr-defined]
    process = following and following.engine and following.engine.sending.delivery._process
    if process and process.lives:
        process._child.kill()


def leave(how: str, pygame: object, plugin: object, truth: object) -> None:
    truth.follow(None, None, False, time.monotonic())  # type: ignore[attr-defined]
    if how == "close":
        plugin.close()  # type: ignore[attr-defined]
    elif how == "os._exit":
        pygame.quit()  # type: ignore[attr-defined]
        os._exit(0)
    sys.exit(0)


if __name__ == "__main__":
    main(Order(**json.loads(sys.argv[1])))
