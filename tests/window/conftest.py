"""Real windows under pytest: each test that asks for `stage` is played on each desktop, on a display of its own.

These tests wait for real seconds ("away for 3 s"), so a few of them are played at the same time: the first one starts
all that were selected, in a few threads, and each reports when its turn comes. One worker has them all.

What they measure are moments, and a machine that does other things now and then stands still for half a second. So one
that failed is played again, once, when the others are over; the summary counts these. A fault of ours fails again.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from notes import note
from sway import Sway
from window_kit import Desktop, Stage
from window_managers import I3, IceWM
from wine import ENVIRONMENT, Wine

DESKTOPS: dict[str, type[Desktop]] = {"x11": Desktop, "wayland": Sway, "x11-icewm": IceWM, "x11-i3": I3}

USUAL: tuple[str, ...] = ("x11", "wayland")
"""Those that each test is played on, unless it names others."""

if ENVIRONMENT:  # these alone: the others have been played on as they are
    DESKTOPS, USUAL = {"wine": Wine}, ("wine",)

SIDE_BY_SIDE = 4
"""Displays. A waiting game takes a few percent of a processor; starting one takes half a second of it."""

PATIENCE = 300.0
"""Seconds until those that are on are over, and it has been played again."""

HEADING = "real windows"
"""Of what the summary says. CI adds up its "played" and "played again"."""


class Plays:
    """Plays `items` side by side, each on the next free stage."""

    def __init__(self, items: list[pytest.Function], folder: Path) -> None:
        self._folder = folder
        self._opened: list[Desktop] = []
        self._here = threading.local()
        self._door = threading.Lock()
        self._places = threading.Semaphore(SIDE_BY_SIDE)
        self._pool = ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="stage")
        self._futures: dict[str, Future[Stage]] = {}
        for number, item in enumerate(items):
            self._futures[item.nodeid] = self._pool.submit(self._play_beside_others, item, folder / f"{number:02}")

    def result(self, item: pytest.Function) -> None:
        """Wait for the end of this test's play, show what its games said, and raise what it raised."""
        stage = self._futures[item.nodeid].result()
        note(item, HEADING, "played", 1)
        note(item, HEADING, "played again", 0)
        if isinstance(stage.error, (AssertionError, subprocess.TimeoutExpired)):  # a key that nobody heard
            print(stage.transcript())
            note(item, HEADING, "played again", 1)
            note(item, "played again, alone", item.name, str(stage.error).partition("\n")[0])
            stage = self._play_alone(item, self._folder / f"again-{item.name}")
        print(stage.transcript())
        for what, error in stage.figures:
            note(item, HEADING, f"error of measurement, in seconds: {what}, {_desktop_of(item)}", f"{error:+.3f}")
        if stage.error is not None:
            raise stage.error

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)
        for desktop in self._opened:
            desktop.close()

    def _play_beside_others(self, item: pytest.Function, folder: Path) -> Stage:
        with self._door:
            self._places.acquire()
        try:
            return self._play(item, folder)
        finally:
            self._places.release()

    def _play_alone(self, item: pytest.Function, folder: Path) -> Stage:
        """When those that are on are over, and before others begin."""
        with self._door, ExitStack() as places:
            for _ in range(SIDE_BY_SIDE):
                places.enter_context(self._places)
            return self._play(item, folder)

    def _play(self, item: pytest.Function, folder: Path) -> Stage:
        folder.mkdir()
        name = _desktop_of(item)
        stage = Stage(name, self._desktop(name), folder)
        parameters = {name: value for name, value in item.callspec.params.items() if name != "desktop"}
        try:
            item.obj(stage=stage, **parameters)
        except BaseException as error:  # noqa: BLE001 - raised again in the test's turn: also skips and failures
            stage.error = error
        finally:
            stage.close()
        return stage

    def _desktop(self, name: str) -> Desktop:
        """One of each for each thread of the pool, for all its plays."""
        here = self._here.__dict__
        if name not in here or not here[name].is_whole():
            here[name] = DESKTOPS[name]()
            self._opened.append(here[name])
        return here[name]


def _desktop_of(item: pytest.Function) -> str:
    return str(item.callspec.params["desktop"])


@pytest.fixture(scope="session")
def plays(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plays]:
    """Everything selected that is to be played where there are the tools for it, started."""
    played = Plays(
        [
            item
            for item in request.session.items
            if isinstance(item, pytest.Function)
            and "plays" in item.fixturenames
            and _desktop_of(item) in DESKTOPS
            and not DESKTOPS[_desktop_of(item)].missing_tools()
        ],
        tmp_path_factory.mktemp("window"),
    )
    yield played
    played.close()


@pytest.fixture
def desktop(request: pytest.FixtureRequest) -> str:
    """The desktop's name; skipped without its tools, which CI must have."""
    missing = DESKTOPS[request.param].missing_tools()
    if missing:
        reason = f"real windows need {', '.join(missing)}"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return str(request.param)


@pytest.fixture
def stage(desktop: str, plays: Plays) -> Plays:
    """Stands in for the Stage, which the test gets when it is played."""
    return plays


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "desktop" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("desktops")
        named = [name for name in (marker.args if marker else USUAL) if name in DESKTOPS]
        metafunc.parametrize("desktop", named, ids=named, indirect=True)


def pytest_itemcollected(item: pytest.Item) -> None:
    if isinstance(item, pytest.Function) and "stage" in item.fixturenames:
        item.add_marker(pytest.mark.timeout(PATIENCE))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Instead of calling a test of a stage, ask how its play went."""
    if "stage" not in pyfuncitem.fixturenames:
        return None
    pyfuncitem.funcargs["stage"].result(pyfuncitem)
    return True
