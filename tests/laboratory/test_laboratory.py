"""The laboratory shows what the plugin does: the record of a scenario, the picture, the window, the command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pygame
import pytest

from examples.backgrounding.picture import HEIGHT, WIDTH, Picture
from examples.backgrounding.record import ASLEEP, DOWN, ELSEWHERE, FOREGROUND, GONE, MINIMISED, Bar, Record
from examples.backgrounding.scenario import FOLDER, Deed, Scenario, parse
from examples.backgrounding.subjects import OwnWindow, Played
from examples.backgrounding.window import Window, view

ROOT = Path(__file__).parents[2]
TIMELINE = "assets/laboratory/timeline.png"
FRAME = 0.15  # seconds by which a moment may be off: the kit's frame, and a half


@contextmanager
def played(text: str) -> Iterator[Record]:
    scenario = parse(text, "test.txt")
    subject = Played(scenario)
    subject.advance(scenario.length)
    yield subject.record
    subject.close()


def sessions(record: Record) -> list[tuple[int | None, str | None, int, int, int]]:
    """Number, reason, start, end, seconds played."""
    return [(b.number, b.reason, round(b.start), round(b.end), round(b.active)) for b in record.sessions.values()]


def spans(record: Record) -> list[tuple[str, int]]:
    """What the player was doing, and from when on."""
    return [(span.what, round(span.start)) for span in record.presence if span.end - span.start > FRAME]


def only(record: Record) -> Bar:
    [bar] = record.sessions.values()
    return bar


def test_an_absence_within_the_grace_is_no_end() -> None:
    """The same session goes on, and the wedge of the grace is cut off where the player came back."""
    with played("0 start\n10 alt-tab\n25 return\n40 quit\n45 end") as record:
        assert sessions(record) == [(1, "quit", 0, 40, 25)]
        assert spans(record) == [(FOREGROUND, 0), (ELSEWHERE, 10), (FOREGROUND, 25), (GONE, 40)]
        grace = record.graces[0]
        assert (round(grace.start), round(grace.end), round(grace.due), grace.kept) == (10, 25, 40, True)
        assert [(round(s.start), round(s.end)) for s in only(record).stretches] == [(0, 10), (25, 40)]


def test_an_end_is_dated_back_to_the_moment_of_leaving() -> None:
    """The session ends where the player left, is sure when the grace is over, and is delivered then."""
    with played("grace 10\n0 start\n20 minimise\n50 return\n60 end") as record:
        assert sessions(record) == [(1, "background", 0, 20, 20), (2, None, 50, 60, 10)]
        assert (MINIMISED, 20) in spans(record)
        bar = next(iter(record.sessions.values()))
        assert bar.sure == pytest.approx(30, abs=FRAME)
        assert bar.delivered == pytest.approx(30, abs=FRAME)
        assert record.graces[0].kept is False


def test_without_a_network_there_are_tries_until_it_is_back() -> None:
    """Each try is on the line from the end to its delivery."""
    with played("grace 5\n0 start\n10 network down\n20 alt-tab\n60 network up\n150 end") as record:
        bar = only(record)
        assert len(bar.tries) >= 3
        assert all(25 - FRAME <= at <= 60 for at in bar.tries)
        assert bar.delivered is not None
        assert bar.delivered > 60
        assert [round(s.start) for s in record.network if s.what == DOWN] == [10]


def test_a_killed_game_is_recovered_at_the_next_start() -> None:
    """Killed in play: abnormal, within a heartbeat. Killed while away: the end as it was saved."""
    with played("0 start\n20 kill\n30 start\n50 alt-tab\n60 kill\n70 start\n80 quit\n85 end") as record:
        assert [(number, reason) for number, reason, *_ in sessions(record)] == [
            (1, "abnormal"),
            (2, "background"),
            (3, "quit"),
        ]
        first, second, _ = record.sessions.values()
        assert 18.8 <= first.end <= 20
        assert first.delivered == pytest.approx(30, abs=FRAME)
        assert round(second.end) == 50


def test_a_crash_is_told_as_one() -> None:
    """An exception that nobody catches."""
    with played("0 start\n20 crash\n25 end") as record:
        assert sessions(record) == [(1, "crash", 0, 20, 20)]


def test_sleep_is_no_play() -> None:
    """The lid is closed past the grace: the session ended with it."""
    with played("0 start\n20 sleep 60\n100 end") as record:
        assert sessions(record)[0][1] == "suspend"
        assert spans(record) == [(FOREGROUND, 0), (ASLEEP, 20), (FOREGROUND, 80)]
        assert 19 <= next(iter(record.sessions.values())).active <= 20


def test_a_switch_of_mode_and_the_desktop_end_nothing_in_time() -> None:
    """What happens to the window within the grace leaves one session."""
    text = (
        "0 start\n10 switch mode\n20 show desktop\n25 hide desktop\n26 return\n30 interrupt\n32 return\n40 quit\n41 end"
    )
    with played(text) as record:
        assert [row[:2] for row in sessions(record)] == [(1, "quit")]


def test_what_makes_no_sense_now_is_left_undone() -> None:
    """A key pressed at the wrong moment: nobody leaves a game that does not run."""
    subject = Played(parse("0 start\n5 quit", "test.txt"))
    subject.advance(10)
    for name in ("alt-tab", "quit", "kill", "sleep"):
        subject.do(Deed(0, name, 40))
    subject.do(Deed(0, "start"))
    subject.do(Deed(0, "start"))
    assert [name for _, name in subject.record.deeds] == ["start", "quit", "start"]
    subject.close()


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.txt")))
def test_nothing_is_lost_in_our_own_scenarios(name: str) -> None:
    """Numbers without a gap, and every session delivered at the end of the picture."""
    scenario = Scenario.load(name)
    subject = Played(scenario)
    assert subject.advance(scenario.length) is False
    bars = list(subject.record.sessions.values())
    assert [bar.number for bar in bars] == list(range(1, len(bars) + 1))
    assert all(bar.delivered for bar in bars)
    subject.close()


def test_the_same_scenario_gives_the_same_picture() -> None:
    """To the last pixel, so that a README's picture changes only with the plugin; while it is played, now is marked."""
    scenario = Scenario.load("flaky_network")
    drawn = []
    for _ in range(2):
        subject = Played(scenario)
        subject.advance(scenario.length)
        drawn.append(Picture().draw(subject.record, scenario.length, playing=False).get_buffer().raw)
        marked = Picture().draw(subject.record, scenario.length, playing=True).get_buffer().raw
        subject.close()
    assert drawn[0] == drawn[1]
    assert marked != drawn[0]


