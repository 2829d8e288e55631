"""The whole plugin, moved by a fake player: design section 4's table, and every method that a game may call."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pygame
import pytest
from core_kit import DEADLINE, ENDPOINT, T0

import gs_pygame
from gs_pygame import EndSessionResponse, Session, SessionPlugin, Settings, testing
from gs_pygame._base.clocks import Backoff
from gs_pygame._delivery.courier import Courier
from gs_pygame._disk import consent
from gs_pygame._disk.outbox import Outbox
from gs_pygame._disk.queue import Queue, Queued
from gs_pygame._disk.storage import Connections, Storage
from gs_pygame.destinations import Pause, Rejected, Retry
from gs_pygame.testing import FakeClock, FakeDestination, Player

GIVEN: dict[str, Any] = {
    "app": "Starfall",
    "author": "Example Studio",
    "endpoint": ENDPOINT,
    "background_grace": 30.0,
}
TEN_YEARS = 10 * 365.25 * 86400


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def player(folder: Path, screen: None) -> Iterator[Player]:
    """A fake player; install() makes plugins for them, whose files lie in `folder`."""
    with testing.game(folder) as made:
        yield made


def install(**more: Any) -> SessionPlugin:
    return gs_pygame.install(**{**GIVEN, **more})


def ended(player: Player) -> list[tuple[str, float, float]]:
    """Reason, active and wall seconds of what was delivered, to a tenth."""
    return [(end.reason, round(end.active, 1), round(end.wall, 1)) for end in player.ends]


def number(plugin: SessionPlugin) -> int | None:
    session = plugin.session
    assert session is not None
    return session.number


def killed(folder: Path) -> Path:
    """What a kill at this moment leaves on disk: a copy of the files, without the locks."""
    return Path(shutil.copytree(folder, folder.with_name("after the kill")))


# The table of section 4


def test_a_session_begins_with_install(player: Player) -> None:
    """Active, number 1, no previous one, on disk at once."""
    session = install().session
    assert session is not None
    assert (session.number, session.previous_id, session.state) == (1, None, "active")
    assert (session.active, session.grace_left, session.ended_at) == (0.0, None, None)
    assert session.started_at == datetime.fromtimestamp(T0, timezone.utc)


def test_leaving_saves_the_end_at_once(player: Player) -> None:
    """Away: the active clock stops, the end waits on disk, the grace runs."""
    plugin = install()
    player.wait(10)
    player.leaves()
    assert plugin.status().waiting == 1
    player.wait(12)
    session = plugin.session
    assert session is not None
    assert (session.state, round(session.active), round(session.grace_left or 0)) == ("away", 10, 18)
    assert player.destination.attempts == []


@pytest.mark.parametrize("away", [0.0, 0.1, 15.0, 29.5])
@pytest.mark.parametrize("how", ["leaves", "minimises"])
def test_back_within_the_grace_the_session_goes_on(player: Player, away: float, how: str) -> None:
    """Withdrawn: same session; the time away is wall time, not play."""
    plugin = install()
    player.wait(10)
    getattr(player, how)()
    player.wait(away)
    player.returns()
    assert plugin.status().waiting == 0
    player.wait(5)
    assert number(plugin) == 1
    plugin.close()
    player.clock.advance(0)
    later = install()
    player.wait(1)
    assert number(later) == 2
    assert ended(player) == [("quit", 15.0, round(15 + away, 1))]


@pytest.mark.parametrize("away", [31.0, 3600.0 * 3])
def test_back_after_the_grace_there_is_a_new_session(player: Player, away: float) -> None:
    """The end stands, backdated to the moment of leaving, and is delivered while the player is still away."""
    plugin = install()
    first = plugin.session
    player.wait(10)
    player.leaves()
    player.wait(min(away, 40.0))
    player.clock.advance(away - min(away, 40.0))
    assert ended(player) == [("background", 10.0, 10.0)]
    assert plugin.session is None
    player.returns()
    second = plugin.session
    assert first is not None
    assert second is not None
    assert (second.number, second.previous_id, second.active) == (2, first.id, 0.0)


def test_the_grace_is_the_settings(player: Player) -> None:
    """background_grace=300: back after four minutes is the same session."""
    plugin = install(background_grace=300)
    player.leaves()
    player.wait(240)
    player.returns()
    assert number(plugin) == 1
    player.leaves()
    player.wait(301)
    player.returns()
    assert number(plugin) == 2


def test_many_short_absences_add_up_to_nothing(player: Player) -> None:
    """Twenty times away for ten seconds: one session, only the play counts."""
    plugin = install()
    for _ in range(20):
        player.wait(3)
        player.leaves()
        player.wait(10)
        player.returns()
    assert number(plugin) == 1
    session = plugin.session
    assert session is not None
    assert round(session.active) == 60


def test_a_quit_waits_as_long_as_the_game_goes_on(player: Player) -> None:
    """QUIT saves the end; while hooked calls come it neither expires nor goes; close() then makes it final."""
    plugin = install()
    player.wait(10)
    player.closes()
    assert plugin.status().waiting == 1
    plugin.close()
    player.clock.advance(0)
    install()
    player.wait(1)
    assert ended(player) == [("quit", 10.0, 10.0)]


def test_a_vetoed_quit_costs_nothing(player: Player) -> None:
    """ "Really leave?" - no: after one second of play the end is withdrawn, and that second counts."""
    plugin = install()
    player.wait(10)
    player.closes()
    player.wait(0.5)
    assert plugin.status().waiting == 1
    player.wait(9.5)
    assert plugin.status().waiting == 0
    session = plugin.session
    assert session is not None
    assert (session.number, session.state, round(session.active)) == (1, "active", 20)


def test_leaving_after_a_quit_stays_a_quit(player: Player) -> None:
    """A closing window loses the focus as well: the reason remains quit, the time remains the first one's."""
    install()
    player.wait(10)
    player.closes()
    player.leaves()
    player.wait(40)
    assert ended(player) == [("quit", 10.0, 10.0)]


