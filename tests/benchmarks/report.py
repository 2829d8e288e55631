"""Writes the results: `results.json`, `results.md`, and a plot for each row."""

from __future__ import annotations

import json
import math
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .kit import ROOT, Budget, Figure, Row

PACKAGES = ("pygame", "requests", "sentry-sdk", "posthog", "glean-sdk", "gamepulse-sdk", "bugnet-sdk", "litequeue",
            "persist-queue")  # fmt: skip

LOGARITHMIC_FROM = 20.0
"""The largest over the smallest figure of a plot, from which the smallest could not be seen otherwise."""

VERDICTS = {True: "yes", False: "**no**", None: "not told by this run"}

OURS, PEERS = "#c2410c", "#64748b"


def write(folder: Path, rows: Sequence[Row], command: str) -> str:
    """Write everything into `folder`; the Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    about = {
        "command": command,
        "machine": _machine(),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
    }
    said = {**about, "rows": [_plain(row) for row in rows]}
    (folder / "results.json").write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    text = _markdown(about, rows)
    (folder / "results.md").write_text(text, encoding="utf-8")
    for row in rows:
        if row.figures:
            _plot(row, folder / f"{row.name}.png")
    return text


def read(folder: Path) -> dict[str, Row]:
    """The rows that were written into `folder`, by name."""
    try:
        said = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return {row["name"]: _row(row) for row in said["rows"]}


def _plain(row: Row) -> dict[str, Any]:
    ratios = {
        subject: {name: found for name in figures if (found := row.ratio(subject, name)) is not None}
        for subject, figures in row.figures.items()
    }
    return {**asdict(row), "ratios": ratios}


def _row(plain: dict[str, Any]) -> Row:
    """What `_plain` made plain."""
    known = {name: value for name, value in plain.items() if name != "ratios"}
    known["budgets"] = [Budget(**budget) for budget in plain["budgets"]]
    known["figures"] = {
        subject: {name: Figure(**figure) for name, figure in figures.items()}
        for subject, figures in plain["figures"].items()
    }
    return Row(**known)


def moment(minutes: float) -> str:
    """When, of which commit, and for how long: what has just been measured."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    when = datetime.now(timezone.utc).isoformat(timespec="minutes")
    return f"{when}, commit {commit.stdout.strip()}, {minutes:.1f} minutes"


def side_by_side(runs: Sequence[Sequence[Row]]) -> str:
    """The budgets of several runs, a column for each."""
    lines = [f"| figure | allowed | {' | '.join(f'run {number + 1}' for number in range(len(runs)))} |"]
    lines.append("|---" * (2 + len(runs)) + "|")
    found: dict[tuple[str, str], dict[int, str]] = {}
    for number, rows in enumerate(runs):
        for budget in (budget for row in rows for budget in row.budgets):
            found.setdefault((budget.what, _allowed(budget)), {})[number] = _measured(budget)
    for what, figures in found.items():  # which peer is the best one may differ
        lines.append(f"| {' | '.join([*what, *(figures.get(number, '') for number in range(len(runs)))])} |")
    return "\n".join(lines) + "\n"


def _machine() -> dict[str, str]:
    """What pyperf finds worth knowing of a machine that measures."""
    told = subprocess.run(
        [sys.executable, "-m", "pyperf", "collect_metadata"], capture_output=True, text=True, check=False
    )
    known = dict(line.removeprefix("- ").split(": ", 1) for line in told.stdout.splitlines() if ": " in line)
    wanted = ("cpu_model_name", "cpu_count", "cpu_config", "cpu_freq", "load_avg_1min", "platform", "aslr", "timer")
    return {name: known[name] for name in wanted if name in known}


def _markdown(about: dict[str, Any], rows: Sequence[Row]) -> str:
    machine = ", ".join(f"{name} {value}" for name, value in about["machine"].items())
    versions = ", ".join(f"{name} {value}" for name, value in about["versions"].items())
    lines = [
        "# What the plugin costs, beside the peers",
        "",
        f"`{about['command']}` was the last run; each row says when it was measured.  ",
        f"Machine: {machine}.  ",
        f"Versions: {versions}.",
        "",
        "Ratios are the result, absolute times are context. A cell holds the figure of all rounds, the least and the "
        "most of one round in brackets, and the ratio to the line that the row names. Where `95 %` stands in the "
        "brackets, the figure is the median of the rounds, and they hold its interval (by the sign test). The disk is "
        "flushed before each measuring process.",
        "",
        *_budgets(rows),
    ]
    for row in rows:
        lines += ["", f"## {row.title}", "", row.method, "", f"Measured {row.measured}.", ""]
        if row.figures:
            lines += [*_table(row), "", f"![{row.title}]({row.name}.png)"]
        lines += [line for note in row.notes for line in ("", note)]
    return "\n".join(lines) + "\n"


