"""The map of the code in CONTRIBUTING, held against the code: every file is in it, and imports one way only."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from docs_kit import ROOT, blocks, text_of

PACKAGE = ROOT / "gs_pygame"


def mapped() -> list[str]:
    """The modules of the map, from its top to its bottom."""
    section = text_of("CONTRIBUTING.md").split("\n## The map of the code\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`([\w.]+)`", row)]


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts) or "gs_pygame"


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py")) if path.parent.name != "versions"}


def imported(path: Path) -> Iterator[str]:
    """What a file imports of the package when it is imported itself."""
    package = ["gs_pygame", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*package[: len(package) - node.level + 1], *(node.module or "").split(".")]
            for alias in node.names:
                inside = [part for part in [*base, alias.name] if part][1:]
                module = ".".join(inside)
                yield module if module in MODULES else ".".join(inside[:-1]) or "gs_pygame"


def test_every_file_is_in_the_map() -> None:
    """Once, and nothing else is."""
    assert sorted(mapped()) == sorted(MODULES)


def test_files_import_upwards_only() -> None:
    """A file imports from files that stand above it."""
    place = {name: number for number, name in enumerate(mapped())}
    wrong = [
        f"{name} imports {other}"
        for name, path in MODULES.items()
        for other in imported(path)
        if place[other] >= place[name]
    ]
    assert wrong == []


def test_the_drawing_names_what_there_is() -> None:
    """Each module in it exists, and the fixed core of the package is drawn."""
    [drawing] = blocks("text", "map")
    drawn = set(re.findall(r"(?<!\w)_[a-z]+(?:\.[a-z]+)?", drawing.code))
    assert drawn <= set(MODULES)
    assert drawn >= {"_player.window", "_player.lifecycle", "_disk.journal", "_disk.outbox", "_delivery.courier"}