def test_a_quit_while_away_changes_only_the_reason(player: Player) -> None:
    """Closed from the task bar while in the background: quit, but ended when the player left."""
    plugin = install()
    player.wait(10)
    player.leaves()
    player.wait(20)
    player.closes()
    plugin.close()
    player.clock.advance(0)
    install()
    player.wait(1)
    assert ended(player) == [("quit", 10.0, 10.0)]


def test_pygame_quit_saves_a_quit_that_a_restart_takes_back(player: Player) -> None:
    """A game that calls pygame.quit() and pygame.init() again within the grace is one session."""
    plugin = install()
    player.wait(10)
    pygame.quit()
    assert plugin.status().waiting == 1
    player.focused = False
    player.clock.advance(5)
    pygame.init()
    pygame.display.set_mode((64, 64))
    player.frame()
    player.focused = True
    player.wait(10)
    session = plugin.session
    assert session is not None
    assert (session.number, session.state, round(session.active)) == (1, "active", 20)
    assert plugin.status().waiting == 0


def test_a_focus_lost_before_the_first_call_is_noticed(player: Player) -> None:
    """The window had the focus when the plugin was installed, and not when the game first asked for its events; none of
    them tells of it."""
    install()
    player.focused = False
    player.frame()
    player.clock.advance(31)
    assert ended(player) == [("background", 0.0, 0.0)]


def test_pygame_quit_without_a_restart_ends_the_session(player: Player) -> None:
    """The process lives on without a window: after the grace the end goes, as a quit of that moment."""
    plugin = install()
    player.wait(10)
    pygame.quit()
    player.clock.advance(31)
    assert plugin.session is None
    assert ended(player) == [("quit", 10.0, 10.0)]


def test_close_ends_at_once(player: Player, folder: Path) -> None:
    """The end is ready on disk, nothing is left to recover, and a second close() does nothing."""
    plugin = install()
    player.wait(10)
    plugin.close()
    plugin.close()
    assert plugin.session is None
    assert list((folder / "runs").iterdir()) == []
    outbox = Outbox(folder / "outbox.sqlite3")
    assert [end.reason for end in outbox.ready(9)] == ["quit"]
    outbox.close()


@pytest.mark.parametrize(
    ("error", "reason"),
    [(None, "quit"), (ValueError, "crash"), (KeyboardInterrupt, "quit"), (SystemExit, "quit"), (GeneratorExit, "quit")],
)
def test_the_with_statement_tells_a_crash_from_a_quit(
    player: Player, error: type[BaseException] | None, reason: str
) -> None:
    """An exception through `with` is a crash and goes on through; being asked to stop is a quit."""

    def play() -> None:
        with install():
            player.wait(3)
            if error:
                raise error

    if error:
        with pytest.raises(error):
            play()
    else:
        play()
    install()
    player.wait(1)
    assert ended(player) == [(reason, 3.0, 3.0)]


@pytest.mark.parametrize("asleep", [8.0, 20.0])
def test_a_short_sleep_is_no_play(player: Player, asleep: float) -> None:
    """The lid was closed within the grace: same session, not a second of sleep in it."""
    plugin = install()
    player.wait(10)
    player.sleeps(asleep)
    player.wait(10)
    session = plugin.session
    assert session is not None
    assert session.number == 1
    assert session.active == pytest.approx(20, abs=1.0)
    assert session.active <= 20.05


@pytest.mark.parametrize("asleep", [40.0, 8 * 3600.0])
def test_a_long_sleep_ends_the_session_before_it(player: Player, asleep: float) -> None:
    """Reason suspend, at the last heartbeat; who plays on has a new session."""
    plugin = install()
    player.wait(10)
    player.sleeps(asleep)
    player.wait(1)
    assert number(plugin) == 2
    ((reason, active, wall),) = ended(player)
    assert reason == "suspend"
    assert active == wall == pytest.approx(10, abs=1.0)
    assert active <= 10


def test_a_stopped_process_is_as_if_asleep(player: Player) -> None:
    """SIGSTOP for a minute: the time does not count, though every clock ran on."""
    plugin = install()
    player.wait(10)
    player.clock.stop(60)
    player.wait(1)
    assert number(plugin) == 2
    ((reason, active, _),) = ended(player)
    assert reason == "suspend"
    assert active == pytest.approx(10, abs=1.0)


