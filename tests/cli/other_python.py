"""A Python of its own, in which pygame can be broken in each way that there is."""

from __future__ import annotations

import shutil
import sysconfig
import venv
from pathlib import Path


class OtherPython:
    """A virtual environment with links to all that this one has, but for pygame."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, symlinks=True, with_pip=False)
        self._executable = folder / "bin" / "python"
        self._site = next(folder.glob("lib/python*/site-packages"))
        self._real = Path(sysconfig.get_path("purelib"))
        for installed in self._real.iterdir():
            if not installed.name.startswith("pygame"):
                (self._site / installed.name).symlink_to(installed)

    def made(self, state: str) -> str:
        """Its executable; pygame is there as `state` says."""
        for left in self._site.glob("pygame*"):
            if left.is_symlink():
                left.unlink()
            else:
                shutil.rmtree(left)
        if state == "empty":
            (self._site / "pygame").mkdir()
        elif state in ("both", "hidden"):
            for installed in self._real.glob("pygame*"):
                (self._site / installed.name).symlink_to(installed)
        if state == "both":
            for name in ("pygame", "pygame-ce"):
                info = self._site / f"{name.replace('-', '_')}-9.9.dist-info"
                info.mkdir()
                (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 9.9\n")
        return str(self._executable)
