"""The player's choice, as copies of the game in real processes and their helpers have it: it is asked for before each
request, and within a beat every copy follows it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest
from core_kit import DEADLINE, choose, line_of, tell
from courier_scene import Scene
from helper_kit import eventually, gone, helper, helpers, played, playing, script
from notes import note

from gs_pygame._disk.queue import Queue
from gs_pygame.testing import FaultServer
from gs_pygame.testing.replies import silence

BEAT = 1.0
"""Seconds within which each copy has heard of it."""

MARKER = "MARKER_OF_THE_PLAYER"

COMMANDED = """
import threading
told = []
def listen():
    for line in sys.stdin: told.append(line.split())
    told.append(["exit"])
threading.Thread(target=listen, daemon=True).start()
while True:
    time.sleep(0.005)
    pygame.event.get()
    plugin.start_session(); plugin.end_session({"x": "MARKER_OF_THE_PLAYER"})
    if told:
        word, *rest = told.pop(0)
        if word == "exit": break
        plugin.set_consent(word)
        print(word, plugin.status().last_error, flush=True)
"""


def rows(folder: Path) -> int:
    """Sessions, and whatever else is kept but a count."""
    with closing(sqlite3.connect(folder / "outbox.sqlite3")) as db:
        meta = db.execute("SELECT count(*) FROM meta WHERE key != 'dropped:consent'").fetchone()[0]
        return int(db.execute("SELECT count(*) FROM sessions").fetchone()[0] + meta)


def traces(folder: Path) -> int:
    """Of the player's data, in the bytes of all files."""
    left = 0
    for path in folder.rglob("*"):
        with suppress(OSError):  # a folder, or removed meanwhile
            left += path.read_bytes().count(MARKER.encode())
    return left


def test_two_copies_and_one_denies(server: FaultServer, folder: Path, request: pytest.FixtureRequest) -> None:
    """Both end sessions all the time, and both have a helper. After a beat nothing comes to the server, and nothing of
    the player is in any file; with a yes both go on, under another installation id."""
    source = script(COMMANDED)
    with playing(source, folder, server.url) as one, playing(source, folder, server.url) as two:
        assert server.wait_for(20)
        before = {sent.json["scriptData"]["session"]["installationId"] for sent in server.requests}
        tell(one, "denied")
        assert line_of(one).startswith("denied")
        said = time.monotonic()
        time.sleep(BEAT)  # until then the other copy may not have heard
        at_beat = len(server.requests)
        eventually(lambda: (rows(folder), traces(folder)) == (0, 0))
        heard = time.monotonic() - said
        eventually(lambda: not (folder / "erasures.json").exists())
        time.sleep(3 * BEAT)
        later = [sent.json["@class"] for sent in server.requests[at_beat:]]  # but to forget, nothing is asked
        of_play = len(later) - later.count(".ErasureRequest")
        note(
            request.node,
            "consent",
            "two copies, one denies",
            f"nothing is left after {heard:.1f} s; then {of_play} requests but to forget",
        )
        assert (of_play, rows(folder), traces(folder)) == (0, 0, 0)
        assert helpers(folder) == []
        tell(one, "granted")
        assert line_of(one) == "granted None"
        for game in (one, two):
            tell(game, "pending")
            line_of(game)
        eventually(lambda: rows(folder) > 20)
        tell(two, "granted")
        again = at_beat + len(later)
        eventually(lambda: len(server.requests) > again + 20)
        after = {sent.json["scriptData"]["session"]["installationId"] for sent in server.requests[again:]}
        assert len(before) == len(after) == 1
        assert before != after
        for game in (one, two):
            tell(game, "exit")
            assert game.wait(DEADLINE) == 0
    gone(folder)


@pytest.mark.parametrize(
    "say", [lambda folder: choose(folder, "denied"), lambda folder: (folder / "consent").write_bytes(b"")]
)
def test_a_helper_whose_game_has_gone(folder: Path, say: Callable[[Path], object]) -> None:
    """Nobody is left to tell it, amid a request: that is the last."""
    with FaultServer(silence) as server:
        played(script("for _ in range(3):\n    plugin.end_session()\n    plugin.start_session()\n"), folder, server.url)
        assert server.wait_for(1)
        helper(folder)
        say(folder)
        server.down()
        server.up()
        gone(folder)
        assert len(server.requests) == 1


def test_a_helper_is_refused_before_its_first_request(server: FaultServer, folder: Path) -> None:
    """Another copy denied in the very moment when the game ended: it sends nothing, and the next start erases."""
    then = f"""
    plugin.end_session({{"x": "{MARKER}"}})
    (__import__("pathlib").Path(sys.argv[1]) / "consent").write_text("denied")
    """
    played(script(then, exit_delivery="'after'"), folder, server.url)
    gone(folder)
    assert server.requests == []
    played(script(""), folder, server.url)
    assert (rows(folder), traces(folder)) == (0, 0)


def test_what_is_erased_between_two_steps_is_not_sent(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Denied and granted while a courier has an end in its hands: the end is not there any more, and does not go."""
    scene.put()
    read, times = Queue.ready, []

    def then_erased(self: Queue, limit: int) -> object:
        found = read(self, limit)
        times.append(len(found))
        if times == [1, 1]:  # the second look, when it has the turn, is the last
            scene.outbox.erase()
        return found

    monkeypatch.setattr(Queue, "ready", then_erased)
    scene.wait(60)
    assert scene.attempts == []
