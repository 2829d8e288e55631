"""A game with a loop of its own is played: its time, its ends, and what is said when it does not end."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import selectors
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pygame
import pytest

import gs_pygame
from gs_pygame.testing import FakeDestination, Player, ended


def install(**settings: Any) -> gs_pygame.SessionPlugin:
    pygame.init()
    pygame.display.set_mode((64, 64))
    return gs_pygame.install(
        app="Kit", author="gs_pygame", endpoint="http://127.0.0.1:9", background_grace=30.0, **settings
    )


def game(frame: Callable[[], object] = lambda: None) -> Callable[[], None]:
    """A game that does `frame` 60 times a second until QUIT."""

    def main() -> None:
        install()
        clock = pygame.time.Clock()
        while all(event.type != pygame.QUIT for event in pygame.event.get()):
            frame()
            clock.tick(60)

    return main


# Time


def test_nothing_of_it_is_waited_for(gs_player: Player) -> None:
    """Three hours pass for the game (the time-out of pytest would notice if they did for the test)."""
    gs_player.plays(lambda: (install(), pygame.time.wait(10_800_000), pygame.event.get()), [10_800])
    assert gs_player.ends == [ended("quit", active=10_800)]


def waiting(wait: Callable[[], object]) -> Callable[[], None]:
    def main() -> None:
        install()
        while not pygame.event.peek(pygame.QUIT):
            wait()

    return main


@pytest.mark.parametrize(
    "wait",
    [
        lambda: time.sleep(0.1),
        lambda: pygame.time.wait(100),
        lambda: pygame.time.delay(100),
        lambda: pygame.event.wait(100),
        lambda: pygame.event.wait(timeout=100),
        lambda: asyncio.run(asyncio.sleep(0.1)),
        lambda: selectors.DefaultSelector().select(0.1),
        lambda: pygame.event.get(pygame.KEYDOWN),
        lambda: pygame.event.poll(),
        lambda: pygame.event.pump(),
        lambda: pygame.display.flip(),
    ],
    ids=["sleep", "wait", "delay", "event.wait", "timeout", "asyncio", "select", "get", "poll", "pump", "flip"],
)
def test_whatever_a_game_waits_with(gs_player: Player, wait: Callable[[], object]) -> None:
    """The script goes on in every call that takes time, and in a loop that takes none."""
    seen: list[float] = []
    with pytest.raises(Stop):
        gs_player.plays(waiting(wait), [1, lambda: seen.append(gs_player.clock.now().active), 1, stop])
    assert seen == [pytest.approx(1001)]


class Stop(Exception):
    pass


def stop() -> None:
    raise Stop


def test_clocks_agree(gs_player: Player) -> None:
    """What the game reads of the time is what passed, whichever clock it asks."""
    read: list[list[float]] = []

    def readings() -> list[float]:
        seconds = [time.time(), time.monotonic(), time.perf_counter(), pygame.time.get_ticks() / 1000]
        return seconds + [ns / 1e9 for ns in (time.time_ns(), time.monotonic_ns(), time.perf_counter_ns())]

    def main() -> None:
        install()
        read.append(readings())
        pygame.time.wait(2500)
        read.append(readings())
        pygame.event.get()

    gs_player.plays(main)
    assert [after - before for before, after in zip(*read, strict=True)] == [pytest.approx(2.5, abs=0.002)] * 7


def test_a_clock_of_the_game(gs_player: Player) -> None:
    """`pygame.time.Clock` ticks as it would: less what the frame took, without a limit nothing, and real afterwards."""
    said: list[object] = []

    def main() -> None:
        install()
        clock = pygame.time.Clock()
        said.append(clock)
        said.append(clock.get_fps())
        clock.tick(50)
        pygame.time.wait(15)
        said.append(clock.tick(50))
        said.append((clock.get_time(), clock.get_rawtime(), round(clock.get_fps())))
        said.append(clock.tick())
        pygame.time.wait(100)
        said.append(clock.tick_busy_loop(framerate=50))
        pygame.event.get()

    gs_player.plays(main)
    clock: Any = said.pop(0)
    assert said == [0.0, 20, (20, 0, 50), 0, 100]
    assert isinstance(clock.tick(1000), int)
    assert (clock.get_time() >= 0, clock.get_rawtime() >= 0, clock.get_fps() >= 0) == (True, True, True)


@pytest.mark.skipif(not hasattr(pygame, "Clock"), reason="pygame-ce's other name for it")
def test_the_clocks_other_name(gs_player: Player) -> None:
    """`pygame.Clock` is the same."""
    said: list[float] = []

    def main() -> None:
        install()
        pygame.Clock().tick(0.5)
        said.append(gs_player.clock.now().active)
        pygame.event.get()

    gs_player.plays(main)
    assert said == [pytest.approx(1002)]


def test_timers_of_the_game(gs_player: Player) -> None:
    """`pygame.time.set_timer` posts by the same clock: again and again, so many times, or no longer."""
    tick, twice, never = (pygame.event.custom_type() for _ in range(3))
    seen: list[int] = []

    def main() -> None:
        install()
        pygame.time.set_timer(tick, 1000)
        pygame.time.set_timer(pygame.event.Event(twice), 300, loops=2)
        pygame.time.set_timer(never, 500)
        pygame.time.set_timer(never, 0)
        while pygame.QUIT not in seen:
            seen.extend(event.type for event in pygame.event.get())
            pygame.time.wait(50)

    gs_player.plays(main, [3.5])
    assert [type_ for type_ in seen if type_ in (tick, twice, never)] == [twice, twice, tick, tick, tick]


def test_other_threads_keep_the_real_time(gs_player: Player) -> None:
    """A thread of the game that is not the game's own loop waits as it always did."""
    slept: list[tuple[float, float]] = []

    def work() -> None:
        before = gs_player.clock.now().active
        time.sleep(0.01)
        slept.append((before, gs_player.clock.now().active))

    def main() -> None:
        install()
        worker = threading.Thread(target=work)
        worker.start()
        worker.join()
        pygame.event.get()

    gs_player.plays(main)
    assert slept[0][0] == slept[0][1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_is_not_the_game(gs_player: Player) -> None:
    """A child process of the game runs, and leaves, as it always did."""
    codes: list[int | None] = []

    def fork() -> None:
        if not codes:
            child = multiprocessing.get_context("fork").Process(target=sys.exit, args=(7,))
            child.start()
            child.join()
            codes.append(child.exitcode)

    gs_player.plays(game(fork), [1])
    assert codes == [7]
    assert gs_player.ends == [ended("quit", active=1)]


def test_everything_is_put_back(tmp_path: Any) -> None:
    """After the player has gone, pygame, time, os and selectors are what they were."""
    modules: list[Any] = [pygame, pygame.event, pygame.display, pygame.time, time, os, selectors.DefaultSelector]
    before = [dict(vars(module)) for module in modules]
    with gs_pygame.testing.game(tmp_path) as player:
        assert dict(vars(time)) != before[4]
        player.plays(game(), [1])
    assert [dict(vars(module)) for module in modules] == before


# The ways out


def leaving(leave: Callable[[], object]) -> Callable[[], None]:
    """A game that plays until QUIT, and then goes by `leave`."""

    def main() -> None:
        game()()
        leave()

    return main


@pytest.mark.parametrize("leave", [lambda: None, sys.exit, lambda: sys.exit(0), lambda: os._exit(0)])
def test_a_good_exit(gs_player: Player, leave: Callable[[], object]) -> None:
    """A game that leaves in good order has the exit code 0."""
    gs_player.plays(leaving(leave), [2])
    assert gs_player.exit_code == 0


@pytest.mark.parametrize(
    ("leave", "code"), [(lambda: sys.exit(3), 3), (lambda: sys.exit("no level"), 1), (lambda: os._exit(4), 4)]
)
def test_another_exit(gs_player: Player, leave: Callable[[], object], code: int) -> None:
    """With another code it fails the test, unless that expects it; its session has ended all the same."""
    with pytest.raises(SystemExit):
        gs_player.plays(leaving(leave), [2])
    assert gs_player.exit_code == code
    gs_player.plays(game(), [1])
    assert gs_player.exit_code == 0
    assert gs_player.ends == [ended("quit", active=2), ended("quit", active=1)]


def test_no_exit(gs_player: Player) -> None:
    """A game that still runs, or was killed, has said nothing."""
    seen: list[int | None] = []
    gs_player.plays(game(), [1])
    gs_player.plays(game(), [1, lambda: seen.append(gs_player.exit_code), gs_player.kills])
    assert [*seen, gs_player.exit_code] == [None, None]


def test_a_crash(gs_player: Player) -> None:
    """What the game raises comes out; its session's reason is `crash`."""

    def fail() -> None:
        if gs_player.clock.now().active > 1002:
            raise ZeroDivisionError("the game's own")

    with pytest.raises(ZeroDivisionError, match="the game's own"):
        gs_player.plays(game(fail), [5])
    assert gs_player.ends == [ended("crash", active=2)]
    assert gs_player.exit_code == 1


@pytest.mark.parametrize("error", [ValueError, ValueError("no such level")])
def test_a_crash_as_a_deed(gs_player: Player, error: type[Exception] | Exception) -> None:
    """The game raises what the test says, as a fault of its own, and that is no failure."""
    gs_player.plays(game(), [2, gs_player.crashes(error)])
    assert gs_player.ends == [ended("crash", active=2)]
    assert gs_player.exit_code == 1


def test_a_crash_that_the_game_survives(gs_player: Player) -> None:
    """A game that catches it plays on, and so does the script."""
    caught: list[str] = []

    def main() -> None:
        try:
            game()()
        except ValueError as error:
            caught.append(str(error))
        game()()

    gs_player.plays(main, [2, gs_player.crashes(ValueError("no such level")), 3])
    assert caught == ["no such level"]
    assert gs_player.ends == [ended("quit", active=5)]
    assert gs_player.exit_code == 0


def test_a_crash_reporter_that_fails(gs_player: Player) -> None:
    """What the game raises instead of the fault that the test had in mind is the game's own, and comes out."""

    def main() -> None:
        try:
            game()()
        except ValueError as error:
            raise KeyError("the report") from error

    with pytest.raises(KeyError, match="the report"):
        gs_player.plays(main, [2, gs_player.crashes(ValueError)])


def test_a_crash_frame_by_frame(gs_player: Player) -> None:
    """A game whose loop the test turns has crashed as well."""
    install()
    gs_player.wait(2)
    gs_player.crashes(ValueError)()
    assert gs_player.ends == [ended("crash", active=2)]
    assert gs_player.exit_code == 1


def test_os_exit(gs_player: Player) -> None:
    """A game that leaves by `os._exit` leaves pytest alone; what its session was is found at the next start."""

    def main() -> None:
        game()()
        pygame.quit()
        os._exit(0)

    gs_player.plays(main, [2])
    assert gs_player.ends == []
    gs_player.plays(game(), [1])
    assert gs_player.ends == [ended("quit", active=2), ended("quit", active=1)]


def test_killed_while_away(gs_player: Player) -> None:
    """The end that was saved when the player left is not lost with the process."""
    gs_player.plays(game(), [5, gs_player.leaves, 5, gs_player.kills])
    gs_player.plays(game(), [1])
    assert gs_player.ends == [ended("background", active=5), ended("quit", active=1)]


def test_killed_amid_a_delivery(gs_player: Player, gs_destination: FakeDestination) -> None:
    """No lock of a killed game keeps the next start from delivering."""
    gs_destination.offline = True
    gs_player.plays(game(), [1])
    gs_player.plays(game(), [1, lambda: setattr(gs_destination, "offline", False), gs_player.kills])
    gs_player.plays(game(), [1])
    assert [end.number for end in gs_player.ends] == [1, 2, 3]


def test_a_killed_game_runs_no_further(gs_player: Player) -> None:
    """What still unwinds of a killed game does nothing for the plugin, and gets no more events."""
    tried: list[str] = []

    def main() -> None:
        try:
            game()()
        finally:
            try:
                pygame.event.get()
            finally:
                tried.append("get")
                pygame.quit()

    gs_player.plays(main, [1, gs_player.kills])
    assert tried == ["get"]
    assert gs_player.ends == gs_player.destination.attempts == []


# When it does not go as the script says


def never_ends() -> None:
    install()
    while True:
        pygame.event.get()
        pygame.time.wait(20)


def never_asks() -> None:
    install()
    while True:
        pygame.time.wait(20)


def blocks_quit() -> None:
    install()
    pygame.event.set_blocked(pygame.QUIT)
    never_ends()


@pytest.mark.parametrize(
    ("main", "words"),
    [
        (never_ends, "still runs 10 s after the close button was pressed: it took QUIT from the queue"),
        (never_asks, "QUIT still lies in the queue, so it does not ask for its events"),
        (blocks_quit, "it blocks QUIT"),
    ],
)
def test_a_game_that_never_ends(gs_player: Player, main: Callable[[], None], words: str) -> None:
    """It is ended, and the failure says what it did not do."""
    with pytest.raises(AssertionError, match=words):
        gs_player.plays(main, [1])


def test_patience(gs_player: Player) -> None:
    """A game may take its time to end, if the test says how much."""

    def main() -> None:
        game()()
        pygame.time.wait(30_000)  # credits

    with pytest.raises(AssertionError, match="10 s after"):
        gs_player.plays(main, [1])
    gs_player.plays(main, [1], patience=40)


def test_a_game_that_ends_too_early(gs_player: Player) -> None:
    """A script whose deeds were cut short fails, since it did not test what it says."""
    script = [10, gs_player.leaves, 60, gs_player.returns]
    with pytest.raises(AssertionError, match=r"the game was over 0\.0 s after it began.* still to do: leaves, returns"):
        gs_player.plays(lambda: install() and None, script)


def test_a_process_that_ends_too_early(gs_player: Player) -> None:
    """However it ended: by the game's own `os._exit`, or killed by the script."""
    with pytest.raises(AssertionError, match="still to do: leaves"):
        gs_player.plays(game(lambda: os._exit(0)), [10, gs_player.leaves])
    with pytest.raises(AssertionError, match="still to do: returns"):
        gs_player.plays(game(), [10, gs_player.kills, 5, gs_player.returns])


def short(length: float) -> Callable[[], None]:
    """A game that is over by itself after so many seconds."""

    def main() -> None:
        install()
        pygame.event.get()
        pygame.time.wait(round(length * 1000))

    return main


def test_a_game_that_ends_by_itself(gs_player: Player) -> None:
    """Its end is the script's: a game over is what such a test waits for."""
    gs_player.plays(short(5), [10, 20])
    gs_player.plays(short(5), [2, lambda: None, 60])
    assert gs_player.ends == [ended("quit", active=5), ended("quit", active=5)]


def test_a_script_without_an_end(gs_player: Player) -> None:
    """A generator plays until the game is over, and is closed then."""
    mashed: list[float] = []

    def mash() -> Iterator[float]:
        try:
            while True:
                yield 1
                mashed.append(gs_player.clock.now().active)
        finally:
            mashed.append(0.0)

    gs_player.plays(short(3.5), mash())
    assert mashed == [pytest.approx(1001), pytest.approx(1002), pytest.approx(1003), 0.0]


def test_a_step_that_fails(gs_player: Player) -> None:
    """An assertion in a script comes out, though the game catches everything it can."""

    def main() -> None:
        install()
        while True:
            with contextlib.suppress(Exception):
                pygame.event.get()
                pygame.time.wait(20)

    def check() -> None:
        assert gs_player.ends, "nobody has left yet"

    with pytest.raises(AssertionError, match="nobody has left yet"):
        gs_player.plays(main, [1, check])


def test_a_step_that_fails_in_a_task(gs_player: Player) -> None:
    """In an asyncio game as well, and its tasks are cancelled."""
    cancelled: list[bool] = []

    async def other() -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            cancelled.append(True)

    async def play() -> None:
        install()
        task = asyncio.create_task(other())
        while not task.done():
            pygame.event.get()
            await asyncio.sleep(0.1)

    with pytest.raises(Stop):
        gs_player.plays(lambda: asyncio.run(play()), [1, stop])
    assert cancelled == [True]


def test_wait_is_not_for_scripts(gs_player: Player) -> None:
    """`wait` calls the game's frame, which a game with a loop of its own has not got: the failure says what to do."""
    with pytest.raises(RuntimeError, match="write the seconds as a step of their own"):
        gs_player.plays(game(), [1, lambda: gs_player.wait(5)])


def test_one_game_at_a_time(gs_player: Player) -> None:
    """A game cannot be played from within a game."""
    with pytest.raises(RuntimeError, match="already"):
        gs_player.plays(game(), [1, lambda: gs_player.plays(game())])


def test_a_script_may_be_a_generator(gs_player: Player) -> None:
    """It then looks at things between two seconds, in words of its own."""

    def story() -> Iterator[float]:
        yield 5
        gs_player.leaves()
        yield 31
        assert gs_player.ends == [ended("background", active=5)]
        gs_player.returns()
        yield 1

    gs_player.plays(game(), story())
    assert len(gs_player.ends) == 2


def test_a_game_that_asks_pygame_itself_is_answered_for_the_player(gs_player: Player) -> None:
    """As a game does that pauses when its player leaves; before pygame is initialised it raises, as ever."""
    seen: list[tuple[bool, bool]] = []

    def main() -> None:
        with pytest.raises(pygame.error):
            pygame.key.get_focused()
        pygame.init()
        pygame.display.set_mode((32, 32))
        clock = pygame.time.Clock()
        while not pygame.event.get(pygame.QUIT):
            looks = pygame.key.get_focused(), pygame.display.get_active()
            if seen[-1:] != [looks]:
                seen.append(looks)
            clock.tick(60)

    gs_player.plays(main, [1, gs_player.leaves, 1, gs_player.returns, 1, gs_player.minimises, 1])
    assert seen == [(True, True), (False, True), (True, True), (False, False)]
