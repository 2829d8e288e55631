"""The branches for systems that are not here, by injection: nothing below ran on a real Windows or macOS."""

from __future__ import annotations

import ctypes
import errno
import importlib.util
import os
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from gs_pygame import _settings
from gs_pygame._base import clocks, messages
from gs_pygame._base.patience import HEARTBEAT
from gs_pygame._disk import flush, lock, opening, place
from gs_pygame._disk.outbox import Outbox
from gs_pygame._settings import Settings
from gs_pygame.testing import Player


def test_linux_asks_boottime_for_what_runs_on_in_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux: monotonic stands still in suspend, CLOCK_BOOTTIME runs on."""
    monkeypatch.setattr(time, "CLOCK_BOOTTIME", 7, raising=False)
    monkeypatch.setattr(time, "clock_gettime", {7: 70.0}.__getitem__, raising=False)
    active, elapsed = clocks.system_sources("linux")
    assert active is time.monotonic
    assert elapsed() == 70.0


def test_macos_asks_clock_monotonic_for_what_runs_on_in_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """macOS: Python's monotonic is mach_absolute_time, which stands still; CLOCK_MONOTONIC runs on."""
    monkeypatch.setattr(time, "CLOCK_MONOTONIC", 6, raising=False)
    monkeypatch.setattr(time, "clock_gettime", {6: 60.0}.__getitem__, raising=False)
    active, elapsed = clocks.system_sources("darwin")
    assert active is time.monotonic
    assert elapsed() == 60.0


def test_windows_asks_for_unbiased_interrupt_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows: monotonic runs on in sleep; QueryUnbiasedInterruptTime, in units of 100 ns, stands still."""

    def query(pointer: Any) -> int:
        pointer._obj.value = 12_500_000
        return 1

    kernel32 = SimpleNamespace(QueryUnbiasedInterruptTime=query)
    monkeypatch.setattr(ctypes, "windll", SimpleNamespace(kernel32=kernel32), raising=False)
    active, elapsed = clocks.system_sources("win32")
    assert active() == pytest.approx(1.25)
    assert elapsed is time.monotonic


@pytest.mark.parametrize(
    ("wall", "written"),
    [
        (-5e9, "1970-01-01T00:00:00.000Z"),
        (float("nan"), "1970-01-01T00:00:00.000Z"),
        (1_800_000_000.25, "2027-01-15T08:00:00.250Z"),
        (32_536_850_400.0, "3001-01-19T22:00:00.000Z"),
        (9.9e13, "9999-12-31T23:59:59.000Z"),
    ],
)
def test_a_date_that_windows_does_not_know(monkeypatch: pytest.MonkeyPatch, wall: float, written: str) -> None:
    """Windows' calendar (gmtime) is from 1970 to 3000, and raises OSError else: no end that says otherwise is in the
    way of those behind it."""

    class WindowsDate(datetime):
        @classmethod
        def fromtimestamp(cls, moment: float, tz: Any = None) -> Any:
            if not 0 <= moment < 32_536_850_400:
                raise OSError(errno.EINVAL, "Invalid argument")
            return datetime.fromtimestamp(moment, tz)

    monkeypatch.setattr(messages, "datetime", WindowsDate)
    end = messages.End("s", 1, None, "i", "p", wall, 10.0, 0.0, "quit", "{}", "{}")
    assert end.measured()["startedAt"] == end.measured()["endedAt"] == written
    assert end.snapshot().started_at == end.snapshot().ended_at


def test_what_windows_is_asked_once_a_beat_opens_no_file_that_has_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under Wine each open of one, and so each stat, keeps a descriptor of wineserver for as long as there are locks:
    two in a beat end every program of the prefix after an hour or two of play."""
    player = Player(frame=lambda: None)
    player.destination.offline = True
    folder = tmp_path / "data"
    monkeypatch.setattr(place, "sys", SimpleNamespace(platform="win32"))
    opened: list[str] = []
    with player.plugin(Settings(data_dir=folder, hook=False, exit_delivery="next-start")) as plugin:
        player.clock.advance(3)
        plugin.end_session()
        plugin.start_session()
        player.clock.advance(3)
        with monkeypatch.context() as beats:
            for name in ("stat", "lstat", "open"):
                beats.setattr(os, name, noting(getattr(os, name), opened))
            player.clock.advance(20 * HEARTBEAT)
        assert plugin.status().durable
    locked = {path for path in opened if path.endswith(("outbox.sqlite3", "-shm", ".run"))}
    assert locked == set()


def noting(real: Callable[..., Any], paths: list[str]) -> Callable[..., Any]:
    def call(path: Any, *arguments: Any, **options: Any) -> Any:
        paths.append(str(path))
        return real(path, *arguments, **options)

    return call


