"""A game for a process of its own that plays through a fault of the network, and times every call of the plugin.

    python -m torture.network_game FOLDER ENDPOINT DNS SESSIONS

Orders are lines on standard input, each answered by a line of JSON: `state`, `over` (the fault is: deliver), `again`
(it is back: one more session), `leave`. DNS: whether names are found, see Names.
"""

from __future__ import annotations

import json
import logging
import queue
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pygame

import gs_pygame
from gs_pygame._delivery import process

FRAME = 0.005
"""Seconds."""

PLAY = 0.9
"""Seconds of play at least while the fault is on; the heart beats meanwhile."""

NOW_AND_THEN = 20
"""Frames from one nudge to the next, and of each session."""

PATIENCE = 30.0
"""Seconds that a recovery may take; only a broken one does."""

SECRET = "hunter2"


LOOK_UP = """
import os, socket, time

def look_up(*arguments, find=socket.getaddrinfo, **named):
    while os.path.exists({broken!r}):
        open({asked!r}, "a").close()
        if {how!r} == "fails":
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        time.sleep(0.01)
    return find(*arguments, **named)

socket.getaddrinfo = look_up
"""


class Names:
    """Stands in for the system's look-up of names in the process that sends: it "works", "fails" or "hangs"."""

    def __init__(self, how: str, folder: Path) -> None:
        self._broken, self._asked = folder.with_name("names-broken"), folder.with_name("names-asked")
        if how != "works":
            self.work(False)
            look_up = LOOK_UP.format(broken=str(self._broken), asked=str(self._asked), how=how)
            process._PROGRAM = look_up + process._PROGRAM

    @property
    def asked(self) -> bool:
        return self._asked.exists()

    def work(self, works: bool) -> None:
        if works:
            self._broken.unlink(missing_ok=True)
        else:
            self._broken.touch()


class Game:
    """The loop, and what happens in it."""

    def __init__(self, folder: str, endpoint: str, names: Names) -> None:
        self.ids: list[str] = []
        self.longest: defaultdict[str, float] = defaultdict(float)  # seconds that a call of each kind took at most
        self._names = names
        self._orders: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._frames = 0
        bare = pygame.event.get, pygame.display.flip
        settings = {"endpoint": endpoint, "secret": SECRET, "data_dir": folder}
        self._plugin: gs_pygame.SessionPlugin = self._timed("install", gs_pygame.install, **settings)
        self._calls = list(zip(bare, (pygame.event.get, pygame.display.flip), strict=True))
        threading.Thread(target=self._listen, daemon=True).start()

    def play(self, frames: int = 1) -> None:
        for _ in range(frames):
            for bare, hooked in self._calls:
                begun = time.perf_counter()
                bare()
                between = time.perf_counter()
                hooked()
                over = time.perf_counter()
                self._note("bare call", between - begun)
                self._note("frame", (over - between) - (between - begun))
            time.sleep(FRAME)
            self._frames += 1
            if self._frames % NOW_AND_THEN == 0:
                self._timed("flush(0)", self._plugin.flush, 0.0)

    def begin(self) -> None:
        """A session begins, unless one is open."""
        self._timed("start_session", self._plugin.start_session)
        self._timed("set_player", self._plugin.set_player, f"player {len(self.ids)}")
        assert self._plugin.session is not None
        if self._plugin.session.id not in self.ids:
            self.ids.append(self._plugin.session.id)

    def session(self) -> None:
        """A whole session, and a little while after it."""
        self.begin()
        self.play(NOW_AND_THEN)
        self._timed("end_session", self._plugin.end_session, {"level": len(self.ids)})
        self.play(NOW_AND_THEN)

    def told(self) -> str:
        """Play until there is an order."""
        while self._orders.empty():
            self.play()
        return self._orders.get()

    def state(self) -> dict[str, Any]:
        """What is in the queue, and whether anything failed yet."""
        status = self._timed("status", self._plugin.status)
        failing = self._names.asked or status.last_error is not None
        return {"ready": status.ready, "rejected": status.rejected, "delivered": status.delivered, "failing": failing}

    def recover(self) -> dict[str, Any]:
        """The fault is over: play until everything is delivered."""
        self._names.work(True)
        give_up = time.monotonic() + PATIENCE
        while not (flushed := self._plugin.flush(FRAME)) and time.monotonic() < give_up:
            self.play()
        return {"flushed": flushed}

    def fail_again(self) -> dict[str, Any]:
        """The fault is back: one more session."""
        self._names.work(False)
        self.session()
        return {}

    def leave(self) -> dict[str, Any]:
        """Close the plugin in the middle of a session. The ids of all sessions, and how long the calls took."""
        self.begin()
        self.play(NOW_AND_THEN)
        self._timed("close", self._plugin.close)
        return {"ids": self.ids, "longest": self.longest}

    def _listen(self) -> None:
        for line in sys.stdin:
            self._orders.put(line.strip())

    def _timed(self, name: str, call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        begun = time.perf_counter()
        result = call(*arguments, **named)
        self._note(name, time.perf_counter() - begun)
        return result

    def _note(self, name: str, seconds: float) -> None:
        self.longest[name] = max(self.longest[name], seconds)


def main(folder: str, endpoint: str, dns: str, sessions: int) -> None:
    logging.basicConfig(filename=Path(folder).with_name("log"), level=logging.DEBUG)
    names = Names(dns, Path(folder))
    pygame.display.init()
    pygame.display.set_mode((8, 8))
    game = Game(folder, endpoint, names)
    until = time.monotonic() + (PLAY if sessions else 0.0)
    for _ in range(sessions):
        game.session()
    while time.monotonic() < until:
        game.play()
    order = ""
    while order != "leave":
        order = game.told()
        orders = {"state": game.state, "over": game.recover, "again": game.fail_again, "leave": game.leave}
        print(json.dumps(orders[order]()), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
