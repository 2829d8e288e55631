"""Windows builds on an X11 display: Windows' CPython and pygame under Wine, whose windows openbox manages. Linux, with
the tools, and an environment that `.ci/wine-environment` has built, which the variable WINE_ENVIRONMENT names.

Wine is not Windows: what only that can show, no play here shows.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from gs_pygame.testing._display import DEADLINE, Display

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
        # What Wine starts beside the first program with a window would keep a game's pipes open, and be killed with it.
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._start("wineserver", "--persistent", "--foreground", env=self.environment, start_new_session=True)
        first = [*self.python, "-c", "import pygame; pygame.display.init(); pygame.display.set_mode((64, 64))"]
        subprocess.run(first, env=self.environment, check=True, start_new_session=True, timeout=DEADLINE * 3, **quiet)

    def behind(self) -> dict[str, str]:
        pytest.skip("under Wine a window that opens gets the focus")

    def close(self) -> None:
        if "WINEPREFIX" in getattr(self, "environment", {}):
            subprocess.run(["wineserver", "--kill"], env=self.environment, check=False)
        super().close()
