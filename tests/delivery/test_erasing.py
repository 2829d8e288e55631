"""What was sent is forgotten at a denial: each destination that can is asked, once, and until it has heard."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gs_pygame import EndSessionResponse, SessionPlugin, Settings
from gs_pygame._base.messages import Erasure
from gs_pygame._base.patience import PENDING
from gs_pygame._delivery.erasing import Erasing
from gs_pygame._disk.lock import FileLock
from gs_pygame._disk.storage import delivery_lock
from gs_pygame.destinations import Delivered, Outcome, Rejected, Retry
from gs_pygame.destinations._telling import known
from gs_pygame.testing import FakeClock, FakeDestination

DAY = 24 * 3600.0


class Erases(FakeDestination):
    """`asked`: what it was asked to forget. `answers`: what comes of the next times; then it does."""

    def __init__(self, name: str = "one") -> None:
        super().__init__()
        self.name = name
        self.asked: list[Erasure] = []
        self.answers: list[Outcome] = []

    def erase(self, erasure: Erasure) -> Outcome:
        self.asked.append(erasure)
        return self.answers.pop(0) if self.answers else Delivered(EndSessionResponse(None))


def start(folder: Path, clock: FakeClock, *destinations: object, **more: object) -> SessionPlugin:
    settings = Settings(data_dir=folder, hook=False, destination=list(destinations), **more)  # type: ignore[arg-type]
    return SessionPlugin(settings, clock=clock, focused=lambda: True)


def play(game: SessionPlugin, clock: FakeClock) -> None:
    clock.advance(1)
    game.end_session()
    clock.advance(5)


def requests(folder: Path) -> list[object]:
    path = folder / "erasures.json"
    return list(json.loads(path.read_text())) if path.exists() else []


def test_a_denial_asks_once(tmp_path: Path) -> None:
    """By the installation that is no more, and with the players of what is still known; then nothing is left of it."""
    clock, one = FakeClock(), Erases()
    with start(tmp_path, clock, one, player_id="ada") as game:
        play(game, clock)
        game.set_consent("denied")
        clock.advance(5)
        (asked,) = one.asked
        assert asked.installation_id == one.ends[0].installation_id
        assert (asked.id, asked.player_ids) == (f"e_{asked.installation_id}", ("ada",))
        assert requests(tmp_path) == []
        game.set_consent("granted")
        game.start_session()
        play(game, clock)
        clock.advance(10)
        assert one.ends[-1].installation_id != asked.installation_id
    clock.advance(DAY)
    assert len(one.asked) == 1


@pytest.mark.parametrize("consent", ["granted", "pending"])
def test_nobody_is_asked_who_was_never_sent_anything(tmp_path: Path, consent: str) -> None:
    """The request would be the first that they hear of the player."""
    clock, one = FakeClock(), Erases()
    with start(tmp_path, clock, one, consent=consent) as game:
        game.set_consent("denied")
        clock.advance(60)
    assert (one.asked, requests(tmp_path)) == ([], [])


def test_what_may_have_arrived_is_asked_for(tmp_path: Path) -> None:
    """An attempt without an answer may have."""
    clock, one = FakeClock(), Erases()
    one.offline = True
    with start(tmp_path, clock, one) as game:
        play(game, clock)
        game.set_consent("denied")
        clock.advance(5)
    assert len(one.asked) == 1


def test_it_is_asked_again_until_it_has_heard(tmp_path: Path) -> None:
    """In this run with the backoff, and at the next start; the same id each time."""
    clock, one = FakeClock(), Erases()
    one.answers = [Retry("nobody answers")] * 100
    with start(tmp_path, clock, one) as game:
        play(game, clock)
        game.set_consent("denied")
        clock.advance(120)
        assert 2 <= len(one.asked) < 20
    assert len(requests(tmp_path)) == 1
    one.answers.clear()
    before = len(one.asked)
    with start(tmp_path, clock, one):
        clock.advance(5)
    assert (len(one.asked), len({asked.id for asked in one.asked})) == (before + 1, 1)
    assert requests(tmp_path) == []


def test_each_is_asked_for_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One that cannot, one that will not, and one that is asked later: none holds up another, and the first is not
    asked."""
    monkeypatch.setattr("random.random", lambda: 0.5)  # of the backoff
    clock = FakeClock()
    one, two, three = FakeDestination(), Erases("two"), Erases("three")
    two.answers = [Rejected("no such thing")]
    three.answers = [Retry("nobody answers")]
    with start(tmp_path, clock, one, two, three) as game:
        play(game, clock)
        game.set_consent("denied")
        clock.advance(0.1)
        assert [request["to"] for request in requests(tmp_path)] == [["three"]]  # type: ignore[index]
        clock.advance(60)
    assert (len(two.asked), len(three.asked), requests(tmp_path)) == (1, 2, [])
    assert "two does not erase" in caplog.text
    assert "fake does not erase" not in caplog.text


def test_it_is_given_up_in_the_end(tmp_path: Path) -> None:
    """It is about the player itself, and is kept for no longer than what nobody agreed to."""
    clock, one = FakeClock(), Erases()
    one.answers = [Retry("nobody answers")] * 10_000
    with start(tmp_path, clock, one) as game:
        play(game, clock)
        game.set_consent("denied")
        clock.advance(5)
    clock.sleep(PENDING + DAY)
    clock.set_wall(clock.now().wall)
    tries = len(one.asked)
    with start(tmp_path, clock, one):
        clock.advance(60)
    assert (len(one.asked), requests(tmp_path)) == (tries, [])


def test_what_is_under_way_arrives_first(tmp_path: Path) -> None:
    """Another copy's request may still be on its way there: who asked before it came would be sent something after."""
    clock, one, two = FakeClock(), Erases(), Erases("two")
    with start(tmp_path, clock, one, two) as game:
        play(game, clock)
        sending = FileLock(delivery_lock(tmp_path, "one"))
        game.set_consent("denied")
        clock.advance(5)
        assert (len(one.asked), len(two.asked)) == (0, 1)
        sending.close()
        clock.advance(5)
        assert (len(one.asked), len(two.asked)) == (1, 1)
    assert requests(tmp_path) == []


def test_two_copies_ask_once(tmp_path: Path) -> None:
    """One that looks while another one asks comes when that is done, and finds nothing."""
    clock = FakeClock()
    copy = Erasing(tmp_path, [known(other := Erases())], clock)

    class Meanwhile(Erases):
        def erase(self, erasure: Erasure) -> Outcome:
            copy.look()
            clock.advance(0)
            return super().erase(erasure)

    with start(tmp_path, clock, one := Meanwhile()) as game:
        play(game, clock)
        game.set_consent("denied")
        clock.advance(60)
    assert (len(one.asked), len(other.asked), requests(tmp_path)) == (1, 0, [])


def test_an_exit_closes_nothing_that_was_not_asked(tmp_path: Path) -> None:
    """That is the delivering thread's to do, and may take its time, which no exit has."""
    clock, one = FakeClock(), Erases()
    game = start(tmp_path, clock, one)
    assert game._erasing is not None
    game._erasing.stop()
    assert not one.closed
    game.close()
