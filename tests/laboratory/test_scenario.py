"""Scenario files: what an author may write, and how they are told what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.backgrounding.scenario import FOLDER, Deed, Scenario, ScenarioError, parse


def test_a_scenario_is_read_as_it_is_written() -> None:
    """Header, comments, both forms of time, deeds of several words."""
    text = """
    # An evening.
    title   At home     # in the sun
    grace   1:30
    desktop windows

    0        start
    12.5     network  down
    1:05.5   sleep 40
    2:00     quit
    2:10     end
    """
    assert parse(text, "home.txt") == Scenario(
        "At home",
        90.0,
        "windows",
        (
            Deed(0, "start"),
            Deed(12.5, "network down"),
            Deed(65.5, "sleep", 40),
            Deed(120, "quit"),
            Deed(130, "end"),
        ),
    )


def test_what_is_left_out_has_a_default() -> None:
    """The file's name is its title, and half a minute is the grace."""
    scenario = parse("0 start", "evening.txt")
    assert (scenario.title, scenario.grace, scenario.desktop, scenario.length) == ("evening", 30.0, "x11", 0.0)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("0 start\n5 alttab", 2, 'did you mean "alt-tab"?'),
        ("0 start\n5 fly", 2, '"fly" is no deed; there are: start, alt-tab'),
        ("0 start\n5", 2, '"" is no deed'),
        ("soon start", 1, '"soon" is no time'),
        ("0 start\n1:75 quit", 2, '"1:75" is no time'),
        ("grace long\n0 start", 1, '"long" is no time'),
        ("desktop amiga\n0 start", 1, '"amiga" is no desktop; there are: x11'),
        ("0 start\n5 sleep", 2, "how long does the computer sleep?"),
        ("0 start\n5 sleep 10\n9 quit", 3, "is over, 15 s"),
        ("0 start\n\n9 alt-tab\n8 return", 4, "is over, 9 s"),
        ("0 start\n5 start", 2, "the game runs already"),
        ("0 start\n5 quit\n6 alt-tab", 3, "needs a game that runs"),
        ("0 start\n5 end\n6 quit", 3, "nothing can come after the end"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, line: int, words: str) -> None:
    """The message names the file, the line, what is wrong, and where it can the way out."""
    with pytest.raises(ScenarioError) as raised:
        parse(text, "mine.txt")
    assert str(raised.value).startswith(f"mine.txt, line {line}: ")
    assert words in str(raised.value)


def test_an_empty_scenario_says_how_one_is_written() -> None:
    """Only comments: the message shows a line."""
    with pytest.raises(ScenarioError, match="as in: 10 alt-tab"):
        parse("# nothing", "empty.txt")


def test_a_file_that_is_not_there_names_ours(tmp_path: Path) -> None:
    """A wrong name is answered with the names there are."""
    with pytest.raises(ScenarioError, match="crash, everyday, flaky_network"):
        Scenario.load(str(tmp_path / "none.txt"))


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_the_projects_own_are_found_by_name(path: Path) -> None:
    """By name as by path, wherever the laboratory is started."""
    assert Scenario.load(path.stem) == Scenario.load(str(path))
