"""Windows builds on an X11 display: Windows' CPython and pygame under Wine, whose windows openbox manages. Linux, with
the tools, and an environment that `.ci/wine-environment` has built, which the variable WINE_ENVIRONMENT names.

Wine is not Windows: what only that can show, no play here shows.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from gs_pygame.testing._display import DEADLINE, Display, Moment

ENVIRONMENT = os.environ.get("WINE_ENVIRONMENT", "")


class Wine(Display):
    """The same deeds as on X11. Raises OSError without TOOLS.

    Each has a Wine prefix of its own: all programs of one are on the same display.
    """

    TOOLS = (*Display.TOOLS, "wine", "wineserver")
    is_posix = False

    def __init__(self) -> None:
        super().__init__()
        prefix = Path(self._home, "prefix")
        built = Path(ENVIRONMENT, "prefix")
        # A few hundred MB, which nobody changes; what programs have left in it is not for this one.
        left = shutil.ignore_patterns("Temp")
        shutil.copytree(built, prefix, symlinks=True, copy_function=os.link, ignore=left)
        for home in prefix.glob("drive_c/users/*"):
            (home / "Temp").mkdir(exist_ok=True)
        for registry in prefix.glob("*.reg"):
            registry.unlink()
            shutil.copy(built / registry.name, registry)
        self.python = ("wine", str(Path(ENVIRONMENT, "windows", "python.exe")))
        self.environment |= {"WINEPREFIX": str(prefix), "WINEDEBUG": "-all", "SDL_VIDEODRIVER": "windows"}
        self._start("wineserver", "--persistent", "--foreground", env=self.environment, start_new_session=True)
        self._log_on()

    def _log_on(self) -> None:
        """What Wine starts beside the first program with a window would keep a game's pipes open, and be killed with
        it."""
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        first = [*self.python, "-c", "import pygame; pygame.display.init(); pygame.display.set_mode((64, 64))"]
        subprocess.run(first, env=self.environment, check=True, start_new_session=True, timeout=DEADLINE * 3, **quiet)

    @property
    def temporary(self) -> Path:
        """Where its programs have their temporary files."""
        (local,) = Path(self.environment["WINEPREFIX"]).glob("drive_c/users/*/AppData/Local")
        return local.parents[1] / "Temp"

    def behind(self) -> dict[str, str]:
        pytest.skip("under Wine a window that opens gets the focus")

    def log_off(self) -> Moment:
        """The user's session ends: each window is asked, told, and its program ended if it goes on. Another begins."""
        before = time.time()
        subprocess.run(
            ["wine", "wineboot", "--end-session", "--force", "--kill"],
            env=self.environment,
            timeout=DEADLINE,
            check=True,
        )
        over = Moment(before, time.time())
        self._log_on()
        return over

    def titles(self) -> set[str]:
        """Of the windows that are there."""
        rows = [row.split(maxsplit=3) for row in self._ask("wmctrl", "-l").splitlines()]
        return {"".join(row[3:]) for row in rows}

    def close(self) -> None:
        if "WINEPREFIX" in getattr(self, "environment", {}):
            subprocess.run(["wineserver", "--kill"], env=self.environment, check=False)
        super().close()
