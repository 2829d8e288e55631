"""The state machine, row by row of the table in the README ("What happens when")."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from gs_pygame._base.clocks import Instant
from gs_pygame._player.lifecycle import Decision, Lifecycle, Progress, Release, Save, Start, Withdraw

GRACE = 30.0


def at(seconds: float, slept: float = 0.0) -> Instant:
    """`seconds` after the start on the active clock, of which the computer slept none; `slept` more on the others."""
    return Instant(1e9 + seconds + slept, 100 + seconds, 500 + seconds + slept)


def worked(instant: Instant, seconds: float) -> Instant:
    """The same moment, by which the processor has worked so long."""
    return replace(instant, worked=seconds)


@pytest.fixture
def lifecycle() -> Lifecycle:
    """A machine whose sessions are called s1, s2, ...; s1 began at 0."""
    names = (f"s{number}" for number in itertools.count(1))
    machine = Lifecycle(GRACE, lambda: next(names))
    assert machine.start(at(0)) == [Start("s1", at(0))]
    return machine


def pulsed(lifecycle: Lifecycle, until: float, since: float = 0.0, slept: float = 0.0) -> list[Decision]:
    """Pulse once a second from `since` to `until`."""
    decisions: list[Decision] = []
    for second in range(int(since), int(until) + 1):
        decisions += lifecycle.pulse(at(second, slept))
    return decisions


def test_leaving_saves_the_end_at_that_moment(lifecycle: Lifecycle) -> None:
    """LEAVE(background): the end is saved as waiting, with the time played so far."""
    assert lifecycle.leave("background", at(10)) == [Save("s1", "background", 10.0, 10.0)]
    assert lifecycle.away


def test_returning_within_the_grace_withdraws_it(lifecycle: Lifecycle) -> None:
    """RETURN within the grace: the same session goes on; time away is wall time, not active time."""
    lifecycle.leave("background", at(10))
    assert lifecycle.back(at(30)) == [Withdraw("s1")]
    assert lifecycle.exit("quit", at(35)) == [Save("s1", "quit", 15.0, 35.0), Release("s1")]


def test_returning_after_the_grace_starts_a_new_session(lifecycle: Lifecycle) -> None:
    """RETURN after the grace: the end stands, backdated to the leaving; a new session starts."""
    lifecycle.leave("background", at(10))
    assert lifecycle.back(at(40)) == [Release("s1"), Start("s2", at(40))]


def test_the_grace_runs_out_by_time_alone(lifecycle: Lifecycle) -> None:
    """Nobody returns: the end is released when the grace is over, neither earlier nor twice."""
    lifecycle.leave("background", at(10))
    assert pulsed(lifecycle, 39, since=11) == []
    assert lifecycle.pulse(at(40)) == [Release("s1")]
    assert lifecycle.pulse(at(41)) == []
    assert lifecycle.progress(at(41)) is None


def test_leaving_again_changes_only_the_reason(lifecycle: Lifecycle) -> None:
    """QUIT while in the background: the reason becomes quit, the moment of leaving stays."""
    lifecycle.leave("background", at(10))
    assert lifecycle.leave("background", at(11)) == []
    assert lifecycle.leave("quit", at(12)) == [Save("s1", "quit", 10.0, 10.0)]


def test_a_closing_window_that_loses_the_focus_is_still_a_quit(lifecycle: Lifecycle) -> None:
    """QUIT, then the focus goes as the window does: the reason stays quit."""
    lifecycle.leave("quit", at(10))
    assert lifecycle.leave("background", at(10.1)) == []
    assert lifecycle.exit("quit", at(10.2)) == [Save("s1", "quit", 10.0, 10.0), Release("s1")]


def test_a_refused_quit_is_withdrawn_after_a_second_of_play(lifecycle: Lifecycle) -> None:
    """The game plays on in the foreground: after one second the end is withdrawn, and that second counts."""
    lifecycle.leave("quit", at(10))
    assert lifecycle.back(at(10.5)) == []
    assert lifecycle.back(at(11)) == [Withdraw("s1")]
    assert lifecycle.exit("quit", at(15))[0] == Save("s1", "quit", 15.0, 15.0)


def test_a_quit_that_is_being_thought_about_does_not_expire(lifecycle: Lifecycle) -> None:
    """A quit's wait runs from the last hooked call: in the background it is the leaving that counts."""
    lifecycle.leave("quit", at(10))
    lifecycle.back(at(10.9))
    assert lifecycle.deadline() == at(10.9 + GRACE).elapsed
    lifecycle.leave("background", at(10.95))
    assert lifecycle.deadline() == at(10 + GRACE).elapsed


def test_a_quit_after_which_nothing_is_heard_runs_out(lifecycle: Lifecycle) -> None:
    """QUIT, and no hooked call for the whole grace: released; a player who plays on gets a new session."""
    pulsed(lifecycle, 10)
    lifecycle.leave("quit", at(10))
    assert pulsed(lifecycle, 40, since=11) == [Release("s1")]
    assert lifecycle.expects_player
    assert lifecycle.back(at(41)) == [Start("s2", at(41))]


