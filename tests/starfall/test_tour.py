"""The prompts of the example game follow what really happens."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from examples.starfall.save import Save
from examples.starfall.tour import COME_BACK, CUT, KILL, STAY_AWAY, Tour
from gs_pygame import EndSessionResponse, Session

HERE = Session("a", 3, None, "active", datetime(2026, 1, 31, tzinfo=timezone.utc), 12.0)
AWAY = replace(HERE, state="away", grace_left=4.0)
NEXT = replace(HERE, id="b", number=4)
ENDED = replace(HERE, state="ended", reason="background")
ANSWER = EndSessionResponse(12000)


def status(ready: int = 0) -> Any:
    return SimpleNamespace(ready=ready)


def show(tour: Tour, session: Session | None, *delivered: Session, ready: int = 0, network: bool = True) -> None:
    tour.update(0.1, session, status(ready), [(ended, ANSWER) for ended in delivered], network)


def test_coming_back_in_time_is_seen() -> None:
    """Away and back in the same session takes the tour one step on and says so."""
    tour = Tour(COME_BACK)
    show(tour, HERE)
    show(tour, AWAY)
    show(tour, HERE)
    said = tour.line(status(), True)
    assert tour.step == STAY_AWAY
    assert said is not None
    assert said[1]
    assert "Still session 3" in said[0]


def test_another_session_is_not_coming_back_in_time() -> None:
    """A new session after being away does not count as the same one."""
    tour = Tour(COME_BACK)
    show(tour, AWAY)
    show(tour, NEXT)
    assert tour.step == COME_BACK


def test_a_delivered_background_end_is_seen_with_its_length() -> None:
    """Staying away passes when the server has answered, and shows the length it gave."""
    tour = Tour(STAY_AWAY)
    show(tour, None)
    show(tour, NEXT, ENDED)
    said = tour.line(status(), True)
    assert tour.step == CUT
    assert said is not None
    assert "12.0 s" in said[0]


def test_the_cut_network_passes_only_after_a_queue_was_seen_and_emptied() -> None:
    """Cutting and mending alone is not enough; an end must have waited."""
    tour = Tour(CUT)
    show(tour, HERE, network=False)
    show(tour, HERE)
    assert tour.step == CUT
    show(tour, NEXT, network=False, ready=1)
    line = tour.line(status(1), False)
    assert line is not None
    assert line[0].startswith("1 on disk")
    show(tour, NEXT, ready=1)
    assert tour.step == CUT
    show(tour, NEXT, ENDED)
    assert tour.step == KILL


def test_a_recovered_session_ends_the_tour() -> None:
    """The kill is seen at the next start; once said, nothing is left to try."""
    tour = Tour(KILL)
    show(tour, NEXT, replace(ENDED, reason="abnormal"))
    assert tour.line(status(), True) is not None
    tour.update(60, NEXT, status(), [], True)
    assert tour.line(status(), True) is None


def test_the_save_survives_and_a_broken_one_is_a_fresh_start(tmp_path: Path) -> None:
    """The high score comes back; a damaged file, or a folder that is a file, is no error."""
    path = tmp_path / "folder" / "starfall.json"
    assert Save.load(path) == Save()
    Save(1200, 2).store(path)
    assert Save.load(path) == Save(1200, 2)
    path.write_text("[]", "utf-8")
    assert Save.load(path) == Save()
    Save(1, 1).store(path / "below a file" / "starfall.json")
