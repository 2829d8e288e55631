"""What tests say in the summary: figures that were measured, and what came of chance.

A note travels with its test's report, so it comes from a worker of pytest-xdist to the terminal as from anywhere.
"""

from __future__ import annotations

from collections import defaultdict

import pytest


def note(item: pytest.Item, heading: str, what: str, value: str | int) -> None:
    """For the summary, under `heading`. Of all that is noted of `what`, numbers are added up, words stand in a row."""
    item.user_properties.append((heading, (what, value)))


def summary(terminalreporter: pytest.TerminalReporter) -> dict[str, list[str]]:
    """What was noted: the lines under each heading."""
    noted: dict[str, dict[str, list[str | int]]] = defaultdict(lambda: defaultdict(list))
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport) and report.when == "call":
                for heading, (what, value) in report.user_properties:
                    noted[heading][what].append(value)
    return {
        heading: [f"{what}: {_together(values)}" for what, values in sorted(lines.items())]
        for heading, lines in noted.items()
    }


def _together(values: list[str | int]) -> str | int:
    numbers = [value for value in values if isinstance(value, int)]
    return sum(numbers) if numbers else ", ".join(map(str, values))
