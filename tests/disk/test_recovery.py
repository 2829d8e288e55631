"""Two copies of the game: what one leaves behind when it is killed, the other finishes; the living are left alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from core_kit import DEADLINE, ENDPOINT, child, ids, line_of, start, tell

import gs_pygame
from gs_pygame import SessionPlugin, testing
from gs_pygame._base.patience import SCAN
from gs_pygame._disk.outbox import Outbox
from gs_pygame._disk.runs import recover_dead_runs
from gs_pygame.testing import Player

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX's")

COPY = f"""
    import sys
    import pygame, gs_pygame
    pygame.init()
    pygame.display.set_mode((64, 64))
    plugin = gs_pygame.install(app="A", author="B", endpoint="{ENDPOINT}", data_dir=sys.argv[1], consent="pending")
    print(plugin.session.number, plugin.session.id, flush=True)
    for line in sys.stdin:
        if line.strip() == "away":
            plugin._engine.leave("background")
            print("away", flush=True)
        elif line.strip() == "quit":
            break
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def player(folder: Path, screen: None) -> Iterator[Player]:
    with testing.game(folder) as made:
        yield made


def install() -> SessionPlugin:
    return gs_pygame.install(app="A", author="B", endpoint=ENDPOINT)


def told(player: Player) -> list[tuple[int | None, str]]:
    return [(end.number, end.reason) for end in player.ends]


@pytest.mark.parametrize("run", ["\0", "x" * 5000, "no such run", "../../x", ""])
def test_a_run_that_can_have_no_file_is_dead(tmp_path: Path, run: str) -> None:
    """Whatever the name of a run on disk: it holds up nobody's recovery, and its session becomes an end."""
    with closing(Outbox(tmp_path / "outbox.sqlite3")) as outbox:
        start(outbox, "s1", run=run)
        start(outbox, "s2", run="another")
        recover_dead_runs(outbox, tmp_path / "runs")
        assert sorted(ids(outbox)) == ["s1", "s2"]


def test_a_killed_copy_is_recovered_within_the_next_look_and_never_the_living(player: Player, folder: Path) -> None:
    """Three copies play. One is killed: a minute later at most the copy here has ended its session, and only its.
    The third plays on, through a dozen looks, and its end is its own."""
    with ExitStack() as stack:
        first = stack.enter_context(child(COPY, folder))
        number, first_id = line_of(first).split()
        assert number == "1"
        third = stack.enter_context(child(COPY, folder))
        assert line_of(third).split()[0] == "2"
        ours = install()
        assert ours.session is not None
        assert ours.session.number == 3
        player.clock.advance(10 * SCAN)
        assert told(player) == []

        first.kill()
        first.wait(DEADLINE)
        player.clock.advance(SCAN + 1)
        assert told(player) == [(1, "abnormal")]
        assert player.ends[0].session_id == first_id
        assert len(list((folder / "runs").iterdir())) == 2

        player.clock.advance(12 * SCAN)
        assert told(player) == [(1, "abnormal")]
        tell(third, "quit")
        assert third.wait(DEADLINE) == 0
        player.clock.advance(2 * SCAN)
    assert told(player) == [(1, "abnormal"), (2, "quit")]


def test_a_copy_killed_while_away_keeps_its_end(player: Player, folder: Path) -> None:
    """Its player had left: the waiting end is released as it was saved."""
    with child(COPY, folder) as other:
        line_of(other)
        tell(other, "away")
        assert line_of(other) == "away"
        install()
        player.clock.advance(SCAN + 1)
        assert told(player) == []
        other.kill()
        other.wait(DEADLINE)
        player.clock.advance(SCAN + 1)
        assert told(player) == [(1, "background")]


def test_of_two_survivors_one_recovers(player: Player, folder: Path, tmp_path: Path) -> None:
    """Two copies look at the same time: the dead one's end is there once, whoever was first."""
    with child(COPY, folder) as dead:
        line_of(dead)
        ours = install()
        second = Player()
        theirs = second.plugin(ours.settings)
        player.clock.advance(1)
        second.clock.advance(1)
        dead.kill()
        dead.wait(DEADLINE)
        player.clock.advance(SCAN + 1)
        second.clock.advance(SCAN + 1)
        player.clock.advance(SCAN + 1)
        assert sorted(told(player) + told(second)) == [(1, "abnormal")]
        theirs.close()


def test_many_killed_copies_are_all_found_at_the_next_start(player: Player, folder: Path) -> None:
    """Five copies die together (the computer lost power): the next start ends every session once, in order."""
    with ExitStack() as stack:
        copies = [stack.enter_context(child(COPY, folder)) for _ in range(5)]
        numbers = sorted(int(line_of(copy).split()[0]) for copy in copies)
        assert numbers == [1, 2, 3, 4, 5]
        for copy in copies:
            copy.kill()
        for copy in copies:
            copy.wait(DEADLINE)
    plugin = install()
    player.wait(1)
    assert sorted(told(player), key=lambda end: end[0] or 0) == [(number, "abnormal") for number in numbers]
    assert plugin.session is not None
    assert plugin.session.number == 6
    assert len(list((folder / "runs").iterdir())) == 1
    player.clock.advance(5 * SCAN)
    assert len(player.ends) == 5


def test_a_run_whose_file_was_deleted_is_still_finished(player: Player, folder: Path) -> None:
    """Someone cleaned up the run files of a dead game: its open session ends all the same, at its start."""
    with child(COPY, folder) as other:
        line_of(other)
        other.kill()
        other.wait(DEADLINE)
    for path in (folder / "runs").iterdir():
        path.unlink()
    install()
    player.wait(1)
    assert [(end.number, end.reason, end.active) for end in player.ends] == [(1, "abnormal", 0.0)]
