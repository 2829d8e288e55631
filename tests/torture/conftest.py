"""Fixtures: the seed, which a failure shows; a report in the summary; the zygote."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from notes import note

import gs_pygame

from .counts import SEED
from .terminator import Terminator
from .zygote import Zygote


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Callable[[object], None]:
    """Says something in the summary, and where a failure shows it."""

    def say(what: object) -> None:
        print(f"seed {SEED}: {what}")
        note(request.node, "torture", request.node.name, f"seed {SEED}: {what}")

    return say


@pytest.fixture
def zygote() -> Iterator[Zygote]:
    made: Zygote | Terminator
    made = (Terminator if sys.platform == "win32" else Zygote)(
        [str(Path(gs_pygame.__file__).parents[1]), str(Path(__file__).parents[1])]
    )
    yield made  # type: ignore[misc]
    made.close()
