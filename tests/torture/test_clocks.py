"""Clocks are set, computers sleep, processes are stopped: the active time is right to 10 ms, and nothing waits long."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from network_kit import InTheGame

from gs_pygame._player.lifecycle import HEARTBEAT
from gs_pygame._settings import Settings
from gs_pygame.destinations import GameSparks
from gs_pygame.testing import FakeClock, FaultServer, Player
from gs_pygame.testing.replies import answer, verified

YEARS = 10 * 365.25 * 86400.0
HOURS = 8 * 3600.0
EXACT = 0.010  # seconds

Deed = Callable[[Player], None]


def by(years: float) -> Deed:
    """Somebody sets the wall clock by so much."""
    return lambda player: player.clock.set_wall(player.clock.now().wall + years)


JUMPS = pytest.mark.parametrize("jump", [by(YEARS), by(-YEARS)], ids=["+10 years", "-10 years"])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", hook=False, background_grace=30.0)


def player_of() -> Player:
    return Player(frame=lambda: None)


def advance(player: Player, seconds: float) -> None:
    player.clock.advance(seconds)


def lengths(player: Player) -> list[tuple[float, float, str]]:
    """Active and wall seconds, and the reason, of what was delivered."""
    return [(end.active, end.wall, end.reason) for end in player.ends]


@JUMPS
def test_the_clock_is_set_while_active(settings: Settings, jump: Deed) -> None:
    """20 s of play with a jump in the middle are 20 s, and the end is 20 s after the start."""
    player = player_of()
    with player.plugin(settings):
        began = player.clock.now().wall
        advance(player, 10)
        jump(player)
        advance(player, 10)
    with player.plugin(settings):
        advance(player, 1)
        assert lengths(player) == [(pytest.approx(20, abs=EXACT), pytest.approx(20, abs=EXACT), "quit")]
        assert player.ends[0].ended_at == pytest.approx(began + 20, abs=EXACT)


@JUMPS
def test_the_clock_is_set_while_away(settings: Settings, jump: Deed) -> None:
    """The grace neither ends at the jump nor lasts for years; time away is no play."""
    player = player_of()
    with player.plugin(settings) as plugin:
        advance(player, 10)
        plugin._engine.leave("background")  # type: ignore[union-attr]
        advance(player, 20)
        jump(player)
        advance(player, 9)
        assert plugin.session is not None
        advance(player, 2)
        assert plugin.session is None
        advance(player, 1)
        assert lengths(player) == [(pytest.approx(10, abs=EXACT), pytest.approx(10, abs=EXACT), "background")]


@JUMPS
def test_the_clock_is_set_while_queued(settings: Settings, jump: Deed) -> None:
    """The server cannot be reached; the clock is set; the server comes back: delivered within the longest backoff."""
    player = player_of()
    with player.plugin(settings) as plugin:
        player.destination.offline = True
        advance(player, 10)
        plugin.end_session()
        advance(player, 600)
        jump(player)
        advance(player, 1)
        player.destination.offline = False
        advance(player, 61)
        assert lengths(player) == [(pytest.approx(10, abs=EXACT), pytest.approx(10, abs=EXACT), "explicit")]
        assert plugin.status().oldest is None


@pytest.mark.parametrize("gap", ["sleep", "stop"])
def test_eight_hours_asleep_right_after_the_start(settings: Settings, gap: str) -> None:
    """Before the first heartbeat: none of it is play."""
    player = player_of()
    with player.plugin(settings) as plugin:
        getattr(player.clock, gap)(HOURS)
        plugin._engine.playing()  # type: ignore[union-attr]
        advance(player, 1)
        assert lengths(player) == [(0, 0, "suspend")]


@pytest.mark.parametrize("gap", ["sleep", "stop"])
def test_eight_hours_asleep_while_active(settings: Settings, gap: str) -> None:
    """The session ended when the computer fell asleep (to a heartbeat); on waking a new one begins."""
    player = player_of()
    with player.plugin(settings) as plugin:
        advance(player, 10 * HEARTBEAT)
        getattr(player.clock, gap)(HOURS)
        plugin._engine.playing()  # type: ignore[union-attr]
        advance(player, 1)
        slept = (pytest.approx(10 * HEARTBEAT, abs=EXACT), pytest.approx(10 * HEARTBEAT, abs=EXACT), "suspend")
        assert lengths(player) == [slept]
        plugin._engine.playing()  # type: ignore[union-attr]
        assert plugin.session is not None
        assert plugin.session.number == 2
        assert 0 <= plugin.session.active < 1 + HEARTBEAT


def test_eight_hours_asleep_while_away(settings: Settings) -> None:
    """The grace runs on while the computer sleeps: the session is over, at the moment the player left."""
    player = player_of()
    with player.plugin(settings) as plugin:
        advance(player, 10)
        plugin._engine.leave("background")  # type: ignore[union-attr]
        advance(player, 5)
        player.clock.sleep(HOURS)
        plugin._engine.back()  # type: ignore[union-attr]
        assert plugin.session is not None
        assert plugin.session.number == 2
        advance(player, 1)
        assert lengths(player) == [(pytest.approx(10, abs=EXACT), pytest.approx(10, abs=EXACT), "background")]


def test_a_short_stop_within_the_grace_is_time_away(settings: Settings) -> None:
    """Stopped for 20 s of a grace of 30: the same session goes on, without the time it was stopped."""
    player = player_of()
    with player.plugin(settings) as plugin:
        advance(player, 10 * HEARTBEAT)
        player.clock.stop(20)
        advance(player, 0)
        plugin._engine.playing()  # type: ignore[union-attr]
        advance(player, 10)
        assert plugin.session is not None
        assert plugin.session.number == 1
        assert plugin.session.active == pytest.approx(10 * HEARTBEAT + 10, abs=EXACT)


@pytest.mark.parametrize("seconds", [10.0, 120.0])
def test_a_held_interpreter_is_play(settings: Settings, seconds: float) -> None:
    """A call of the game holds the interpreter between two seconds of play, before and after: all of it counts."""
    player = player_of()
    with player.plugin(settings):
        advance(player, 2)
        player.clock.hold(seconds)
        advance(player, 2)
    with player.plugin(settings):
        advance(player, 1)
        length = pytest.approx(seconds + 4, abs=EXACT)
        assert lengths(player) == [(length, length, "quit")]


@pytest.mark.parametrize("years", [YEARS, -YEARS])
def test_a_heartbeat_from_another_time(settings: Settings, years: float) -> None:
    """A dead run's file and the outbox are dated ten years off: it is recovered at once, as long as it was."""
    player = player_of()
    dead = player.plugin(settings)
    advance(player, 10 * HEARTBEAT)
    engine = dead._engine
    assert engine is not None
    assert engine._storage.run_file is not None
    run = engine._storage.run_file
    engine._keeper_worker.stop = lambda timeout: True  # type: ignore[method-assign]
    run._lock.close()  # its process dies
    when = player.clock.now().wall + years
    for path in (settings.folder / "runs").iterdir():
        os.utime(path, (when, when))
    dead._watch.stop()
    later = player_of()
    with later.plugin(settings):
        advance(later, 1)
        assert lengths(later) == [
            (pytest.approx(10 * HEARTBEAT, abs=EXACT), pytest.approx(10 * HEARTBEAT, abs=EXACT), "abnormal")
        ]


@pytest.mark.parametrize(
    ("retry_after", "longest"),
    [
        ("Tue, 01 Jan 2008 00:00:00 GMT", 61.0),
        ("-5", 61.0),
        ("0", 61.0),
        ("Fri, 01 Jan 2099 00:00:00 GMT", 3601.0),
        ("1e308", 3601.0),
        ("inf", 61.0),
        ("nan", 61.0),
        ("soon", 61.0),
        ("Fri, 99 Xyz 99999 99:99:99 GMT", 61.0),
    ],
)
def test_retry_after_of_any_kind_is_over_within_the_hour(settings: Settings, retry_after: str, longest: float) -> None:
    """In the past or senseless: the backoff's time. A year: an hour."""
    clock = FakeClock()
    with FaultServer() as server:
        server.script(answer(503, headers={"Retry-After": retry_after}), verified())
        player = Player(clock, InTheGame(GameSparks(server.url, "secret")), frame=lambda: None)  # type: ignore[arg-type]
        with player.plugin(settings) as plugin:
            plugin.end_session()
            advance(player, longest)
            assert plugin.status().delivered == 1
            assert len(server.requests) == 2
