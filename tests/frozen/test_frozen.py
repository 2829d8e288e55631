"""Frozen games, for real: built, played in a window, closed, killed; the real server has what they say."""

from __future__ import annotations

import os
import re
import signal
import time

import pytest
from frozen_kit import BUILD_LIMIT, HEADING, Build, Place, Playing, helpers, processes, unix_time
from notes import note
from window.window_kit import DEADLINE, eventually

pytestmark = [pytest.mark.frozen, pytest.mark.timeout(BUILD_LIMIT + 120)]

KINDS = pytest.mark.parametrize("kind", ["folder", "one file"])


PLAYED = 0.5  # seconds


def play(place: Place, built: Build, kind: str) -> Playing:
    """Starfall, which has been played for a moment."""
    game = place.play(built.program(kind), "--server", place.server.address, "--data-dir", str(place.data))
    place.desktop.press("space")
    time.sleep(PLAYED)
    return game


def test_nothing_is_missing(built: Build, request: pytest.FixtureRequest) -> None:
    """PyInstaller finds by itself all that the plugin needs, without a hook and without a warning."""
    sizes = ", ".join(f"{kind} {built.size(kind) / 1e6:.0f} MB" for kind in ("folder", "one file"))
    note(request.node, HEADING, "PyInstaller", f"{built.seconds:.1f} s; {sizes}")
    warnings = [line for line in built.said.splitlines() if "WARNING" in line]
    assert [line for line in warnings if "'api-ms-win-" not in line] == []  # Wine has no files for Windows' own parts
    missing = set(re.findall(r"^missing module named (\S+) - .*\bgs_pygame\b", built.missing, re.MULTILINE))
    missing.discard("'collections.abc'")  # Python 3.13 has no file of that name
    assert missing == ({"msvcrt"} if built.is_posix else {"fcntl"})


@KINDS
def test_closed(built: Build, place: Place, kind: str, request: pytest.FixtureRequest) -> None:
    """The close button ends the session; the end lies on disk when the game has gone, and is delivered after that by
    a process that leaves nothing behind, opens no window and says nothing."""
    game = play(place, built, kind)
    place.server.child.send_signal(signal.SIGSTOP)  # nothing can be delivered before the exit
    closed = game.close()
    assert place.ends() == [("ready", "quit")]
    assert helpers(built.program(kind)) == 1
    place.server.child.send_signal(signal.SIGCONT)
    (session,) = place.received(1)
    assert (session["number"], session["reason"]) == (1, "quit")
    assert session["activeMs"] >= 1000 * PLAYED
    arrived = unix_time(session["receivedAt"]) - closed
    figures = f"a window after {game.seconds:.1f} s, at the server {arrived:.1f} s after the close button"
    note(request.node, HEADING, kind, figures)
    eventually(lambda: not place.left(built.program(kind)), "nothing is left of the game")
    assert place.ends() == [("delivered", "quit")]
    assert place.complaints() == ""


@KINDS
def test_killed(built: Build, place: Place, kind: str) -> None:
    """The session of a game that was killed is delivered while the game is played again, by a process of its own."""
    game = play(place, built, kind)
    os.kill(game.pid, signal.SIGKILL)
    game.process.wait(DEADLINE)
    assert place.ends() == []
    again = play(place, built, kind)
    (killed,) = place.received(1)
    assert (killed["number"], killed["reason"]) == (1, "abnormal")
    assert helpers(built.program(kind)) == 1
    again.close()
    _, closed = place.received(2)
    assert (closed["number"], closed["reason"], closed["previousId"]) == (2, "quit", killed["id"])
    eventually(lambda: not place.left(built.program(kind)), "nothing is left of the game")
    assert place.complaints() == ""


def test_a_game_that_quits_pygame_and_plays_on(built: Build, place: Place) -> None:
    """The helper that waited for the exit finds nothing to do: it goes, and takes what it had unpacked along. The
    session goes on, and is delivered once, after the real exit."""
    game = place.play(built.returning)
    place.desktop.close_button(place.windows(built.returning)[0][0])
    eventually(lambda: helpers(built.returning) == 1, "a helper waits for the exit")
    place.plays_on.touch()
    eventually(lambda: place.windows(built.returning), "the game has a window again")
    eventually(lambda: not helpers(built.returning), "nobody waits for the exit any more")
    assert place.unpacked() == 1
    game.close()
    (session,) = place.received(1)
    assert (session["number"], session["reason"]) == (1, "quit")
    eventually(lambda: not place.left(built.returning), "nothing is left of the game")
    assert place.complaints() == ""


def test_without_freeze_support(built: Build, place: Place) -> None:
    """A game that forgot the call is not started once more, since it would open a window: its next start delivers."""
    place.play(built.forgetful).close()
    assert processes(built.forgetful) == []
    assert place.ends() == [("ready", "quit")]
    again = place.play(built.forgetful)
    (session,) = place.received(1)
    assert (session["number"], session["reason"]) == (1, "quit")
    assert processes(built.forgetful) == [again.pid]
    again.close()
    assert processes(built.forgetful) == []
    assert place.complaints() == ""
