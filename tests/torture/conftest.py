"""Fixtures: the seed, which a failure shows; a report on the terminal; the zygote."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import gs_pygame

from .counts import SEED
from .zygote import Zygote


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest) -> Callable[[object], None]:
    """Says something on the terminal, captured or not."""

    def say(what: object) -> None:
        with capsys.disabled():
            print(f"\n{request.node.name}: seed {SEED}: {what}", file=sys.stderr)

    return say


@pytest.fixture
def zygote() -> Iterator[Zygote]:
    made = Zygote([str(Path(gs_pygame.__file__).parents[1]), str(Path(__file__).parents[1])])
    yield made
    made.close()