def test_an_explicit_end_holds_until_the_player_leaves_and_returns(lifecycle: Lifecycle) -> None:
    """EXIT(explicit): released at once; the game may start a session, or a RETURN does."""
    assert lifecycle.exit("explicit", at(10)) == [Save("s1", "explicit", 10.0, 10.0), Release("s1")]
    assert not lifecycle.expects_player
    assert lifecycle.start(at(12)) == [Start("s2", at(12))]
    assert lifecycle.start(at(13)) == []


def test_a_crash_while_away_keeps_the_moment_of_leaving(lifecycle: Lifecycle) -> None:
    """EXIT(crash) while the player is away changes the reason only."""
    lifecycle.leave("background", at(10))
    assert lifecycle.exit("crash", at(20)) == [Save("s1", "crash", 10.0, 10.0), Release("s1")]


def test_a_short_sleep_is_time_away(lifecycle: Lifecycle) -> None:
    """The computer slept for less than the grace: away since the last heartbeat, then the same session goes on."""
    pulsed(lifecycle, 10)
    assert lifecycle.pulse(at(10.5, slept=20)) == [Save("s1", "suspend", 10.0, 10.0)]
    assert lifecycle.expects_player
    assert lifecycle.back(at(10.5, slept=20)) == [Withdraw("s1")]
    assert lifecycle.exit("quit", at(12.5, slept=20))[0] == Save("s1", "quit", 12.0, 32.5)


def test_a_long_sleep_ends_the_session_where_it_began(lifecycle: Lifecycle) -> None:
    """Eight hours asleep: the end is backdated to the last heartbeat, reason suspend; then a new session."""
    pulsed(lifecycle, 10)
    slept = 8 * 3600.0
    assert lifecycle.pulse(at(10.5, slept)) == [Save("s1", "suspend", 10.0, 10.0), Release("s1")]
    assert lifecycle.back(at(11, slept)) == [Start("s2", at(11, slept))]


def test_a_signal_that_comes_before_the_keeper_wakes_sees_the_sleep_too(lifecycle: Lifecycle) -> None:
    """The game's thread wakes first and the focus is gone: the leaving is dated before the sleep."""
    pulsed(lifecycle, 10)
    decisions = lifecycle.leave("background", at(10.5, slept=20))
    assert decisions == [Save("s1", "suspend", 10.0, 10.0), Save("s1", "background", 10.0, 10.0)]


def test_an_end_that_had_gone_starts_a_new_session(lifecycle: Lifecycle) -> None:
    """Somebody else released the end first: that session is over, and the player is in a new one."""
    lifecycle.leave("background", at(10))
    lifecycle.back(at(12))
    assert lifecycle.lost("s1", at(12.1)) == [Start("s2", at(12.1))]
    assert lifecycle.lost("s1", at(12.2)) == []


def test_a_process_that_was_stopped_is_away(lifecycle: Lifecycle) -> None:
    """Nine seconds without a pulse in which only the play before the stop used the processor: they do not count."""
    pulsed(lifecycle, 10)
    assert lifecycle.pulse(worked(at(19.8), 0.8)) == [Save("s1", "suspend", 10.0, 10.0)]


def test_a_held_interpreter_is_play(lifecycle: Lifecycle) -> None:
    """The same gap, and the processor has worked in it, if only at half its speed: a level's load."""
    pulsed(lifecycle, 10)
    assert lifecycle.pulse(worked(at(20), 5.0)) == []
    assert lifecycle.exit("quit", worked(at(24), 6.0))[0] == Save("s1", "quit", 24.0, 24.0)


def test_a_pulse_that_is_heard_late_says_nothing(lifecycle: Lifecycle) -> None:
    """A green thread reads the clock, waits for its turn for ten seconds, and others have pulsed since."""
    pulsed(lifecycle, 10)
    assert lifecycle.pulse(at(0)) == []
    assert lifecycle.exit("quit", at(10.5))[0] == Save("s1", "quit", 10.5, 10.5)


def test_a_held_title_bar_is_play(lifecycle: Lifecycle) -> None:
    """The same gap, without work, inside one call of pygame; a sleep is a sleep even there."""
    pulsed(lifecycle, 10)
    assert lifecycle.pulse(at(20), held=True) == []
    assert lifecycle.pulse(at(20.5, slept=20), held=True) == [Save("s1", "suspend", 20.0, 20.0)]


def test_time_before_the_first_focus_is_no_play(lifecycle: Lifecycle) -> None:
    """Two seconds of load, a window that waits eight seconds for its first focus, and five seconds with it."""
    lifecycle.unseen(at(2))
    assert lifecycle.progress(at(9)) == Progress("s1", 9.0, 9.0)  # it counts until more is known
    lifecycle.unseen(at(9))
    lifecycle.seen(at(10))
    assert lifecycle.exit("quit", at(15))[0] == Save("s1", "quit", 7.0, 15.0)


def test_a_session_that_began_before_the_first_focus(lifecycle: Lifecycle) -> None:
    """One was ended by the game while its window was never seen, and keeps its length; the next one's begins now."""
    lifecycle.unseen(at(2))
    assert lifecycle.exit("explicit", at(4))[0] == Save("s1", "explicit", 4.0, 4.0)
    lifecycle.start(at(5))
    lifecycle.seen(at(8))
    assert lifecycle.exit("quit", at(10))[0] == Save("s2", "quit", 2.0, 5.0)
