"""A disk of 16 MiB that a test can fill."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from core_kit import DEADLINE

from gs_pygame import SessionPlugin, Settings
from gs_pygame.testing import Player

_BLOCK = 4096  # bytes: a tmpfs gives whole pages


class Disk:
    """A real file system of its own (tmpfs)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = path / "data"
        self._ballast = path / "ballast"

    def fill(self) -> None:
        """Another program takes all that is left."""
        with self._ballast.open("ab", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(b"x" * _BLOCK)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def free(self) -> None:
        """It gives it back."""
        self._ballast.unlink()

    def make_read_only(self, read_only: bool) -> None:
        subprocess.run(["mount", "-o", f"remount,{'ro' if read_only else 'rw'}", self.path], check=True)


def new_player() -> Player:
    """A player, and a clock, of their own: a copy of the game on the same disk."""
    return Player(frame=lambda: None)


def played(folder: Path, player: Player, **settings: Any) -> SessionPlugin:
    """A game of theirs that keeps its sessions there."""
    return player.plugin(Settings(data_dir=folder, hook=False, **settings))


def remove(folder: Path) -> None:
    """Remove a folder in which games play, who make their files anew meanwhile: as often as it takes."""
    deadline = time.monotonic() + DEADLINE
    while True:
        try:
            return shutil.rmtree(folder)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.ENOENT) or time.monotonic() > deadline:
                raise


def mount(path: Path) -> bool:
    """Mount a disk there; False where that is not possible: it takes root, as CI has, on Linux."""
    if sys.platform != "linux" or shutil.which("mount") is None:
        return False
    command = ["mount", "-t", "tmpfs", "-o", "size=16m,mode=700", "tmpfs", str(path)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextmanager
def mounted(path: Path) -> Iterator[Disk]:
    """A disk at `path`, for a test that is skipped where nobody may mount one, which CI must be able to."""
    path.mkdir()
    if not mount(path):
        reason = "mounting a tmpfs takes root on Linux"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    try:
        yield Disk(path)
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)
