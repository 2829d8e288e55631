"""Several destinations at once: each gets every end, and one that is down holds up no other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from helper_kit import eventually
from network_kit import InTheGame

from gs_pygame import End, EndSessionResponse, Session, SessionPlugin, Settings
from gs_pygame.destinations import GameSparks, Outcome, Rejected
from gs_pygame.testing import FakeClock, FakeDestination, FaultServer, replies

HOUR = 3600.0


class Named(FakeDestination):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    @property
    def numbers(self) -> list[int | None]:
        return [end.number for end in self.ends]


def plugin(folder: Path, clock: FakeClock, *destinations: object, **more: object) -> SessionPlugin:
    settings = Settings(data_dir=folder, hook=False, destination=list(destinations), **more)  # type: ignore[arg-type]
    return SessionPlugin(settings, clock=clock, focused=lambda: True)


def play(plugin: SessionPlugin, clock: FakeClock, count: int = 1) -> None:
    for _ in range(count):
        clock.advance(1)
        plugin.end_session()
        plugin.start_session()


def test_one_that_is_down_holds_up_no_other(tmp_path: Path) -> None:
    """For an hour; then it gets all of it, in order."""
    clock, one, two = FakeClock(), Named("one"), Named("two")
    two.offline = True
    with plugin(tmp_path, clock, one, two) as game:
        play(game, clock, 5)
        clock.advance(HOUR)
        assert (one.numbers, two.numbers) == ([1, 2, 3, 4, 5], [])
        status = game.status()
        assert (status.ready, status.delivered) == (5, 0)
        assert (status.online, status.last_error) == (True, "two: no connection to the server")
        assert (status.destinations["one"].ready, status.destinations["one"].delivered) == (0, 5)
        assert (status.destinations["two"].ready, status.destinations["two"].online) == (5, False)
        two.offline = False
        clock.advance(120)
        assert two.numbers == [1, 2, 3, 4, 5]
        assert (game.status().ready, game.status().delivered) == (0, 5)
    assert one.numbers == [1, 2, 3, 4, 5]


def test_the_game_is_told_of_the_first_ones_answer(tmp_path: Path) -> None:
    """Once, as soon as that has it; the others' answers are nobody's."""
    told: list[tuple[int | None, object]] = []

    def on_delivered(session: Session, response: EndSessionResponse) -> None:
        told.append((session.number, response.session_duration))

    clock, one, two = FakeClock(), Named("one"), Named("two")
    one.offline = True
    with plugin(tmp_path, clock, one, two, on_delivered=on_delivered) as game:
        play(game, clock)
        clock.advance(10)
        game.update()
        game.flush(0)
        assert (two.numbers, told) == ([1], [])
        one.offline = False
        clock.advance(120)
        game.flush(0)
        assert told == [(1, 1000)]


def test_each_goes_on_where_it_was_at_the_next_start(tmp_path: Path) -> None:
    """What one has got does not go there again."""
    clock, one, two = FakeClock(), Named("one"), Named("two")
    two.offline = True
    with plugin(tmp_path, clock, one, two) as game:
        play(game, clock, 3)
        clock.advance(10)
    two.offline = False
    with plugin(tmp_path, clock, one, two):
        clock.advance(120)
    assert sorted(two.numbers) == [1, 2, 3, 4]  # type: ignore[type-var]
    assert sorted(one.numbers) == [1, 2, 3, 4]  # type: ignore[type-var]


def test_an_update_adds_one_and_removes_one(tmp_path: Path) -> None:
    """What is queued goes to the new one, and waits no more for the old one."""
    clock, one, two, three = FakeClock(), Named("one"), Named("two"), Named("three")
    two.offline = three.offline = True
    with plugin(tmp_path, clock, one, two) as game:
        play(game, clock, 2)
        clock.advance(10)
    three.offline = False
    with plugin(tmp_path, clock, one, three) as game:
        clock.advance(120)
        assert sorted(three.numbers) == [1, 2, 3]  # type: ignore[type-var]
        assert game.status().ready == 0


def test_one_refuses_what_the_other_has(tmp_path: Path) -> None:
    """It is kept, and counted as rejected; nothing else waits for it."""
    clock, one, two = FakeClock(), Named("one"), Named("two")
    two.outcomes = [Rejected("too long")]
    with plugin(tmp_path, clock, one, two) as game:
        play(game, clock, 2)
        clock.advance(120)
        status = game.status()
        assert (status.rejected, status.delivered, status.ready) == (1, 1, 0)
        assert (status.destinations["one"].delivered, status.destinations["two"].rejected) == (2, 1)


class Raises(Named):
    def deliver(self, ends: Sequence[End]) -> list[Outcome]:
        raise ValueError("a fault of the author's")


def test_one_that_raises_holds_up_no_other(tmp_path: Path) -> None:
    """What it raises is a reason to try again, for it alone."""
    clock, one = FakeClock(), Named("one")
    with plugin(tmp_path, clock, Raises("two"), one) as game:
        play(game, clock, 2)
        clock.advance(60)
        assert one.numbers == [1, 2]
        assert "ValueError" in str(game.status().destinations["two"].last_error)


@pytest.mark.parametrize("how", ["a helper delivers to both", "a helper to one, a thread to the other"])
def test_for_real(tmp_path: Path, how: str) -> None:
    """Two servers, one of which is down until the game has gone: each has every end once."""
    with FaultServer() as here, FaultServer(default=replies.answer(503)) as there:
        one, two = GameSparks(here.url, name="one"), GameSparks(there.url, name="two")
        both = how == "a helper delivers to both"
        settings = Settings(data_dir=tmp_path, hook=False, destination=[one, two if both else InTheGame(two)])
        with SessionPlugin(settings, focused=lambda: True) as game:
            game.end_session()
            assert here.wait_for(1)
            eventually(lambda: game.status().destinations["two"].online is False)
            eventually(lambda: game.status().destinations["one"].delivered == 1)
            there.default = replies.verified()
            game.start_session()
            assert game.flush(20)
            assert [request.json["requestId"] for request in here.requests] == [there.requests[-1].json["requestId"]]
        assert here.wait_for(2)
        ids = [request.json["requestId"] for request in here.requests]
        if both:
            eventually(lambda: {request.json["requestId"] for request in there.requests} == set(ids))
        assert len(set(ids)) == len(ids) == 2


ONLY_IN_THE_GAME = """
import sys
from dataclasses import dataclass
from gs_pygame.destinations import GameSparks
assert "pygame" in sys.modules, "this module needs a game"

@dataclass(frozen=True)
class Sheet(GameSparks):
    name: str = "sheet"
"""


def test_one_that_only_the_game_can_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A lane of the game delivers to it, and the helper goes on with the other, after the exit as well."""
    (tmp_path / "only_in_the_game.py").write_text(ONLY_IN_THE_GAME)
    monkeypatch.syspath_prepend(tmp_path)
    import pygame  # noqa: F401
    from only_in_the_game import Sheet

    with FaultServer() as here, FaultServer() as there:
        to = [GameSparks(here.url), Sheet(there.url)]
        with SessionPlugin(
            Settings(data_dir=tmp_path / "data", hook=False, destination=to), focused=lambda: True
        ) as game:
            game.end_session()
            assert game.flush(30)
            assert game._engine is not None
            delivery = game._engine.sending.delivery
            eventually(lambda: not delivery.helps("sheet"))
            assert delivery.helps("gamesparks")
            assert "this module needs a game" in caplog.text
            game.start_session()
        assert here.wait_for(2)
    assert len({request.json["requestId"] for request in here.requests}) == len(here.requests) == 2
    assert len(there.requests) == 1
