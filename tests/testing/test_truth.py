"""What the kit must not hide: what script_data and callbacks raise, what the plugin warns of, and which calls of the
kit's no player's computer would make."""

from __future__ import annotations

import logging
import logging.config
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pygame
import pytest
from games_to_test import breakout, dungeon, pond

import gs_pygame
from gs_pygame import testing
from gs_pygame.destinations import Rejected
from gs_pygame.testing import FakeDestination, Player, containing, ended


def playing(game: Callable[[], None], **settings: Any) -> Callable[[], None]:
    """A game of somebody else's, with the two lines."""

    def main() -> None:
        gs_pygame.install(app="Other", author="Me", endpoint="http://127.0.0.1:9", background_grace=30.0, **settings)
        game()

    return main


def press(key: int) -> Callable[[], None]:
    def press() -> None:
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key))

    return press


def no_level(*_: object) -> Any:
    raise KeyError("no level yet")


AWAY = [10, "leaves", 60, "returns", 5]


def acted(player: Player) -> list[Any]:
    return [getattr(player, step) if isinstance(step, str) else step for step in AWAY]


# Broken games, each of somebody's


def test_script_data_that_raises(gs_player: Player) -> None:
    """Situation 33: each end of the dungeon's goes without its data. The failure says so, from what was raised."""
    main = playing(dungeon.main, script_data=no_level)
    with pytest.raises(AssertionError, match=r"script_data cannot be used.*no level yet") as failure:
        gs_player.plays(main, acted(gs_player))
    assert isinstance(failure.value.__cause__, KeyError)
    assert "no_level" in str(failure.getrepr(chain=True))
    assert str(failure.value).count("script_data") == 1  # though it was asked more than once


def test_a_callback_that_raises(gs_player: Player) -> None:
    """Situation 33: the pond's on_delivered fails at every end."""
    main = playing(pond.main, on_delivered=no_level)
    with pytest.raises(AssertionError, match=r"a callback .*raised.*KeyError\('no level yet'\)") as failure:
        gs_player.plays(main, acted(gs_player))
    assert isinstance(failure.value.__cause__, KeyError)


def test_a_game_that_leaves_with_a_message(gs_player: Player) -> None:
    """Situation 34: breakout finds no level, and says so as it goes."""

    def main() -> None:
        raise SystemExit("fatal: no level")

    with pytest.raises(SystemExit, match="fatal: no level"):
        gs_player.plays(playing(main), [10])
    assert gs_player.exit_code == 1


def test_a_callback_that_a_player_never_sees(gs_player: Player) -> None:
    """Situation 35: "thank you for 10 s" cannot be shown at the end of the game that it is about. At the next start it
    can."""
    told: list[tuple[int | None, str | None]] = []
    starts: list[int] = []

    def thank(session: gs_pygame.Session, response: gs_pygame.EndSessionResponse) -> None:
        told.append((session.number, session.reason))

    main = playing(breakout.main, on_delivered=thank)
    gs_player.plays(main, [10])
    starts.append(len(told))
    assert gs_player.ends == [ended("quit", active=10)]
    gs_player.plays(main, [10])
    starts.append(len(told))
    assert (starts, told) == ([0, 1], [(1, "quit")])


@pytest.mark.parametrize("game", [breakout, dungeon, pond], ids=["blocks window events", "nested loops", "asyncio"])
def test_a_sound_game_passes(gs_player: Player, game: Any) -> None:
    """Three games of others, with data and a callback that work: nothing is in the way, and all is seen."""
    lives = iter(range(9, 0, -1))
    told: list[int | None] = []
    main = playing(
        game.main,
        script_data=lambda: {"lives": next(lives), "where": {"x": 1}},
        on_delivered=lambda session, response: told.append(session.number),
    )
    gs_player.plays(main, acted(gs_player))
    assert gs_player.ends == [
        ended("background", active=10, script_data={"lives": 9, "where": {"x": 1}}),
        ended("quit", active=5, script_data=containing(where=containing(x=1))),
    ]
    assert gs_player.ends[1].script_data["lives"] < gs_player.ends[0].script_data["lives"]
    assert (gs_player.exit_code, told) == (0, [1])


# What the plugin warns of


def test_any_warning_counts(gs_player: Player) -> None:
    """A wrong word to the plugin, which in a game is a line in a log that nobody reads."""

    def main() -> None:
        plugin = gs_pygame.install(app="Other", author="Me", endpoint="http://127.0.0.1:9")
        plugin.set_consent("yes")  # type: ignore[arg-type]
        breakout.main()

    with pytest.raises(AssertionError, match=r"set_consent\('yes'\) is ignored"):
        gs_player.plays(main, [1])