def test_half_of_a_pair_is_a_name_of_windows_and_none_of_sqlites(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is no byte that is no UTF-8, the setting is refused."""
    monkeypatch.setattr(_settings, "sys", SimpleNamespace(platform="win32"))
    assert [name for name in ("\udc80", "a\ud800", "a\0", "Zoë プ") if _settings._is_path(name)] == ["Zoë プ"]


def test_windows_sees_that_a_file_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A drive that was pulled out, and one that is there again: no open file can be replaced there."""
    monkeypatch.setattr(place, "sys", SimpleNamespace(platform="win32"))
    file = tmp_path / "file"
    file.touch()
    lies = place.Place(str(file))
    assert lies.has()
    file.rename(tmp_path / "away")
    assert not lies.has(str(file))
    (tmp_path / "away").rename(file)
    assert lies.has()


def test_elsewhere_the_wall_clock_is_the_last_resort(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system without CLOCK_BOOTTIME: a sleep is still noticed."""
    monkeypatch.delattr(time, "CLOCK_BOOTTIME", raising=False)
    assert clocks.system_sources("freebsd13") == (time.monotonic, time.time)


@pytest.mark.parametrize("refuses", [False, True], ids=["a drive", "a share"])
def test_macos_flushes_the_drive_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, refuses: bool) -> None:
    """macOS' fsync(2) leaves it in the drive's memory; F_FULLFSYNC does not, and a share does not know that."""
    asked: list[Any] = []

    def fcntl(descriptor: int, command: int) -> None:
        asked.append(command)
        if refuses:
            raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(flush, "F_FULLFSYNC", 51)
    monkeypatch.setattr(flush, "fcntl", fcntl, raising=False)
    for name in ("fdatasync", "fsync"):
        monkeypatch.setattr(os, name, lambda descriptor: asked.append("fsync"), raising=False)
    with (tmp_path / "x").open("w") as file:
        flush.flush(file.fileno())
    assert asked == ([51, "fsync"] if refuses else [51])


def test_macos_has_sqlite_flush_the_drive_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(opening, "sys", SimpleNamespace(platform="darwin", version_info=sys.version_info))
    with closing(Outbox(tmp_path / "x.sqlite3")) as outbox:
        assert outbox._database.read("PRAGMA fullfsync") == [(1,)]


@pytest.mark.skipif(sys.platform == "win32", reason="of POSIX systems")
def test_macos_locks_as_posix_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its header has an F_OFD_SETLK, for a struct of another order than Linux's."""
    import fcntl

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(fcntl, "F_OFD_SETLK", 90, raising=False)
    asked: list[int] = []
    monkeypatch.setattr(fcntl, "fcntl", lambda descriptor, command, argument=0: asked.append(command))
    module = loaded_again(lock)
    module.FileLock(tmp_path / "x").close()
    assert asked == []


def loaded_again(module: ModuleType) -> ModuleType:
    """As it would be on the `sys.platform` of this moment."""
    assert module.__file__
    spec = importlib.util.spec_from_file_location(f"{module.__name__}_of_another_system", module.__file__)
    assert spec
    assert spec.loader
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture
def windows_lock(monkeypatch: pytest.MonkeyPatch) -> tuple[ModuleType, list[tuple[int, int]]]:
    """gs_pygame._disk.lock as Windows would load it, with a msvcrt that records (mode, number of bytes)."""
    calls: list[tuple[int, int]] = []
    msvcrt: Any = ModuleType("msvcrt")
    msvcrt.LK_NBLCK = 2
    msvcrt.locking = lambda descriptor, mode, count: calls.append((mode, count))
    monkeypatch.setitem(sys.modules, "msvcrt", msvcrt)
    monkeypatch.setattr(sys, "platform", "win32")
    return loaded_again(lock), calls


def test_windows_locks_one_byte_and_leaves_the_record_readable(
    windows_lock: tuple[ModuleType, list[tuple[int, int]]], tmp_path: Path
) -> None:
    """msvcrt locks are mandatory: the locked byte lies far behind the heartbeat, and the file does not grow."""
    module, calls = windows_lock
    lock = module.FileLock(tmp_path / "x")
    assert calls == [(2, 1)]
    assert (tmp_path / "x").stat().st_size == 0
    lock.close()


@pytest.mark.parametrize("number", [errno.EACCES, errno.EDEADLK])
def test_windows_says_taken_in_its_own_way(
    windows_lock: tuple[ModuleType, list[tuple[int, int]]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
) -> None:
    """EACCES and EDEADLOCK (Microsoft's _locking) mean that another process holds it."""

    def taken(descriptor: int, mode: int, count: int) -> None:
        raise OSError(number, "taken")

    module, _ = windows_lock
    monkeypatch.setattr(sys.modules["msvcrt"], "locking", taken)
    with pytest.raises(BlockingIOError, match="another process"):
        module.FileLock(tmp_path / "x")
