"""What the plugin adds to `pygame.event.get`, beside an empty wrapper around it."""

from __future__ import annotations

import functools
import sys
import time
from pathlib import Path
from typing import Any

from ..kit import Budget, Figure, Row, answer, measure, scratch, small_game, task_of

COUNTS = (0, 10, 100)
LOOPS, ROUNDS = 20_000, 15


class Empty:
    """A wrapper that does nothing: what any hook at all costs."""

    def __init__(self, original: Any) -> None:
        functools.update_wrapper(self, original)
        self.original = original

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.original(*args, **kwargs)


def run(quick: bool) -> Row:
    rounds, loops = (3, 2_000) if quick else (ROUNDS, LOOPS)
    row = Row(
        "events",
        "Cost of `pygame.event.get`, nanoseconds a call",
        f"{rounds} x {loops:,} calls of each, taking turns in one process. The queue is a list that is copied, since "
        "the real one costs more than what is measured; the window has the focus. `added` is over the direct call, "
        "and its ratio to the empty wrapper.",
        against="empty wrapper",
        plotted=[f"added, {count} events" for count in COUNTS],
    )
    with scratch() as folder:
        found = measure(__name__, {"folder": str(folder), "loops": loops, "rounds": rounds})
    for count in COUNTS:
        direct = found[f"direct {count}"]
        for name in ("empty wrapper", "gs_pygame"):
            added = [with_it - without for with_it, without in zip(found[f"{name} {count}"], direct, strict=True)]
            row.add(name, f"added, {count} events", Figure.of(added))
    for name in ("direct", "empty wrapper", "gs_pygame"):
        for count in COUNTS:
            row.add(name, f"call, {count} events", Figure.of(found[f"{name} {count}"]))
    row.budgets = [
        Budget("event.get, 10 events: added", 1000.0, row.value("gs_pygame", "added, 10 events"), "ns"),
        Budget(
            "event.get, 10 events: over an empty wrapper", 3.6, row.ratio("gs_pygame", "added, 10 events") or 0.0, "x"
        ),
    ]
    row.notes.append("No peer is here: none watches the events, or the game hands them over itself (Bugnet).")
    return row


def _measure() -> None:
    import pygame

    import gs_pygame

    task = task_of(sys.argv)
    small_game()
    event = pygame.event.Event(pygame.MOUSEMOTION, pos=(1, 1), rel=(0, 0), buttons=(0, 0, 0))
    queue: list[Any] = []
    module: Any = pygame.event
    module.get = direct = queue.copy
    settings = gs_pygame.Settings(endpoint="http://127.0.0.1:9", data_dir=Path(task["folder"]))
    plugin = gs_pygame.SessionPlugin(settings, focused=lambda: True)
    assert plugin.session
    subjects = {"direct": direct, "empty wrapper": Empty(direct), "gs_pygame": module.get}
    found: dict[str, list[float]] = {}
    time.sleep(1.0)  # the helper threads have begun
    for count in COUNTS:
        queue[:] = [event] * count
        for number in range(task["rounds"] + 1):
            for name, get in subjects.items():
                spent = _time(get, task["loops"])
                if number:  # the first one warms up
                    found.setdefault(f"{name} {count}", []).append(spent)
    answer(sys.argv, found)


def _time(get: Any, loops: int) -> float:
    begun = time.perf_counter_ns()
    for _ in range(loops):
        get()
    return (time.perf_counter_ns() - begun) / loops


if __name__ == "__main__":
    _measure()
