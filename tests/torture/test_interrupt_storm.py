"""Ctrl-C in a real game: a signal handler that raises every 0.2 to 4 ms, while the focus comes and goes."""

from __future__ import annotations

import json
import time
from pathlib import Path

import notes
import pytest
from core_kit import run

from gs_pygame import Settings
from gs_pygame.testing import Player

from .counts import SEED, STORM_SECONDS

pytestmark = pytest.mark.skipif(not hasattr(__import__("signal"), "setitimer"), reason="no setitimer on Windows")

GAME = """
import json, random, signal, sys, threading, time
import pygame
from gs_pygame import SessionPlugin, Settings
from gs_pygame.testing import FakeDestination

folder, seconds, seed = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
chance = random.Random(seed)
pygame.init()
pygame.display.set_mode((64, 64))
here, interrupts, may = True, 0, False

def interrupt(number, frame):
    global interrupts
    signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.0002, 0.004))
    if may:
        interrupts += 1
        raise KeyboardInterrupt

def script_data():
    return {"level": 1}

destination = FakeDestination()
plugin = SessionPlugin(Settings(data_dir=folder, script_data=script_data, background_grace=0.5,
                                exit_delivery="next-start"), destination, focused=lambda: here)
signal.signal(signal.SIGALRM, interrupt)
signal.setitimer(signal.ITIMER_REAL, 0.001)
until = time.monotonic() + seconds
turns = 0
while time.monotonic() < until:
    turns += 1
    here = chance.random() < 0.5
    deed = chance.choice([pygame.event.get, pygame.event.get, pygame.event.pump, pygame.display.flip,
                          plugin.end_session, plugin.start_session, plugin.status, plugin.update])
    try:
        may = True
        deed()
        deed()
        may = False
    except KeyboardInterrupt:
        may = False
signal.setitimer(signal.ITIMER_REAL, 0)
here = True
pygame.event.get()
answers = []
def asks():
    plugin.set_player("Ada")
    answers.append(plugin.status())
thread = threading.Thread(target=asks, daemon=True)
thread.start()
thread.join(5)
engine = plugin._engine
began = time.monotonic()
plugin.end_session()
plugin.start_session()
while engine._journal and time.monotonic() < began + 5:
    time.sleep(0.01)
status = plugin.status()
print(json.dumps({
    "turns": turns, "interrupts": interrupts, "answered": len(answers), "in line": len(engine._journal.page.line),
    "threads": sorted(t.name for t in threading.enumerate() if t.name.startswith("gs_pygame") and "turn" not in t.name),
    "durable": status.durable, "error": status.last_error, "state": plugin.session and plugin.session.state,
}), flush=True)
plugin.close()
"""


def test_a_storm_of_ctrl_c(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """The game catches each and plays on: all workers live, another thread is answered, all is on disk, each session
    has one end, and none is abnormal."""
    began = time.monotonic()
    game = run(GAME, tmp_path / "data", STORM_SECONDS, SEED, deadline=STORM_SECONDS + 20)
    assert game.returncode == 0, game.stderr
    told = json.loads(game.stdout.splitlines()[-1])
    assert told["interrupts"] > 10
    assert told["answered"] == 1
    assert told["in line"] == 0
    workers = {"gs_pygame-courier-fake", "gs_pygame-disk", "gs_pygame-keeper"}
    assert set(told["threads"]) == workers  # one that is started twice has a double for a moment
    assert told["durable"]
    assert told["error"] is None
    assert told["state"] == "active"
    player = Player(frame=lambda: None)
    with player.plugin(Settings(data_dir=tmp_path / "data", hook=False)) as plugin:
        player.clock.advance(600)
        status = plugin.status()
        assert (status.waiting, status.ready, status.rejected, dict(status.dropped)) == (0, 0, 0, {})
        assert status.delivered == status.ended
        assert "abnormal" not in {end.reason for end in player.ends}
    notes.note(request.node, "Ctrl-C", "of a signal handler", told["interrupts"])
    assert sum(end.active for end in player.ends) < time.monotonic() - began
