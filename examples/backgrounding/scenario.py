"""A scenario is a small text file: what the player, the computer and the network do, and when.

    # Comments, and empty lines, say nothing.
    title   An evening
    grace   30
    desktop x11

       0  start
      40  alt-tab
    1:05  return
    2:00  quit
    2:10  end

Times are seconds, or minutes and seconds, from the beginning. `title`, `grace` (seconds) and `desktop` (one of
`gs_pygame.testing.DESKTOPS`: what a game is told differs between systems) may be left out.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

from gs_pygame.testing import DESKTOPS

FOLDER = Path(__file__).resolve().parents[1] / "scenarios"

DEEDS = {
    "start": "the game starts",
    "alt-tab": "another window gets the focus",
    "minimise": "the window becomes an icon",
    "return": "the player comes back to the window",
    "show desktop": "all windows go away",
    "hide desktop": "they are back; not every system gives the game the focus",
    "switch mode": "to fullscreen or back, for which the window goes away",
    "interrupt": "another window opens by itself, and takes the focus",
    "sleep": "the lid is closed, for so many seconds: sleep 40",
    "quit": "the close button: the game ends in good order",
    "crash": "an exception nobody catches ends the game",
    "kill": "the process dies where it stands",
    "network down": "the server cannot be reached",
    "network up": "it can be reached again",
    "end": "here the picture ends",
}
ANY_TIME = ("network down", "network up", "end")
LEAVINGS = ("quit", "crash", "kill")
DEFAULT_GRACE = 30.0  # seconds; the plugin's own would leave little else to see
DEFAULT_DESKTOP = "x11"


class ScenarioError(ValueError):
    """A scenario that cannot be played, with the file and the line that say why."""


@dataclass(frozen=True)
class Deed:
    at: float  # seconds from the beginning
    name: str  # one of DEEDS
    seconds: float = 0.0  # of sleep


@dataclass(frozen=True)
class Scenario:
    title: str
    grace: float
    desktop: str
    deeds: tuple[Deed, ...]

    @property
    def length(self) -> float:
        """Seconds."""
        return self.deeds[-1].at

    @classmethod
    def load(cls, name: str) -> Scenario:
        """From a file, or from one of the project's own scenarios by its name. Raises ScenarioError."""
        path = Path(name)
        if not path.exists() and (FOLDER / f"{name}.txt").exists():
            path = FOLDER / f"{name}.txt"
        try:
            return parse(path.read_text("utf-8"), path.name)
        except (OSError, UnicodeDecodeError) as error:
            ours = ", ".join(sorted(file.stem for file in FOLDER.glob("*.txt")))
            raise ScenarioError(f"{name} cannot be read ({error}); the project's own scenarios are: {ours}") from None


def parse(text: str, name: str) -> Scenario:
    """Raises ScenarioError, which names the line."""
    title, grace, desktop = Path(name).stem, DEFAULT_GRACE, DEFAULT_DESKTOP
    deeds: list[Deed] = []
    running = False
    for number, line in enumerate(text.splitlines(), 1):
        try:
            first, _, rest = line.partition("#")[0].strip().partition(" ")
            rest = " ".join(rest.split())
            if first == "title":
                title = rest
            elif first == "grace":
                grace = _seconds(rest)
            elif first == "desktop":
                desktop = _desktop(rest)
            elif first:
                deed = _deed(_seconds(first), rest)
                running = _follow(deed, deeds, running)
                deeds.append(deed)
        except ScenarioError as error:
            raise ScenarioError(f"{name}, line {number}: {error}") from None
    if not deeds:
        raise ScenarioError(f"{name}: nothing happens in it; a line is a time and a deed, as in: 10 alt-tab")
    return Scenario(title, grace, desktop, tuple(deeds))


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(?:(\d+):(?=[0-5]?\d(?:\.|$)))?(\d+(?:\.\d+)?)", text)
    if not match:
        raise ScenarioError(f'"{text}" is no time; write seconds, as 90, or minutes and seconds, as 1:30')
    return int(match[1] or 0) * 60 + float(match[2])


def _desktop(text: str) -> str:
    if text not in DESKTOPS:
        raise ScenarioError(f'"{text}" is no desktop; there are: {", ".join(DESKTOPS)}')
    return text


def _deed(at: float, text: str) -> Deed:
    if text.startswith("sleep "):
        return Deed(at, "sleep", _seconds(text.removeprefix("sleep ")))
    if text == "sleep":
        raise ScenarioError("how long does the computer sleep? Write the seconds behind it, as: sleep 40")
    if text not in DEEDS:
        near = difflib.get_close_matches(text, DEEDS, 1)
        hint = f'did you mean "{near[0]}"?' if near else f"there are: {', '.join(DEEDS)}"
        raise ScenarioError(f'"{text}" is no deed; {hint}')
    return Deed(at, text)


def _follow(deed: Deed, before: list[Deed], running: bool) -> bool:
    """Whether the game runs after `deed`. Raises ScenarioError if it cannot come here."""
    if before and before[-1].name == "end":
        raise ScenarioError("nothing can come after the end")
    if before and deed.at < before[-1].at + before[-1].seconds:
        raise ScenarioError(f"this is before what comes above it is over, {before[-1].at + before[-1].seconds:g} s")
    if deed.name in ANY_TIME:
        return running
    if running and deed.name == "start":
        raise ScenarioError("the game runs already")
    if not running and deed.name != "start":
        raise ScenarioError(f'"{deed.name}" needs a game that runs; write "start" first')
    return deed.name not in LEAVINGS
