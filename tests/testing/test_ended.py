"""What a test expects of an end, and what it reads when it was another."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gs_pygame import End
from gs_pygame.testing import SeenEnd, containing, ended

END = End("s", 3, None, "i", "p", 1_800_000_000.0, 10.2, 12.0, "background", '{"level":2,"score":7}', "{}")


@pytest.mark.parametrize(
    "expected",
    [
        ended("background"),
        ended("background", active=10),
        ended("background", wall=12.2, number=3),
        ended("background", active=9, within=1.5),
        ended("background", script_data={"level": 2, "score": 7}),
        ended("background", script_data=containing(level=2)),
        ended("background", script_data=containing({"score": 7}, level=2)),
        ended("background", script_data=containing()),
    ],
)
def test_as_expected(expected: ended) -> None:
    """Only what was named counts; lengths may be a quarter of a second off, or as much as the test says."""
    for end in (END, SeenEnd.of(END)):
        assert expected == end
        assert [expected] == [end]


@pytest.mark.parametrize(
    "expected",
    [
        ended("quit"),
        ended("background", active=10.5),
        ended("background", wall=10),
        ended("background", number=2),
        ended("background", active=10, within=0.1),
        ended("background", script_data={"level": 3}),
        ended("background", script_data={"level": 2}),
        ended("background", script_data={}),
        ended("background", script_data=containing(level=3)),
        ended("background", script_data=containing(lives=None)),
    ],
)
def test_otherwise(expected: ended) -> None:
    """Whatever was named and is not so makes it another end."""
    assert expected != END
    assert expected != SeenEnd.of(END)
    assert expected != "background"


def test_what_a_test_reads_of_an_end() -> None:
    """What the game sent is a dictionary; the rest is as it was delivered; and it is told as in a failure."""
    seen = SeenEnd.of(END)
    assert (seen.script_data["score"], seen.reason, seen.active, seen.ended_at) == (7, "background", 10.2, END.ended_at)
    assert repr(seen) == (
        "ended (background), number 3, active 10.20 s, wall 12.00 s, script_data {'level': 2, 'score': 7}"
    )


def test_containing_within_another() -> None:
    """Of what is nested, too, some may be named and the rest left."""
    sent = {"best": {"score": 7, "name": "ada"}, "runs": [{"level": 1, "at": 3}]}
    assert sent == containing(best=containing(score=7))
    assert sent == containing(runs=[containing(level=1)])
    assert sent != containing(best=containing(score=8))
    assert repr(containing(best=containing(score=7))) == "containing({'best': containing({'score': 7})})"
    assert containing(level=1) != [("level", 1)]


def test_the_failure_says_what_was_seen() -> None:
    """Seen and expected below each other, a line for each end; whichever side was written first."""
    expected = [ended("quit", active=5, number=4, script_data={"level": 9})]
    for seen, wanted in (([END], expected), (expected, [END])):
        with pytest.raises(AssertionError) as failure:
            assert seen == wanted
        assert str(failure.value).splitlines()[:5] == [
            "assert the sessions ended otherwise",
            "  seen:",
            "    ended (background), number 3, active 10.20 s, wall 12.00 s, script_data {'level': 2, 'score': 7}",
            "  expected:",
            "    ended (quit), number 4, active 5±0.25 s, script_data {'level': 9}",
        ]


def test_the_failure_says_that_nothing_was_seen() -> None:
    """No end is said in words."""
    with pytest.raises(AssertionError, match=r"(?s)seen: no end.*expected:.*ended \(quit\)"):
        assert [ended("quit")] == []
    with pytest.raises(AssertionError, match=r"(?s)seen:.*number 5.*expected: no end"):
        assert [replace(END, number=5)] == []


def test_other_lists_are_told_as_pytest_tells_them() -> None:
    """The plugin has words for ends only."""
    with pytest.raises(AssertionError, match=r"\[1\] == \[2\]"):
        assert [1] == [2]
