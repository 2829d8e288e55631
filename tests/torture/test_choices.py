"""Two copies of a game play; the player says yes, not yet and no in either, at random, and copies are killed: nothing
is sent or kept that was not allowed."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest
from core_kit import child, line_of, tell
from network_kit import eventually

from gs_pygame._disk import consent
from gs_pygame.testing import FaultServer, Request, Wire
from gs_pygame.testing.replies import verified

from .counts import CHOICES, SEED

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX's"),
    pytest.mark.timeout(120 + 10 * CHOICES),
]

BEAT = 1.0
"""Seconds after which each copy has heard of a choice."""

SLACK = BEAT
"""Seconds by which a request may come later than it was allowed: one that was under way, on a busy machine."""

ROUNDED = 0.002
"""Seconds: the wire has milliseconds."""

PATIENCE = 15.0
"""Seconds after which whoever has not heard of a choice never will, however busy the machine."""

MARKER = "MARKER_OF_THE_PLAYER"

GAME = f"""
import random, sys, threading, time
import pygame, gs_pygame
folder, url, seed = sys.argv[1:]
chance = random.Random(seed)
pygame.display.init()
pygame.display.set_mode((8, 8))
plugin = gs_pygame.install(data_dir=folder, endpoint=url, secret="s", script_data={{"x": "{MARKER}"}})
told = []
threading.Thread(target=lambda: [told.append(line.strip()) for line in sys.stdin], daemon=True).start()
print("playing", flush=True)
while True:
    time.sleep(0.005)
    pygame.event.get()
    pygame.display.flip()
    if chance.random() < 0.1:
        plugin.end_session()
    if chance.random() < 0.2:
        plugin.start_session()
    if told:
        begin = time.time()
        plugin.set_consent(told.pop(0))
        print(begin, time.time(), flush=True)
"""


@dataclass(frozen=True)
class Said:
    """A choice, and when (Unix time) the call that made it began and returned."""

    choice: str
    begin: float
    end: float


@dataclass
class Server:
    """`came`: when a request came in, when its session had begun, and of which installation it was. `erased`: the
    installations that were to be forgotten."""

    came: list[tuple[float, float, str]] = field(default_factory=list)
    erased: list[str] = field(default_factory=list)

    def reply(self, request: Request, wire: Wire) -> None:
        now = time.time()
        if len(request.body) == int(
            request.headers["content-length"]
        ):  # else its sender was killed in the middle of it
            if request.path.endswith("/ErasureRequest"):
                self.erased.append(request.json["installationId"])
                verified()(request, wire)
                return
            session = request.json["scriptData"]["session"]
            started = datetime.fromisoformat(session["startedAt"].replace("Z", "+00:00")).timestamp()
            self.came.append((now, started, session["installationId"]))
        verified()(request, wire)


class Copy:
    """One copy of the game, started again when it has been killed."""

    def __init__(self, folder: Path, url: str, name: str) -> None:
        self._arguments = folder, url
        self._name = name
        self._starts = 0
        self._stack = ExitStack()
        self.start()

    def start(self) -> None:
        self._starts += 1
        self._process = self._stack.enter_context(child(GAME, *self._arguments, f"{SEED}/{self._name}/{self._starts}"))
        assert line_of(self._process) == "playing"

    def says(self, choice: str) -> Said:
        tell(self._process, choice)
        begin, end = map(float, line_of(self._process).split())
        return Said(choice, begin, end)

    def is_killed(self, while_saying: str | None = None, after: float = 0.0) -> None:
        if while_saying:
            tell(self._process, while_saying)
            time.sleep(after)
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.communicate(timeout=10)
        self._stack.close()

    def close(self) -> None:
        self._stack.close()


def kept(folder: Path) -> tuple[int, int]:
    """Rows, and traces of the player's data in the bytes of all files."""
    with closing(sqlite3.connect(folder / "outbox.sqlite3", timeout=10)) as db:
        rows = db.execute("SELECT count(*) FROM sessions").fetchone()[0]
        rows += db.execute("SELECT count(*) FROM meta WHERE key != 'dropped:consent'").fetchone()[0]
    traces = 0
    for path in folder.rglob("*"):
        with suppress(OSError):  # a folder, or removed meanwhile
            traces += path.read_bytes().count(MARKER.encode())
    return rows, traces


