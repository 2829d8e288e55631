"""A disk that cannot be looked at: a drive that is disconnected, a folder above that became unreadable, a system that
says so for a moment. What is written through an open descriptor goes on, and nobody is taken for gone."""

from __future__ import annotations

import builtins
import errno
import os
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from core_kit import RUN, start

from gs_pygame import SessionPlugin
from gs_pygame._disk import consent
from gs_pygame._disk.failover import Failover
from gs_pygame._disk.outbox import Outbox
from gs_pygame._disk.runs import _decode, may_live, recover_dead_runs, run_path
from gs_pygame._settings import Settings
from gs_pygame.testing import Player

Blind = Callable[[bool], None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def blind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Blind:
    """No path that leads into the folder can be looked at, opened or made anew; what is open stays so."""
    now = False

    def refusing(real: Callable[..., Any], name: str) -> Callable[..., Any]:
        def call(path: Any = ".", *arguments: Any, **options: Any) -> Any:
            if now and str(path).startswith(str(folder)):
                if name == "access":
                    return False
                raise OSError(errno.EINVAL, "too many open files", str(path))  # as Wine has it with WinError 4
            return real(path, *arguments, **options)

        return call

    for name in ("stat", "lstat", "open", "mkdir", "access", "listdir", "scandir"):
        monkeypatch.setattr(os, name, refusing(getattr(os, name), name))
    monkeypatch.setattr(builtins, "open", refusing(open, "open"))

    def switch(on: bool) -> None:
        nonlocal now
        now = on

    return switch


def heartbeat(plugin: SessionPlugin) -> float:
    """Seconds of play that the run file tells of."""
    engine = plugin._following and plugin._following.engine
    assert engine
    assert engine._storage.run_file
    with open(engine._storage.run_file._lock.descriptor, "rb", closefd=False) as file:
        file.seek(0)
        progress = _decode(file.read())
    assert progress
    return progress.active


def test_the_heart_beats_on_and_what_ended_is_written(folder: Path, blind: Blind) -> None:
    """Ten seconds in which nobody can look at the disk: heartbeat and ends go through what is open, status() says what
    is wrong; afterwards it is well again, and all is there once."""
    player = Player(frame=lambda: None)
    player.destination.offline = True
    with player.plugin(Settings(data_dir=folder, hook=False, exit_delivery="next-start")) as plugin:
        player.clock.advance(3)
        blind(True)
        player.clock.advance(10)
        assert heartbeat(plugin) >= 12
        plugin.end_session()
        plugin.start_session()
        player.clock.advance(2)
        status = plugin.status()
        assert (status.ended, status.durable) == (1, False)
        assert status.last_error is not None
        assert "too many open files" in status.last_error
        blind(False)
        player.clock.advance(10)
        status = plugin.status()
        assert (status.ended, status.durable) == (1, True)
        with closing(Outbox(folder / "outbox.sqlite3")) as outbox:
            assert [end.number for end in outbox.ready(9)] == [1]
    assert "too many open files" not in str(plugin.status().last_error)


def test_what_keeps_house_from_its_work_keeps_nothing_from_being_sent(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk whose file cannot be opened to be flushed: what ended is delivered all the same."""

    def refuse(self: Failover) -> bool:
        raise OSError(errno.EINVAL, "no look")

    monkeypatch.setattr(Failover, "turn", refuse)
    player = Player(frame=lambda: None)
    with player.plugin(Settings(data_dir=folder, hook=False, exit_delivery="next-start")) as plugin:
        player.clock.advance(3)
        assert plugin._following
        assert plugin._following.engine
        sending = plugin._following.engine.sending
        for number in (1, 2, 3):
            plugin.end_session()
            plugin.start_session()
            sending.keep_house()
            player.clock.advance(0)
            assert len(player.ends) == number


def test_a_copy_that_cannot_be_looked_at_is_not_taken_for_dead(folder: Path, blind: Blind) -> None:
    """Its session goes on, and no end of it is made."""
    with closing(Outbox(folder / "outbox.sqlite3")) as outbox:
        start(outbox)
        run_path(folder / "runs", RUN).parent.mkdir()
        run_path(folder / "runs", RUN).write_bytes(b"")
        blind(True)
        assert may_live(folder / "runs", RUN)
        assert outbox.unfinished_runs() == [RUN]
        with suppress(OSError):  # until Python 3.13; later ones say that there are no files
            recover_dead_runs(outbox, folder / "runs")
        assert outbox.unfinished_runs() == [RUN]
        blind(False)
        recover_dead_runs(outbox, folder / "runs")
        assert outbox.unfinished_runs() == []


def test_a_choice_that_cannot_be_looked_for_is_awaited(folder: Path, blind: Blind) -> None:
    """Whoever does not know the game's setting sends nothing."""
    folder.mkdir()
    assert consent.from_outside(folder).may_send()
    blind(True)
    assert not consent.from_outside(folder).may_send()
    assert consent.is_awaited(folder) is False  # what cannot be read has been chosen, and is no consent