@pytest.mark.parametrize(
    "deafen",
    [
        lambda: logging.disable(logging.CRITICAL),
        lambda: logging.getLogger("gs_pygame").setLevel(logging.CRITICAL),
        lambda: logging.config.dictConfig({"version": 1}),  # it disables the loggers that there are
    ],
)
def test_a_game_that_switches_its_log_off(gs_player: Player, deafen: Callable[[], None]) -> None:
    """It is heard all the same."""
    logger = logging.getLogger("gs_pygame")

    def game() -> None:
        deafen()
        breakout.main()

    try:
        with pytest.raises(AssertionError, match="no level yet"):
            gs_player.plays(playing(game, script_data=no_level), [1])
    finally:
        logging.disable(logging.NOTSET)
        logger.setLevel(logging.NOTSET)
        logger.disabled = False


def test_the_log_is_as_ever(gs_player: Player, caplog: pytest.LogCaptureFixture) -> None:
    """The game's own handlers get what they got; afterwards nothing of the kit is in the way."""
    with gs_player.expects_warning("no level yet"):
        gs_player.plays(playing(breakout.main, script_data=no_level), [1])
    assert "script_data cannot be used" in caplog.text


def test_a_warning_that_is_meant(gs_player: Player) -> None:
    """What matches fails nothing, and nothing else is covered by it; where it does not come, that is the failure."""
    broken = playing(breakout.main, script_data=no_level)
    with gs_player.expects_warning("script_data cannot be used"), gs_player.expects_warning("no level"):
        gs_player.plays(broken, [1])
    with (
        pytest.raises(AssertionError, match="script_data cannot be used"),
        gs_player.expects_warning("a callback"),
    ):
        gs_player.plays(broken, [1])
    with (
        pytest.raises(AssertionError, match="expected to warn of 'a callback', and did not"),
        gs_player.expects_warning("a callback"),
    ):
        gs_player.plays(playing(breakout.main), [1])
    with pytest.raises(AssertionError, match="script_data cannot be used"):
        gs_player.plays(broken, [1])


def test_what_the_test_told_the_destination_is_no_warning(gs_player: Player, gs_destination: FakeDestination) -> None:
    """A network that is down, or an end that is refused, since the test wants it so."""
    main = playing(breakout.main)
    gs_destination.offline = True
    gs_player.plays(main, acted(gs_player))
    gs_destination.offline = False
    gs_destination.outcomes.append(Rejected("no such player"))
    gs_player.plays(main, [1])
    assert [end.number for end in gs_player.ends] == [2, 3]


def test_frame_by_frame(gs_player: Player) -> None:
    """A game whose loop the test turns: the failure comes with the next turn."""
    levels = iter([{"level": 1}])
    playing(pygame.init, script_data=lambda: next(levels))()
    gs_player.wait(1)
    gs_player.leaves()
    gs_player.returns()
    gs_player.leaves()
    with pytest.raises(AssertionError, match="script_data cannot be used"):
        gs_player.wait(1)
    with gs_player.expects_warning("script_data"):
        gs_player.crashes(ValueError)()


def fails() -> None:
    raise LookupError("the test's own")


def test_at_the_very_end(tmp_path: Path) -> None:
    """What is said when the player's process ends fails the test as well, unless it has failed already."""

    def play(folder: Path, then: Callable[[], None]) -> None:
        with testing.game(folder) as player:
            playing(pygame.init, script_data=no_level)()
            player.wait(1)
            then()

    with pytest.raises(AssertionError, match="no level yet"):
        play(tmp_path / "one", lambda: None)
    with pytest.raises(LookupError, match="the test's own"):
        play(tmp_path / "two", fails)


# What is called, and what not


@pytest.mark.parametrize("how", ["after", "wait", "next-start"])
def test_the_end_of_the_exit(gs_player: Player, how: str) -> None:
    """Delivered when the game has gone, before it goes, or at the next start; only where it waits, the game is told at
    once. Each is told once."""
    told: list[int | None] = []
    main = playing(breakout.main, exit_delivery=how, on_delivered=lambda session, response: told.append(session.number))
    gs_player.plays(main, [10])
    seen = [(len(gs_player.ends), list(told))]
    gs_player.plays(main, [10])
    seen.append((len(gs_player.ends), list(told)))
    assert (
        seen
        == {
            "after": [(1, []), (2, [1])],
            "wait": [(1, [1]), (2, [1, 2])],
            "next-start": [(0, []), (1, [1])],
        }[how]
    )


def test_a_game_that_closes_the_plugin(gs_player: Player) -> None:
    """`close()` is such an exit: the end is delivered, and nobody told."""
    told: list[int | None] = []

    def main() -> None:
        pygame.init()
        with gs_pygame.install(
            app="Other",
            author="Me",
            endpoint="http://127.0.0.1:9",
            on_delivered=lambda session, response: told.append(session.number),
        ):
            pygame.time.wait(5000)
        pygame.event.get()

    gs_player.plays(main)
    assert (gs_player.ends, told) == ([ended("quit", active=5)], [])