def _budgets(rows: Sequence[Row]) -> list[str]:
    lines = ["## Budgets", "", "| figure | allowed | measured | kept |", "|---|---|---|---|"]
    for budget in (budget for row in rows for budget in row.budgets):
        lines.append(f"| {budget.what} | {_allowed(budget)} | {_measured(budget)} | {VERDICTS[budget.kept]} |")
    return lines


def _allowed(budget: Budget) -> str:
    return f"{'>=' if budget.least else '<='} {_short(budget.allowed)} {budget.unit}".rstrip()


def _measured(budget: Budget) -> str:
    interval = f" {_interval(budget.interval)}" if budget.interval else ""
    return f"{_short(budget.measured)} {budget.unit}".rstrip() + interval


def _interval(interval: Sequence[float]) -> str:
    return f"(95 %: {_short(interval[0])} to {_short(interval[1])})"


def _table(row: Row) -> list[str]:
    names = list(dict.fromkeys(name for figures in row.figures.values() for name in figures))
    words = list(dict.fromkeys(name for texts in row.texts.values() for name in texts if name not in names))
    head = f"against {row.against}" if row.against else ""
    lines = [f"| {' | '.join([head, *names, *words])} |", "|---" * (1 + len(names) + len(words)) + "|"]
    for subject in row.figures:
        cells = [_cell(row, subject, name) for name in (*names, *words)]
        lines.append(f"| {' | '.join([subject, *cells])} |")
    return lines


def _cell(row: Row, subject: str, name: str) -> str:
    figure = row.figures[subject].get(name)
    if figure is None:
        return row.texts.get(subject, {}).get(name, "")
    ratio = row.ratio(subject, name)
    spread = f" ({_short(min(figure.rounds))} to {_short(max(figure.rounds))})" if len(figure.rounds) > 1 else ""
    if figure.interval:
        spread = f" {_interval(figure.interval)}"
    return f"{_short(figure.value)}{spread}" + (f" x{ratio:.2f}" if ratio is not None else "")


def _short(value: float) -> str:
    """Three digits that count."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"


def _plot(row: Row, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = row.plotted or list(dict.fromkeys(name for figures in row.figures.values() for name in figures))
    columns = min(2, len(names))
    height = 0.32 * len(row.figures) + 0.9
    lines = math.ceil(len(names) / columns)
    figure, axes = pyplot.subplots(lines, columns, figsize=(6.5 * columns, height * lines), squeeze=False)
    for number, axis in enumerate(axes.flat):
        if number < len(names):
            _bars(
                axis,
                names[number],
                {subject: found for subject, found in row.figures.items() if names[number] in found},
            )
        else:
            axis.set_visible(False)
    figure.suptitle(row.title)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _bars(axis: Any, name: str, shown: dict[str, dict[str, Figure]]) -> None:
    figures = [found[name] for found in shown.values()]
    values = [figure.value for figure in figures]
    spreads = [figure.interval or figure.rounds for figure in figures]
    below = [max(0.0, figure.value - min(spread)) for figure, spread in zip(figures, spreads, strict=True)]
    above = [max(0.0, max(spread) - figure.value) for figure, spread in zip(figures, spreads, strict=True)]
    colours = [OURS if subject.startswith("gs_pygame") else PEERS for subject in shown]
    axis.barh(list(shown), values, xerr=[below, above], color=colours, ecolor="#1e293b", capsize=2)
    axis.invert_yaxis()
    axis.set_title(name, fontsize=10)
    axis.tick_params(labelsize=8)
    axis.margins(x=0.12)
    if min(values) > 0 and max(values) / min(values) >= LOGARITHMIC_FROM:
        axis.set_xscale("log")
    for place, value in enumerate(values):
        axis.annotate(_short(value), (value, place), xytext=(4, 5), textcoords="offset points", fontsize=7)