def nothing_kept(folder: Path) -> float:
    """Wait until both copies have heard of a no: nothing is kept, and stays away for a beat. Seconds until it was gone,
    a beat on a machine that has a processor for each copy."""
    begun = gone = time.monotonic()
    while time.monotonic() < gone + BEAT + SLACK:
        time.sleep(0.05)
        if kept(folder) != (0, 0):
            gone = time.monotonic()
            assert gone < begun + PATIENCE
    return gone - begun


def allowed(said: list[Said]) -> list[tuple[float, float]]:
    """The times in which a request may come in."""
    times, begin = [], said[0].begin
    is_open = False
    for one in said:
        if one.choice == "granted" and not is_open:
            is_open, begin = True, one.begin
        elif one.choice != "granted" and is_open:
            is_open = False
            times.append((begin, one.end + SLACK))
    return [*times, (begin, float("inf"))] if is_open else times


def wrong(said: list[Said], came: list[tuple[float, float, str]]) -> list[str]:
    """What came in, and must not have."""
    found = []
    times = allowed(said)
    for at, _, _ in came:
        if not any(begin <= at <= end for begin, end in times):
            late = min((at - end for _, end in times if end < at), default=at)
            found.append(f"a request {late + SLACK:.3f} s after the choice was no yes any more")
    for no in said:
        if no.choice != "denied":
            continue
        before = {installation for at, _, installation in came if at < no.begin}
        for at, started, installation in came:
            if at > no.end + SLACK and started < no.begin - ROUNDED:
                found.append(f"a session of {started:.3f}, erased at {no.begin:.3f}, came at {at:.3f}")
            if at > no.end + SLACK and installation in before:
                found.append(f"the installation that was erased at {no.begin:.3f} came at {at:.3f}")
    return found


def test_choices_at_random(tmp_path: Path, report: Callable[[object], None]) -> None:
    """No request comes but while the last choice was yes, none ever of what a no had erased, or under its installation
    id; once both copies have heard of a no, nothing is on disk, and each installation that was sent is forgotten. A
    copy killed amid a choice: the file has it."""
    chance = random.Random(f"{SEED}/choices")
    folder, server = tmp_path / "data", Server()
    kills, looks = 0, list[float]()
    with FaultServer(default=server.reply) as wire, ExitStack() as closes:
        copies = [Copy(folder, wire.url, str(n)) for n in range(2)]
        for copy in copies:
            closes.callback(copy.close)
        said = [Said("granted", 0.0, 0.0)]  # by the game's setting
        for _ in range(CHOICES):
            copy = chance.choice(copies)
            choice = chance.choice(["denied", "denied", "pending", "granted", "granted", "granted"])
            if chance.random() < 0.25:
                kills += 1
                begin, before = time.time(), consent.load(folder)
                copy.is_killed(choice if chance.random() < 0.5 else None, 0.03 * chance.random())
                now = consent.load(folder)
                if now is not None and now != before:
                    said.append(Said(now, begin, time.time()))
                copy.start()
            else:
                said.append(copy.says(choice))
            time.sleep(chance.choice([0.0, 0.1, 0.5, BEAT + SLACK]) if said[-1].choice != "denied" else 0.0)
            if said[-1].choice == "denied" and chance.random() < 0.6:
                looks.append(nothing_kept(folder))
        said.append(copies[1].says("denied"))
        looks.append(nothing_kept(folder))
        eventually(lambda: not (folder / "erasures.json").exists())
        came = list(server.came)
        found = wrong(said, came)
        found += [f"installation {name} was not forgotten" for _, _, name in came if name not in server.erased]
        report(
            f"{len(said)} choices, {kills} kills, {len(came)} requests; {len(looks)} looks after a no: 0 rows, "
            f"the last one gone after {max(looks):.1f} s; {len(set(server.erased))} erased, "
            f"{len(server.erased) - len(set(server.erased))} asked for again; not allowed: {len(found)}"
        )
        assert found == []
        assert came