def test_the_window_obeys_its_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are deeds, faster and slower; Escape closes. What the player's own window is told closes nothing."""
    pygame.display.set_mode((WIDTH, HEIGHT))
    subject = Played(parse("0 start", "test.txt"))
    script = iter(
        [[pygame.K_UP], [pygame.K_a], [pygame.K_n], [pygame.K_r], [pygame.K_q], [pygame.K_s], [], [pygame.K_ESCAPE]]
    )

    def get() -> list[pygame.event.Event]:
        return [pygame.event.Event(pygame.KEYDOWN, key=key) for key in next(script)]

    window = Window(subject, None, 10)
    with monkeypatch.context() as patched:
        real = pygame.event.get
        patched.setattr(pygame.event, "get", lambda *wanted: real(*wanted) if wanted else get())
        window.run()
    assert [name for _, name in subject.record.deeds] == ["start", "alt-tab", "network down", "return", "quit", "start"]
    subject.close()


def test_the_view_grows_with_the_time() -> None:
    """A scenario fits from the start; without one there is always room to the right."""
    assert view(500, 90) == 90
    assert view(10, None) == 60
    assert view(119, None) == 240


def test_the_own_window_is_watched_as_it_is() -> None:
    """Real time, the real clock: a session begins, the network obeys, the end is delivered at the exit."""
    subject = OwnWindow(30.0)
    subject.do(Deed(0, "network down"))
    subject.do(Deed(0, "quit"))
    assert subject.advance(0.0) is True
    subject.do(Deed(0, "network up"))
    subject.close()
    assert only(subject.record).number == 1
    assert only(subject.record).delivered is not None


@pytest.mark.parametrize("arguments", [["nowhere.txt"], ["everyday", "--own-window"]])
def test_the_command_says_what_is_wrong(arguments: list[str]) -> None:
    """A sentence and exit code 2, before any window opens."""
    result = run(*arguments)
    assert result.returncode == 2
    assert result.stderr.strip().splitlines()[-1].startswith("python -m examples.backgrounding: error: ")


def test_the_command_draws_the_readmes_picture(tmp_path: Path) -> None:
    """As documented, without a screen; the picture in the README is of this version."""
    picture = tmp_path / "timeline.png"
    result = run("everyday", "--png", str(picture))
    assert (result.returncode, result.stderr) == (0, "")
    drawn = pygame.image.load(picture)
    kept = pygame.image.load(ROOT / TIMELINE)
    assert drawn.get_size() == kept.get_size() == (WIDTH, HEIGHT)
    for now, then in zip(pygame.transform.average_color(drawn), pygame.transform.average_color(kept), strict=True):
        assert abs(now - then) <= 2, f"draw it again: python -m examples.backgrounding everyday --png {TIMELINE}"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SDL_", "DISPLAY"))}
    return subprocess.run(
        [sys.executable, "-m", "examples.backgrounding", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
