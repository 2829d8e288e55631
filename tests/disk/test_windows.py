"""Windows' own ways with files: names that are long, short, or of another alphabet; files that somebody else holds; a
drive that has another letter the next time."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from core_kit import child, line_of
from under_wine import is_wine

from gs_pygame import SessionPlugin
from gs_pygame._base.patience import DISK_RETRY
from gs_pygame._disk.lock import FileLock
from gs_pygame._disk.storage import OUTBOX
from gs_pygame._settings import Settings
from gs_pygame.testing import Player

pytestmark = pytest.mark.skipif(sys.platform != "win32", reason="of Windows' own ways")

if sys.platform == "win32":
    _kernel32 = ctypes.windll.kernel32

PLAYING = """
    import sys, time, pygame, gs_pygame
    pygame.init()
    pygame.display.set_mode((8, 8))
    gs_pygame.install(app="A", author="B", endpoint="http://127.0.0.1:9", data_dir=sys.argv[1])
    pygame.event.get()
    print("playing", flush=True)
    sys.stdin.readline()
"""


def play(folder: Path) -> tuple[Player, SessionPlugin]:
    player = Player(frame=lambda: None)
    return player, player.plugin(Settings(data_dir=folder, hook=False, exit_delivery="next-start"))


def sent(folder: Path) -> list[int | None]:
    """The numbers of the sessions that the next start sends."""
    player, plugin = play(folder)
    with plugin:
        player.clock.advance(5)
        return [end.number for end in player.ends]


def played(folder: Path) -> bool:
    """One session, offline. Whether it is on disk."""
    player, plugin = play(folder)
    player.destination.offline = True
    with plugin:
        player.clock.advance(2)
        return plugin.status().durable


@pytest.mark.parametrize("name", ["Zoë", "プレイヤー", "a b", "игрок" * 10], ids=["latin", "kana", "space", "long"])
def test_a_user_of_any_name(tmp_path: Path, name: str) -> None:
    """What was played in such a folder is sent by the next start."""
    assert played(tmp_path / name / "data")
    assert sent(tmp_path / name / "data") == [1]


def test_a_folder_deeper_than_windows_likes(tmp_path: Path) -> None:
    """Beyond 260 characters it is on disk, or status() says that it is not: Windows decides; nothing raises."""
    folder = tmp_path.joinpath(*["deep" * 12] * 6)
    assert len(str(folder)) > 300
    assert sent(folder) == ([1] if played(folder) else [])


def test_a_short_name_is_no_other_folder(tmp_path: Path) -> None:
    """`LONGNA~1` and the long name are one: a lock on a file there is held by whichever."""
    folder = tmp_path / "a long name with spaces"
    folder.mkdir()
    buffer = ctypes.create_unicode_buffer(1000)
    assert _kernel32.GetShortPathNameW(str(folder), buffer, 1000)
    lock = FileLock(folder / "x.lock")
    with pytest.raises(BlockingIOError):
        FileLock(Path(buffer.value) / "x.lock")
    lock.close()
    assert played(Path(buffer.value) / "data")
    assert sent(folder / "data") == [1]


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Another program has opened the file, and lets nobody else do so: a scanner, a backup."""
    _kernel32.CreateFileW.restype = ctypes.c_void_p
    handle = _kernel32.CreateFileW(str(path), 0x80000000, 0, None, 3, 0, None)  # GENERIC_READ, OPEN_EXISTING
    assert handle != ctypes.c_void_p(-1).value
    try:
        yield
    finally:
        _kernel32.CloseHandle(ctypes.c_void_p(handle))


def test_a_file_that_somebody_holds_for_seconds(tmp_path: Path) -> None:
    """A game that starts meanwhile plays in memory, and is on disk soon after: nothing is lost, and nothing raises."""
    folder = tmp_path / "data"
    assert played(folder)
    with held(folder / OUTBOX):
        player, plugin = play(folder)
        player.destination.offline = True
        player.clock.advance(3)
        assert not plugin.status().durable
        plugin.end_session()
        plugin.start_session()
    with plugin:
        player.clock.advance(3 * DISK_RETRY)
        assert plugin.status().durable
    assert sent(folder) == [1, 2, 3]


def unix(path: Path) -> str:
    """What is behind a path under Wine, which has a link for each drive."""
    name = path.as_posix()
    return f"{os.environ['WINEPREFIX']}/dosdevices/{name[:2].lower()}{name[2:]}"


class Drive:
    """A drive with this letter, which is the folder: of a stick, or of a share in the network."""

    def __init__(self, letter: str, folder: Path) -> None:
        self.root = Path(f"{letter}:\\")
        self._name = Path(f"{letter}:")
        self._folder = folder

    def plug(self) -> None:
        if is_wine():  # it makes none by DefineDosDevice
            self._do("/bin/ln", "-s", unix(self._folder), unix(self._name))
        else:
            assert _kernel32.DefineDosDeviceW(0, str(self._name), str(self._folder))

    def unplug(self) -> None:
        if is_wine():
            self._do("/bin/rm", unix(self._name))
        else:
            assert _kernel32.DefineDosDeviceW(2, str(self._name), None)

    def _do(self, *command: str) -> None:
        subprocess.run(["start", "/wait", "/unix", *command], check=True)


@contextmanager
def drive(letter: str, folder: Path) -> Iterator[Drive]:
    """Plugged in, and unplugged at the end."""
    made = Drive(letter, folder)
    made.plug()
    try:
        yield made
    finally:
        if os.path.isdir(made.root):
            made.unplug()


def test_a_stick_that_has_another_letter_the_next_time(tmp_path: Path) -> None:
    """A game that is killed as the stick is pulled out; plugged in again elsewhere, the session is sent, once."""
    with drive("R", tmp_path) as stick, child(PLAYING, stick.root / "data") as game:
        assert line_of(game) == "playing"
        game.kill()
        game.wait()
    with drive("S", tmp_path) as stick:
        assert sent(stick.root / "data") == [1]
        assert sorted(os.listdir(stick.root / "data" / "runs")) == []


def test_a_drive_that_goes_away_and_comes_back(tmp_path: Path) -> None:
    """Amid the play, for a minute, in which a session ends and another begins: each is sent, once, with its length."""
    with drive("T", tmp_path) as share:
        player, plugin = play(share.root / "data")
        player.destination.offline = True
        with plugin:
            player.clock.advance(10)
            share.unplug()
            player.clock.advance(20)
            plugin.end_session()
            plugin.start_session()
            player.clock.advance(40)
            share.plug()
            player.clock.advance(3 * DISK_RETRY)
            assert plugin.status().durable
        again, plugin = play(share.root / "data")
        with plugin:
            again.clock.advance(5)
            assert [end.number for end in again.ends] == [1, 2]
            assert [end.active for end in again.ends] == [30, 40 + 3 * DISK_RETRY]


def test_the_drive_is_gone_at_the_start(tmp_path: Path) -> None:
    """A game that starts without it plays in memory, and says so; what it played is on the drive when that is back."""
    with drive("U", tmp_path) as share:
        share.unplug()
        player, plugin = play(share.root / "data")
        player.destination.offline = True
        with plugin:
            player.clock.advance(10)
            assert not plugin.status().durable
            share.plug()
            player.clock.advance(3 * DISK_RETRY)
            assert plugin.status().durable
        assert sent(share.root / "data") == [1]
