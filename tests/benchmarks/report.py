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

from .kit import ROOT, Figure, Row

PACKAGES = ("pygame", "requests", "sentry-sdk", "posthog", "glean-sdk", "gamepulse-sdk", "bugnet-sdk", "litequeue",
            "persist-queue")  # fmt: skip

LOGARITHMIC_FROM = 20.0
"""The largest over the smallest figure of a plot, from which the smallest could not be seen otherwise."""

OURS, PEERS = "#c2410c", "#64748b"


def write(folder: Path, rows: Sequence[Row], command: str, minutes: float) -> str:
    """Write everything into `folder`; the Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    about = _about(command, minutes)
    said = {**about, "rows": [_plain(row) for row in rows]}
    (folder / "results.json").write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    text = _markdown(about, rows)
    (folder / "results.md").write_text(text, encoding="utf-8")
    for row in rows:
        if row.figures:
            _plot(row, folder / f"{row.name}.png")
    return text


def _plain(row: Row) -> dict[str, Any]:
    ratios = {
        subject: {name: found for name in figures if (found := row.ratio(subject, name)) is not None}
        for subject, figures in row.figures.items()
    }
    return {**asdict(row), "ratios": ratios}


def _about(command: str, minutes: float) -> dict[str, Any]:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return {
        "command": command,
        "when": datetime.now(timezone.utc).isoformat(timespec="minutes"),
        "minutes": round(minutes, 1),
        "commit": commit.stdout.strip(),
        "machine": _machine(),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
    }


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
        f"`{about['command']}`, {about['when']}, {about['minutes']} minutes, commit {about['commit']}.  ",
        f"Machine: {machine}.  ",
        f"Versions: {versions}.",
        "",
        "Ratios are the result, absolute times are context. A cell holds the figure of all rounds, the least and the "
        "most of one round in brackets, and the ratio to the line that the row names. The disk is flushed before each "
        "measuring process.",
        "",
        *_budgets(rows),
    ]
    for row in rows:
        lines += ["", f"## {row.title}", "", row.method, ""]
        if row.figures:
            lines += [*_table(row), "", f"![{row.title}]({row.name}.png)"]
        lines += [line for note in row.notes for line in ("", note)]
    return "\n".join(lines) + "\n"


def _budgets(rows: Sequence[Row]) -> list[str]:
    lines = ["## Budgets", "", "| figure | allowed | measured | kept |", "|---|---|---|---|"]
    for budget in (budget for row in rows for budget in row.budgets):
        sign = ">=" if budget.least else "<="
        unit = f" {budget.unit}".rstrip()
        kept = "yes" if budget.kept else "**no**"
        lines.append(
            f"| {budget.what} | {sign} {_short(budget.allowed)}{unit} | {_short(budget.measured)}{unit} | {kept} |"
        )
    return lines


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
    below = [max(0.0, figure.value - min(figure.rounds)) for figure in figures]
    above = [max(0.0, max(figure.rounds) - figure.value) for figure in figures]
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