def test_a_process_that_is_stopped_while_it_installs(player: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the moment from which the session counts and its first beat: nobody played meanwhile."""

    def opened(self: Storage) -> Connections:
        player.clock.stop(60)
        return really(self)

    really = Storage.open
    monkeypatch.setattr(Storage, "open", opened)
    plugin = install()
    player.wait(10)
    assert number(plugin) == 2
    assert plugin.session
    assert plugin.session.active == pytest.approx(10, abs=1.0)
    assert [(reason, active) for reason, active, _ in ended(player)] == [("suspend", 0.0)]


def test_asleep_while_away(player: Player) -> None:
    """Left, then the computer slept past the grace: a background end at the moment of leaving."""
    install()
    player.wait(10)
    player.leaves()
    player.wait(1)
    player.sleeps(3600)
    player.returns()
    player.wait(1)
    assert ended(player) == [("background", 10.0, 10.0)]


@pytest.mark.parametrize("years", [-10, 10])
def test_a_wall_clock_that_is_set_changes_no_length(player: Player, years: int) -> None:
    """Ten years forth or back in the middle: lengths and order of start and end stay right."""
    install()
    player.wait(10)
    player.clock.set_wall(T0 + years * TEN_YEARS / 10)
    player.wait(10)
    player.leaves()
    player.clock.set_wall(T0)
    player.wait(40)
    (end,) = player.ends
    assert (end.reason, round(end.active, 1), round(end.wall, 1)) == ("background", 20.0, 20.0)
    assert (end.started_at, round(end.ended_at - end.started_at, 1)) == (T0, 20.0)


@pytest.mark.parametrize("wall", [0.0, -5e9, 1e12])
def test_a_senseless_wall_clock_does_no_harm(player: Player, wall: float) -> None:
    """A dead battery's 1970, or a date that no calendar has: a session, an end, a snapshot."""
    player.clock.set_wall(wall)
    told: list[Session] = []
    plugin = install(on_delivered=lambda session, response: told.append(session))
    assert plugin.session is not None
    player.wait(2)
    plugin.end_session()
    player.wait(1)
    assert ended(player) == [("explicit", 2.0, 2.0)]
    assert len(told) == 1
    assert plugin.status().oldest is None


def test_minimize_counts_only_what_cannot_be_seen(player: Player) -> None:
    """background_on="minimize": another window beside the game is no leaving, a minimised one is."""
    plugin = install(background_on="minimize")
    player.wait(1)
    player.leaves()
    player.wait(60)
    session = plugin.session
    assert session is not None
    assert (session.state, round(session.active)) == ("active", 61)
    player.minimises()
    player.wait(40)
    assert ended(player) == [("background", 61.0, 61.0)]
    player.returns()
    assert number(plugin) == 2


def test_a_killed_run_is_recovered_at_the_next_start(player: Player, folder: Path) -> None:
    """Abnormal, with its last heartbeat and the script data last known; then the next session, one number on."""
    first = install(script_data={"level": 4}).session
    assert first is not None
    player.wait(10)
    with testing.game(killed(folder)) as later:
        gs_pygame._install._plugin = None
        again = install().session
        later.wait(1)
        assert again is not None
        assert (again.number, again.previous_id) == (2, first.id)
        ((reason, active, _),) = ended(later)
        assert reason == "abnormal"
        assert active == pytest.approx(10, abs=1.0)
        assert active <= 10
        assert later.ends[0].script_data == {"level": 4}


def test_a_run_killed_while_away_keeps_its_end(player: Player, folder: Path) -> None:
    """Left for the background, then killed: the next start releases the end as it was saved."""
    install()
    player.wait(10)
    player.leaves()
    player.wait(5)
    with testing.game(killed(folder)) as later:
        gs_pygame._install._plugin = None
        install()
        later.wait(1)
        assert ended(later) == [("background", 10.0, 10.0)]


# Numbers and ids


def test_sessions_form_a_chain(player: Player) -> None:
    """Numbers without gaps, and each names the one before, over several starts of the game."""
    for _ in range(3):
        plugin = install()
        for _ in range(2):
            player.wait(1)
            plugin.end_session()
            plugin.start_session()
        plugin.close()
    install()
    player.wait(1)
    ends = player.ends
    assert [end.number for end in ends] == list(range(1, 10))
    assert [end.previous_id for end in ends] == [None, *(end.session_id for end in ends[:-1])]
    assert len({end.installation_id for end in ends}) == 1


# script_data


def test_script_data_may_be_a_dictionary_that_changes(player: Player) -> None:
    """What it holds at the moment of leaving goes along."""
    data: dict[str, Any] = {"level": 1}
    plugin = install(script_data=data)
    data["level"] = 2
    plugin.end_session({"won": True})
    player.wait(1)
    assert player.ends[0].script_data == {"level": 2, "won": True}


def test_script_data_may_be_a_function(player: Player) -> None:
    """Called on the game's thread when the player leaves and at the exit, not in every frame."""
    calls: list[str] = []

    def data() -> dict[str, Any]:
        calls.append(threading.current_thread().name)
        return {"calls": len(calls)}

    plugin = install(script_data=data)
    player.wait(5)
    assert calls == []
    player.leaves()
    player.wait(5)
    assert len(calls) == 1
    plugin.close()
    install(script_data=data)
    player.wait(1)
    assert player.ends[0].script_data == {"calls": 2}
    assert set(calls) == {threading.current_thread().name}


def raising() -> dict[str, Any]:
    raise KeyError("no level yet")


@pytest.mark.parametrize(
    "bad",
    [
        raising,
        lambda: 5,
        lambda: [1],
        lambda: {"x": object()},
        lambda: {"x": float("nan")},
        lambda: {"x": "y" * 70_000},
        lambda: {"session": {"id": "mine"}},
    ],
)
def test_script_data_that_goes_wrong_costs_no_end(
    player: Player, bad: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Raising, no dictionary, no JSON, over 64 KB, the reserved key: logged, and the last known one goes along."""
    sources: list[Callable[[], Any]] = [lambda: {"level": 7}, bad]
    plugin = install(script_data=lambda: sources.pop(0)())
    plugin.end_session()
    plugin.start_session()
    plugin.end_session()
    player.wait(1)
    assert [end.script_data for end in player.ends] == [{"level": 7}, {"level": 7}]
    assert "script_data" in caplog.text


def test_a_function_that_gives_nothing_is_fine(player: Player, caplog: pytest.LogCaptureFixture) -> None:
    """None is as good as an empty dictionary."""
    install(script_data=lambda: None).end_session()
    player.wait(1)
    assert player.ends[0].script_data == {}
    assert caplog.text == ""


def test_what_one_end_was_given_is_not_the_next_sessions(player: Player, folder: Path) -> None:
    """end_session(script_data) goes along with that end only: a later session that is killed does not carry it."""
    plugin = install(script_data={"level": 1}, consent="pending")
    plugin.end_session({"boss": "dragon"})
    plugin.start_session()
    player.wait(5)
    with testing.game(killed(folder)) as later:
        gs_pygame._install._plugin = None
        install()
        later.wait(1)
        assert [(end.reason, end.script_data) for end in later.ends] == [
            ("explicit", {"level": 1, "boss": "dragon"}),
            ("abnormal", {"level": 1}),
        ]


# Players


def test_set_player_holds_from_then_on(player: Player) -> None:
    """The open session is the new player's; what is on disk keeps its player."""
    plugin = install()
    plugin.end_session()
    plugin.start_session()
    plugin.set_player("ada")
    plugin.end_session()
    plugin.start_session()
    plugin.end_session()
    player.wait(1)
    ids = [end.player_id for end in player.ends]
    assert ids == [player.ends[0].installation_id, "ada", "ada"]


def test_player_id_names_the_player_from_the_start(player: Player) -> None:
    """The setting, without a login."""
    install(player_id="ada").end_session()
    player.wait(1)
    assert player.ends[0].player_id == "ada"


def test_set_player_while_away_counts_for_the_time_after(player: Player) -> None:
    """The waiting end keeps its player; taken back, the session is the new one's."""
    plugin = install(player_id="ada")
    player.wait(1)
    player.leaves()
    plugin.set_player("bob")
    player.wait(1)
    player.returns()
    plugin.end_session()
    player.wait(1)
    assert player.ends[0].player_id == "bob"


@pytest.mark.parametrize("wrong", [None, "", 5, b"ada", [], "half \ud800"])
def test_a_wrong_player_is_logged_and_ignored(player: Player, wrong: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing raises into the game."""
    plugin = install(player_id="ada")
    plugin.set_player(wrong)
    plugin.end_session()
    plugin.start_session()
    assert number(plugin) == 2
    player.wait(1)
    assert [end.player_id for end in player.ends] == ["ada"]
    assert "set_player" in caplog.text


def test_set_player_while_another_copy_writes_is_not_lost(player: Player, folder: Path) -> None:
    """The outbox is held by another process at that moment: the keeper carries it through."""
    plugin = install()
    player.wait(1)
    other = Outbox(folder / "outbox.sqlite3")
    with other.transaction():
        plugin.set_player("ada")
    other.close()
    player.wait(1)
    plugin.end_session()
    player.wait(1)
    assert player.ends[0].player_id == "ada"


# Consent


def test_pending_keeps_and_does_not_send(player: Player) -> None:
    """Ends are on disk, nothing goes; granted later, all of it goes."""
    plugin = install(consent="pending")
    player.wait(3)
    plugin.end_session()
    player.wait(600)
    assert player.destination.attempts == []
    assert plugin.status().ready == 1
    assert plugin.flush(1.0) is False
    plugin.set_consent("granted")
    player.wait(1)
    assert ended(player) == [("explicit", 3.0, 3.0)]


def test_a_pending_choice_is_noted_for_others(player: Player, folder: Path) -> None:
    """Whoever else could send sees that a choice is awaited: until it is made, or the game no longer asks."""
    install(consent="pending").close()
    assert consent.is_awaited(folder)
    install(consent="pending").close()
    install(consent="granted").close()
    assert not consent.is_awaited(folder)
    plugin = install(consent="pending")
    plugin.set_consent("granted")
    assert not consent.is_awaited(folder)


def test_granted_can_become_pending(player: Player) -> None:
    """From then on nothing is sent."""
    plugin = install()
    plugin.set_consent("pending")
    plugin.end_session()
    player.wait(600)
    assert player.destination.attempts == []


def test_denied_from_the_start_writes_nothing(player: Player, folder: Path) -> None:
    """No session, no folder, no file; the game's calls do nothing."""
    plugin = install(consent="denied")
    player.wait(10)
    player.leaves()
    player.wait(60)
    plugin.end_session()
    plugin.close()
    assert plugin.session is None
    assert not folder.exists()
    assert player.destination.attempts == []


MARKER = "MARKER_OF_THE_PLAYER"


def test_denied_later_erases_what_was_kept(player: Player, folder: Path) -> None:
    """No trace of what the player did is left in any file but the choice; nothing is recorded or sent any more."""
    player.destination.offline = True
    plugin = install(script_data={"x": MARKER}, player_id=f"{MARKER}_ID")
    player.wait(2)
    plugin.end_session()
    plugin.start_session()
    player.wait(2)
    player.leaves()
    player.destination.offline = False
    plugin.set_consent("denied")
    tried = len(player.destination.attempts)
    assert plugin.session is None
    player.returns()
    player.wait(120)
    plugin.start_session()
    plugin.end_session()
    plugin.close()
    assert len(player.destination.attempts) == tried
    assert player.ends == []
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert [path.name for path in files if MARKER.encode() in path.read_bytes()] == []
    assert list((folder / "runs").iterdir()) == []
    outbox = Outbox(folder / "outbox.sqlite3")
    counts = outbox.counts()
    outbox.close()
    assert (counts.waiting, counts.ready, counts.dropped) == (0, 0, {"consent": 2})


@pytest.mark.parametrize("choice", ["granted", "pending", "denied"])
def test_the_choice_is_remembered_and_wins(player: Player, choice: Any) -> None:
    """At the next start the player's own choice is stronger than the game's setting."""
    plugin = install(consent="pending")
    plugin.set_consent(choice)
    plugin.close()
    again = install(consent="denied" if choice == "granted" else "granted")
    player.wait(5)
    assert (again.session is None) == (choice == "denied")
    assert len(player.ends) == (1 if choice == "granted" else 0)


def test_consent_given_after_a_denial_begins_a_session(player: Player) -> None:
    """The player changes their mind, in the same run: a new installation, for all that anybody could tell."""
    plugin = install()
    plugin.set_consent("denied")
    player.wait(10)
    plugin.set_consent("granted")
    assert number(plugin) == 1
    player.wait(5)
    plugin.end_session()
    player.wait(1)
    assert ended(player) == [("explicit", 5.0, 5.0)]


@pytest.mark.parametrize("wrong", [None, "yes", [], True, {"granted"}])
def test_a_wrong_consent_is_logged_and_ignored(player: Player, wrong: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing raises into the game, and nothing changes."""
    plugin = install(consent="pending")
    plugin.set_consent(wrong)
    plugin.end_session()
    player.wait(60)
    assert "set_consent" in caplog.text
    assert player.destination.attempts == []


def test_a_denial_that_was_cut_short_is_finished_at_the_next_start(player: Player, folder: Path) -> None:
    """The choice was on disk but the process died before the data was erased: the next start erases it."""
    player.destination.offline = True
    plugin = install(script_data={"x": MARKER})
    player.wait(2)
    plugin.close()
    (folder / "consent").write_text("denied")
    install()
    player.wait(2)
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert [path.name for path in files if MARKER.encode() in path.read_bytes()] == []


def test_the_choice_survives_a_kill_while_it_is_written(
    player: Player, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written beside and moved into place: a half-written file never stands for the choice."""
    install().set_consent("denied")

    def dies(*_: Any) -> None:
        raise OSError("killed here")

    monkeypatch.setattr(os, "replace", dies)
    gs_pygame.install(**GIVEN).set_consent("granted")
    monkeypatch.undo()
    assert (folder / "consent").read_text() == "denied"


# Disabled


@pytest.mark.parametrize("how", ["argument", "GS_PYGAME_DISABLED", "DO_NOT_TRACK"])
def test_a_disabled_plugin_does_nothing_at_all(
    player: Player, folder: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """No files, no hooks, no threads, no errors; every method can be called."""
    if how != "argument":
        monkeypatch.setenv(how, "1")
    get = pygame.event.get
    threads = threading.active_count()
    with gs_pygame.install(app=None, endpoint=None, enabled=how != "argument") as plugin:
        assert pygame.event.get is get
        assert threading.active_count() == threads
        assert plugin.session is None
        assert plugin.status() == gs_pygame.Status()
        plugin.process_event(pygame.event.Event(pygame.QUIT))
        plugin.update()
        plugin.start_session()
        plugin.end_session({"a": 1})
        plugin.set_player("ada")
        plugin.set_consent("granted")
        assert plugin.flush(0.0) is True
        assert "SessionPlugin" in repr(plugin)
    plugin.close()
    assert not folder.exists()


# on_delivered


def test_on_delivered_is_called_on_the_games_thread(tmp_path: Path, screen: None) -> None:
    """With real threads: the courier delivers, the game is told in a hooked call of its own."""
    told: list[tuple[str, Session, EndSessionResponse]] = []
    clock = None  # the computer's own
    plugin = SessionPlugin(
        Settings(
            **GIVEN,
            data_dir=tmp_path,
            on_delivered=lambda session, response: told.append((threading.current_thread().name, session, response)),
        ),
        FakeDestination(),
        clock,
        focused=lambda: True,
    )
    arrived = threading.Event()
    real = plugin._engine.sending._on_receipt  # type: ignore[union-attr]
    courier = plugin._engine.sending._lanes[0]._courier  # type: ignore[union-attr]
    courier._on_receipt = lambda receipt: (real(receipt), arrived.set())  # type: ignore[func-returns-value]
    plugin.end_session()
    assert arrived.wait(DEADLINE)
    assert told == []
    pygame.event.get()
    plugin.close()
    ((thread, session, response),) = told
    assert thread == threading.current_thread().name
    assert (session.number, session.state, session.reason) == (1, "ended", "explicit")
    assert session.ended_at is not None
    assert session.ended_at >= session.started_at
    assert response == EndSessionResponse(round(session.active * 1000))


def test_each_delivery_is_told_once(player: Player) -> None:
    """In order, and not again at the next start."""
    told: list[int | None] = []

    def delivered(session: Session, response: EndSessionResponse) -> None:
        told.append(session.number)

    plugin = install(on_delivered=delivered)
    for _ in range(3):
        plugin.end_session()
        plugin.start_session()
    player.wait(3)
    assert told == [1, 2, 3]
    plugin.close()
    install(on_delivered=delivered)
    player.wait(3)
    assert told == [1, 2, 3, 4]


def test_a_raising_on_delivered_is_logged(player: Player, caplog: pytest.LogCaptureFixture) -> None:
    """The game goes on, and so does the next call."""
    calls: list[int] = []

    def delivered(session: Session, response: EndSessionResponse) -> None:
        calls.append(1)
        raise ValueError("from the game")

    plugin = install(on_delivered=delivered)
    plugin.end_session()
    plugin.start_session()
    plugin.end_session()
    player.wait(1)
    assert len(calls) == 2
    assert "from the game" in caplog.text


def test_ends_delivered_after_the_game_had_gone_are_told_at_the_next_start(player: Player, folder: Path) -> None:
    """Someone else (another copy, a helper) delivered them meanwhile: on_delivered hears of it, once."""
    plugin = install(script_data={"level": 3})
    player.wait(7)
    plugin.close()
    deliver_by_hand(folder)
    told: list[tuple[int | None, float, EndSessionResponse]] = []
    install(on_delivered=lambda session, response: told.append((session.number, round(session.active), response)))
    player.wait(2)
    assert told == [(1, 7, EndSessionResponse(7000))]
    player.wait(60)
    assert len(told) == 1


def test_a_delivery_is_told_once_though_the_outbox_was_busy(
    player: Player, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That the game has been told cannot be written down at once: it is later, and not told again at the next start."""
    told: list[int | None] = []

    def delivered(session: Session, response: EndSessionResponse) -> None:
        told.append(session.number)

    real = Outbox.told
    failures = [gs_pygame._base.errors.OutboxBusyError("locked")]

    def busy(self: Outbox, session_ids: list[str]) -> None:
        if failures:
            raise failures.pop()
        real(self, session_ids)

    monkeypatch.setattr(Outbox, "told", busy)
    plugin = install(on_delivered=delivered)
    plugin.end_session()
    player.wait(5)
    assert failures == []
    plugin.close()
    install(on_delivered=delivered)
    player.wait(5)
    assert told == [1]


def deliver_by_hand(folder: Path) -> None:
    """What a helper process would do after the game's exit."""
    outbox = Outbox(folder / "outbox.sqlite3")
    lock = folder / "delivery-gamesparks.lock"
    courier = Courier(
        outbox,
        FakeDestination(),
        FakeClock(),
        Backoff(lambda: 0.5),
        lock,
        lambda: True,
        lambda receipt: None,
        lambda: None,
    )
    while courier.turn() is not None:
        pass
    assert outbox.counts().ready == 0
    courier.close()


# hook=False


def test_without_hooks_the_game_tells_and_asks(player: Player) -> None:
    """hook=False: process_event() and update() do what the hooks would have done."""
    plugin = install(hook=False)
    player.frame = lambda: ([plugin.process_event(event) for event in pygame.event.get()], plugin.update())
    player.wait(10)
    player.leaves()
    player.wait(10)
    player.returns()
    player.wait(5)
    player.closes()
    assert plugin.status().waiting == 1
    plugin.close()
    player.frame = pygame.event.get
    install()
    player.wait(1)
    assert ended(player) == [("quit", 15.0, 25.0)]


def test_without_hooks_pygames_own_calls_say_nothing(player: Player) -> None:
    """hook=False, and the game calls neither: the plugin sees no leaving."""
    plugin = install(hook=False)
    player.leaves()
    player.wait(60)
    session = plugin.session
    assert session is not None
    assert session.state == "active"


@pytest.mark.parametrize("event", [None, 5, object(), "QUIT"])
def test_a_wrong_event_raises_nothing(player: Player, event: Any) -> None:
    """process_event() with what is no event does not raise into the game."""
    plugin = install(hook=False)
    plugin.process_event(event)


# status, flush, start and end


def test_status_says_what_lies_where(player: Player) -> None:
    """Counts, the line, the oldest end, the last error, as ends come and go."""
    plugin = install()
    status = plugin.status()
    assert (status.waiting, status.ready, status.rejected, status.delivered) == (0, 0, 0, 0)
    assert (status.dropped, status.online, status.durable, status.last_error, status.oldest) == (
        {},
        None,
        True,
        None,
        None,
    )
    player.wait(10)
    player.leaves()
    status = plugin.status()
    assert (status.waiting, status.oldest) == (1, datetime.fromtimestamp(T0 + 10, timezone.utc).replace(microsecond=0))
    player.returns()
    player.destination.outcomes = [Retry("the dog ate it"), Rejected("no such player")]
    plugin.end_session()
    player.clock.advance(0)
    status = plugin.status()
    assert (status.waiting, status.ready, status.online, status.last_error) == (0, 1, False, "the dog ate it")
    player.wait(70)
    status = plugin.status()
    assert (status.ready, status.rejected, status.delivered) == (0, 1, 0)
    assert (status.online, status.last_error) == (True, "no such player")
    plugin.start_session()
    plugin.end_session()
    player.wait(1)
    status = plugin.status()
    assert (status.rejected, status.delivered, status.online, status.last_error) == (1, 1, True, None)


def test_a_flush_that_does_not_wait_has_it_tried_now(player: Player) -> None:
    """After a 403 nothing is tried for an hour, unless somebody asks for it."""
    plugin = install()
    player.destination.outcomes = [Pause("the server did not let us in")]
    plugin.end_session()
    player.wait(5)
    assert (plugin.status().online, player.ends) == (False, [])
    assert not plugin.flush(0.0)
    player.clock.advance(0)
    assert len(player.ends) == 1


def test_flush_waits_until_all_is_delivered(player: Player) -> None:
    """True once everything ready was delivered; what only waits for the grace does not count."""
    plugin = install()
    plugin.end_session()
    plugin.start_session()
    player.leaves()
    assert plugin.flush(5.0) is True
    assert len(player.ends) == 1
    assert plugin.status().waiting == 1


def test_flush_gives_up_in_time(player: Player) -> None:
    """False when the time is over and something is still here; True at once when there is nothing."""
    plugin = install()
    assert plugin.flush(0.0) is True
    player.wait(1)
    player.destination.offline = True
    plugin.end_session()
    before = player.clock.now().elapsed
    assert plugin.flush(3.0) is False
    assert player.clock.now().elapsed - before == pytest.approx(3.0, abs=0.01)
    player.destination.offline = False
    assert plugin.flush(3.0) is True


def test_flush_tries_at_once_whatever_the_backoff_says(player: Player) -> None:
    """The game has reason to hope: the courier does not wait out its minute."""
    plugin = install()
    player.wait(1)
    player.destination.offline = True
    plugin.end_session()
    player.wait(300)
    player.destination.offline = False
    tried = len(player.destination.attempts)
    assert plugin.flush(0.5) is True
    assert len(player.destination.attempts) == tried + 1


@pytest.mark.parametrize("timeout", [-1.0, 0, float("nan"), None, "soon"])
def test_flush_with_a_senseless_timeout_raises_nothing(player: Player, timeout: Any) -> None:
    """It does not raise into the game, nor wait for ever."""
    plugin = install()
    player.wait(1)
    player.destination.offline = True
    plugin.end_session()
    assert plugin.flush(timeout) is False


def test_flush_tells_the_game(player: Player) -> None:
    """on_delivered has been called when flush() returns."""
    told: list[int | None] = []
    plugin = install(on_delivered=lambda session, response: told.append(session.number))
    plugin.end_session()
    assert plugin.flush(1.0)
    assert told == [1]


def test_end_and_start_by_hand(player: Player) -> None:
    """end_session() ends at once and for good; the window's focus alone begins no session, start_session() does."""
    plugin = install()
    player.wait(5)
    plugin.end_session()
    assert plugin.session is None
    plugin.end_session()
    player.wait(30)
    assert plugin.session is None
    plugin.start_session()
    first = plugin.session
    plugin.start_session()
    second = plugin.session
    assert first is not None
    assert second is not None
    assert (second.id, second.number) == (first.id, 2)
    player.wait(5)
    plugin.close()
    install()
    player.wait(1)
    assert ended(player) == [("explicit", 5.0, 5.0), ("quit", 5.0, 5.0)]


def test_after_an_end_by_hand_leaving_and_returning_begins_a_session(player: Player) -> None:
    """As the docstring of end_session() says."""
    plugin = install()
    plugin.end_session()
    player.leaves()
    player.wait(1)
    player.returns()
    assert number(plugin) == 2


def test_after_close_every_method_does_nothing(player: Player) -> None:
    """A game may call on: no error, no session, no attempt."""
    plugin = install()
    plugin.close()
    plugin.start_session()
    plugin.end_session({"a": 1})
    plugin.set_player("ada")
    plugin.set_consent("granted")
    plugin.process_event(pygame.event.Event(pygame.QUIT))
    plugin.update()
    assert plugin.flush(0.0) is True
    assert plugin.session is None
    assert plugin.status() == gs_pygame.Status()
    player.wait(60)
    assert player.destination.attempts == []
    assert "closed" in repr(plugin)


def test_exit_delivery_wait_delivers_before_close_returns(player: Player) -> None:
    """The last end goes within close(), and the game is told."""
    told: list[int | None] = []
    plugin = install(exit_delivery="wait", on_delivered=lambda session, response: told.append(session.number))
    player.wait(5)
    plugin.close()
    assert ended(player) == [("quit", 5.0, 5.0)]
    assert told == [1]


def test_exit_delivery_wait_has_a_deadline(player: Player) -> None:
    """With the network away close() gives up after about two seconds, and the end is delivered next time."""
    plugin = install(exit_delivery="wait")
    player.wait(5)
    player.destination.offline = True
    before = player.clock.now().elapsed
    plugin.close()
    assert 1.5 < player.clock.now().elapsed - before < 2.5
    player.destination.offline = False
    install()
    player.wait(1)
    assert ended(player) == [("quit", 5.0, 5.0)]


def test_the_exit_falls_into_a_turn_of_the_courier(
    tmp_path: Path, screen: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With real threads: the last end is not sent from the game, whose exit would cut the request off, and so not
    twice."""
    ready, looking, left = Queue.ready, threading.Event(), threading.Event()
    couriers: list[threading.Thread] = []

    def slowly(queue: Queue, limit: int) -> list[Queued]:
        if threading.current_thread().name == "gs_pygame-courier-fake":
            couriers.append(threading.current_thread())
            looking.set()
            assert left.wait(DEADLINE)
        return ready(queue, limit)

    monkeypatch.setattr(Queue, "ready", slowly)
    destination = FakeDestination()
    plugin = SessionPlugin(Settings(**GIVEN, data_dir=tmp_path), destination, focused=lambda: True)
    assert looking.wait(DEADLINE)
    plugin.close()
    left.set()
    couriers[0].join(DEADLINE)
    assert not couriers[0].is_alive()
    assert destination.attempts == []
    monkeypatch.undo()
    outbox = Outbox(tmp_path / "outbox.sqlite3")
    assert [end.reason for end in outbox.ready(9)] == ["quit"]
    outbox.close()


# Trouble on disk


def spoil(folder: Path, how: str) -> None:
    if how == "a file where the folder should be":
        folder.write_text("not a folder")
        return
    folder.mkdir()
    if how == "runs is a file":
        (folder / "runs").write_text("not a folder")
    elif how == "a folder where the file should be":
        (folder / "outbox.sqlite3").mkdir()
    else:
        db = sqlite3.connect(folder / "outbox.sqlite3")
        db.execute("PRAGMA user_version = 999")
        db.close()


@pytest.mark.parametrize(
    "how",
    [
        "a file where the folder should be",
        "runs is a file",
        "a folder where the file should be",
        "a newer version's file",
    ],
)
def test_without_a_disk_the_game_goes_on(
    player: Player, folder: Path, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    """In memory: said once, durable is False, numbers are null, and delivery still works while the game runs."""
    spoil(folder, how)
    plugin = install()
    assert number(plugin) is None
    assert plugin.status().durable is False
    player.wait(5)
    player.leaves()
    player.wait(40)
    player.returns()
    player.wait(5)
    assert ended(player) == [("background", 5.0, 5.0)]
    assert player.ends[0].number is None
    plugin.set_player("ada")
    plugin.close()
    assert caplog.text.count("memory") == 1


def test_a_busy_outbox_costs_no_end(player: Player, folder: Path) -> None:
    """Another process holds the write lock while the player leaves: the frame goes on, the keeper writes it later."""
    plugin = install()
    player.wait(5)
    other = Outbox(folder / "outbox.sqlite3")
    with other.transaction():
        plugin.end_session()
        plugin.start_session()
        assert plugin.status().durable is False
        assert number(plugin) is None
    other.close()
    player.wait(1)
    assert plugin.status().durable is True
    assert number(plugin) == 2
    assert ended(player) == [("explicit", 5.0, 5.0)]


def test_two_dead_runs_are_both_recovered_though_the_first_try_fails(
    player: Player, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trouble with one dead run does not lock the others away: the next look recovers them all."""
    for session_id in ("a", "b"):
        outbox = Outbox(folder / "outbox.sqlite3")
        outbox.start(f"run-{session_id}", session_id, T0, None, "{}", "{}", None)
        outbox.close()
        (folder / "runs").mkdir(exist_ok=True)
        (folder / "runs" / f"run-{session_id}.run").touch()
    real = Outbox.recover
    failures = [gs_pygame._base.errors.OutboxBusyError("locked")]

    def recover(self: Outbox, *args: Any) -> int:
        if failures:
            raise failures.pop()
        return real(self, *args)

    monkeypatch.setattr(Outbox, "recover", recover)
    install()
    player.wait(130)
    assert sorted(end.session_id for end in player.ends) == ["a", "b"]


def test_a_relative_data_dir_stays_where_it_was(
    player: Player, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A game that changes its working directory afterwards still writes, delivers and remembers in one place."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    plugin = SessionPlugin(
        Settings(**GIVEN, data_dir="saves"),
        player.destination,
        player.clock,
        focused=lambda: player.focused,
    )
    monkeypatch.chdir(tmp_path / "elsewhere")
    player.wait(5)
    plugin.end_session()
    player.wait(1)
    assert ended(player) == [("explicit", 5.0, 5.0)]
    plugin.set_consent("pending")
    plugin.close()
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert list((tmp_path / "saves" / "runs").iterdir()) == []
    assert (tmp_path / "saves" / "consent").read_text() == "pending"
