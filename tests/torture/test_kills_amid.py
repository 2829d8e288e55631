"""Killed in the midst of what happens rarely: an erase, a salvage, a recovery. The next start mends it."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import sys
import tempfile
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from gs_pygame import SessionPlugin
from gs_pygame._disk import consent
from gs_pygame._disk.outbox import Outbox
from gs_pygame._disk.runs import _encode, recover_dead_runs
from gs_pygame._disk.salvage import open_or_replace
from gs_pygame._player.lifecycle import Progress
from gs_pygame._settings import Settings
from gs_pygame.testing import FakeDestination, Player

from .counts import AMID_KILLS, SEED
from .victim import Begin, Victim, victim

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="fork and SIGKILL are POSIX's"),
    pytest.mark.timeout(120 + AMID_KILLS),
]

Report = Callable[[object], None]

PLAYER = "player-who-says-no"
DATA = "data-of-the-player"


def moments(kind: str, took: float) -> list[float]:
    """When to kill: from before the beginning to after the end of what takes so long, in seconds."""
    chance = random.Random(f"{SEED}/{kind}")
    return [1.2 * took * chance.random() for _ in range(AMID_KILLS)]


def longest(do: Callable[[], Victim]) -> float:
    """Seconds that the slowest of three takes that nobody kills."""
    return max(do().took for _ in range(3))


def fill(path: Path, count: int) -> list[str]:
    """Ends that are ready to go, some of them in the WAL only; their ids in order."""
    ids = [str(uuid.uuid4()) for _ in range(count)]
    for half in (ids[: count // 2], ids[count // 2 :]):
        with closing(Outbox(path)) as outbox, outbox.transaction():
            for session_id in half:
                outbox.start("run", session_id, 1.8e9, PLAYER, json.dumps({"x": DATA * 20}), "{}", None)
                outbox.save(session_id, "quit", 60.0, 60.0, json.dumps({"x": DATA * 20}))
                outbox.release(session_id)
    return ids


def ids_in(outbox: Outbox) -> list[str]:
    return [end.session_id for end in outbox.ready(10_000)]


# An erase


def settings(folder: Path) -> Settings:
    return Settings(data_dir=folder, hook=False, player_id=PLAYER, script_data={"x": DATA}, exit_delivery="next-start")


def deny(folder: Path) -> Callable[[Begin], None]:
    """A game in which the player says no, after some sessions of which none could be sent."""

    def do(begin: Begin) -> None:
        destination = FakeDestination()
        destination.offline = True
        plugin = SessionPlugin(settings(folder), destination, focused=lambda: True)
        for _ in range(5):
            plugin.end_session()
            plugin.start_session()
        with closing(sqlite3.connect(folder / "outbox.sqlite3")) as db:
            ids = [row[0] for row in db.execute("SELECT session_id FROM sessions")]
            ids += [row[0] for row in db.execute("SELECT value FROM meta WHERE key = 'installation_id'")]
        begin(" ".join(ids).encode())
        plugin.set_consent("denied")

    return do


def test_killed_while_erasing(tmp_path: Path, report: Report) -> None:
    """The player says no, and the game is killed meanwhile. If the choice was noted, nothing of theirs is on disk once
    the game has started again, whatever lay there; with a later yes, numbers begin at 1, and none is lost."""
    took = longest(lambda: victim(deny(Path(tempfile.mkdtemp(dir=tmp_path)))))
    erased = 0
    for n, moment in enumerate(moments("erase", took)):
        folder = tmp_path / f"{n}"
        fill(folder / "outbox.sqlite3", 50)
        shutil.copy(folder / "outbox.sqlite3", folder / "outbox.sqlite3.damaged-1")
        said = victim(deny(folder), moment).said
        player = Player(frame=lambda: None)
        if consent.load(folder) != "denied":
            continue  # it was killed before that: the player will be asked again
        erased += 1
        with player.plugin(settings(folder)) as plugin:
            assert plugin.session is None
            player.clock.advance(1)
            left = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
            told = [PLAYER.encode(), DATA.encode(), *said.split()]
            assert [words for words in told if words in left] == []
            plugin.set_consent("granted")
            plugin.end_session()
            player.clock.advance(1)
        assert [end.number for end in player.ends] == [1]
    report(f"{erased} of {AMID_KILLS} erased; an erase takes {took * 1000:.1f} ms")


# A salvage


def damaged(folder: Path) -> None:
    """An outbox with a page overwritten in the middle, and ends in its WAL that are nowhere else."""
    path = folder / "outbox.sqlite3"
    fill(path, 300)
    with closing(Outbox(path)) as outbox, closing(sqlite3.connect(path)) as reader:
        reader.execute("SELECT 1 FROM meta").fetchone()
        with outbox.transaction():
            for _ in range(20):
                session_id = str(uuid.uuid4())
                outbox.start("run", session_id, 1.8e9, None, "{}", "{}", None)
                outbox.save(session_id, "quit", 60.0, 60.0, "{}")
                outbox.release(session_id)
        shutil.copytree(folder, folder.with_name("copy"))
    shutil.rmtree(folder)
    folder.with_name("copy").rename(folder)
    content = bytearray(path.read_bytes())
    page = len(content) // 4096 // 2
    content[page * 4096 : (page + 1) * 4096] = os.urandom(4096)
    path.write_bytes(content)
    path.with_name("outbox.sqlite3.damaged").touch()


def salvage(folder: Path) -> Outbox:
    path = folder / "outbox.sqlite3"
    return open_or_replace(path, folder / "runs", lambda: Outbox(path))


def test_killed_while_salvaging(tmp_path: Path, report: Report) -> None:
    """A damaged outbox is set aside and what can be read carried over, and the process killed meanwhile: the next
    start has all that it would have had without the kill."""
    damaged(tmp_path / "damaged")

    def anew(folder: Path) -> Callable[[Begin], None]:
        def do(begin: Begin) -> None:
            begin(b"")
            salvage(folder)

        shutil.copytree(tmp_path / "damaged", folder)
        return do

    took = longest(lambda: victim(anew(Path(tempfile.mkdtemp(dir=tmp_path), "data"))))
    shutil.copytree(tmp_path / "damaged", tmp_path / "unhurt")
    with closing(salvage(tmp_path / "unhurt")) as outbox:
        readable = ids_in(outbox)
    assert len(readable) > 100
    for n, moment in enumerate(moments("salvage", took)):
        victim(anew(tmp_path / f"{n}"), moment)
        with closing(salvage(tmp_path / f"{n}")) as outbox:
            assert ids_in(outbox) == readable
            assert outbox._database.read("PRAGMA integrity_check") == [("ok",)]
    report(f"{len(readable)} of 320 can be read; a salvage takes {took * 1000:.1f} ms")


# A recovery

DEAD = 30


def dead_copies(folder: Path) -> dict[str, tuple[str, float]]:
    """Copies that died while they were played, or away: session id -> how its end is to read."""
    (folder / "runs").mkdir(parents=True)
    wanted = {}
    with closing(Outbox(folder / "outbox.sqlite3")) as outbox:
        for n in range(DEAD):
            run, session_id = uuid.uuid4().hex, str(uuid.uuid4())
            outbox.start(run, session_id, 1.8e9, None, "{}", "{}", None)
            wanted[session_id] = ("abnormal", 10.0 + n)
            if n % 3 == 0:
                outbox.save(session_id, "background", 5.0, 5.0, "{}")
                wanted[session_id] = ("background", 5.0)
            (folder / "runs" / f"{run}.run").write_bytes(_encode(Progress(session_id, 10.0 + n, 20.0 + n)))
    return wanted


def test_killed_while_recovering(tmp_path: Path, report: Report) -> None:
    """Copies have died; one that lives finishes their sessions, and is killed meanwhile: the next one does the rest,
    and every session has one end, as long as it was."""

    def another_copy(folder: Path) -> Callable[[Begin], None]:
        def do(begin: Begin) -> None:
            outbox = Outbox(folder / "outbox.sqlite3")
            begin(b"")
            recover_dead_runs(outbox, folder / "runs")

        return do

    def measured() -> Victim:
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        dead_copies(folder)
        return victim(another_copy(folder))

    took = longest(measured)
    left = []
    for n, moment in enumerate(moments("recovery", took)):
        folder = tmp_path / f"{n}"
        wanted = dead_copies(folder)
        victim(another_copy(folder), moment)
        left.append(len(list((folder / "runs").iterdir())))
        with closing(Outbox(folder / "outbox.sqlite3")) as outbox:
            recover_dead_runs(outbox, folder / "runs")
            ends = outbox.ready(100)
        assert {end.session_id: (end.reason, end.active) for end in ends} == wanted
        assert len(ends) == DEAD
        assert list((folder / "runs").iterdir()) == []
    amid = sum(0 < count < DEAD for count in left)
    report(f"{amid} of {AMID_KILLS} in the middle of it; a recovery takes {took * 1000:.1f} ms")
