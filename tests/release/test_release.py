"""What a release promises on paper: its names, its version, its types."""

from __future__ import annotations

import ast
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import gs_pygame
from gs_pygame import destinations

ROOT = Path(__file__).parents[2]
EXAMPLE = Path(__file__).with_name("api_example.py")


def test_the_example_of_the_api_runs(tmp_path: Path) -> None:
    """What mypy has read is true as well."""
    played = subprocess.run(
        [sys.executable, EXAMPLE, tmp_path],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert played.returncode == 0, played.stderr
    assert played.stdout.endswith("all of its names work\n")


def test_the_example_uses_every_public_name() -> None:
    """No name, no setting and no method is public without being in the example."""
    tree = ast.parse(EXAMPLE.read_text("utf-8"))
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    used |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    used |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg}
    public = {*gs_pygame.__all__, *destinations.__all__, *inspect.signature(gs_pygame.install).parameters}
    public |= {name for name in vars(gs_pygame.SessionPlugin) if not name.startswith("_")}
    public |= {name for kind in (gs_pygame.Status, gs_pygame.EndSessionResponse) for name in kind.__slots__}
    assert public - used == set()


def test_the_changelog_is_up_to_date() -> None:
    """The newest entry of the CHANGELOG is this version."""
    newest = re.search(r"^## \[(\S+)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert newest is not None
    assert newest[1] == gs_pygame.__version__
