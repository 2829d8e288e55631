"""The file lock: between processes, freed by death, never inherited."""

from __future__ import annotations

import errno
import multiprocessing
import os
import sys
from pathlib import Path

import pytest
from core_kit import DEADLINE, child, line_of, run, tell

from gs_pygame._disk import lock
from gs_pygame._disk.lock import FileLock
from gs_pygame._disk.runs import RunFile

posix = pytest.mark.skipif(sys.platform == "win32", reason="fork and SIGKILL are POSIX's")

HOLDER = """
    import sys
    from pathlib import Path
    from gs_pygame._disk.lock import FileLock
    lock = FileLock(Path(sys.argv[1]))
    print("held", flush=True)
    sys.stdin.readline()
    lock.close()
    print("free", flush=True)
    sys.stdin.readline()
"""

TRIER = """
    import sys
    from pathlib import Path
    from gs_pygame._disk.lock import FileLock
    try:
        FileLock(Path(sys.argv[1]))
    except BlockingIOError:
        print("locked")
    else:
        print("free")
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.lock"


def test_another_process_cannot_have_it_until_it_is_freed(path: Path) -> None:
    """BlockingIOError while a process holds it; it can be had once that process has closed it and lives on."""
    with child(HOLDER, path) as holder:
        assert line_of(holder) == "held"
        with pytest.raises(BlockingIOError):
            FileLock(path)
        tell(holder)
        assert line_of(holder) == "free"
        FileLock(path).close()


def test_our_lock_keeps_another_process_out(path: Path) -> None:
    """The other way round, before and after close()."""
    lock = FileLock(path)
    assert run(TRIER, path).stdout.split() == ["locked"]
    lock.close()
    assert run(TRIER, path).stdout.split() == ["free"]


@posix
def test_the_lock_dies_with_its_process(path: Path) -> None:
    """SIGKILL: the system frees it at once, the file stays."""
    with child(HOLDER, path) as holder:
        assert line_of(holder) == "held"
        holder.kill()
        holder.wait(DEADLINE)
        assert path.exists()
        FileLock(path, create=False).close()


FORKING = """
    import os, sys
    from pathlib import Path
    from gs_pygame._disk.lock import FileLock
    lock = FileLock(Path(sys.argv[1]))
    if os.fork() == 0:
        print(f"child {os.getpid()}", flush=True)
        sys.stdin.readline()
        os._exit(0)
    os.waitid(os.P_ALL, 0, os.WEXITED)
"""


CLOSING = """
    import sys
    from pathlib import Path
    from gs_pygame._disk import lock
    if "record" in sys.argv:
        lock._OFD_SETLK = None
    held = lock.FileLock(Path(sys.argv[1]))
    open(sys.argv[1], "rb").close()  # as a game that zips, hashes or copies the folder does
    print("closed", flush=True)
    sys.stdin.readline()
    held.renew()
    print("renewed", flush=True)
    sys.stdin.readline()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's own kind of lock")
def test_a_game_that_closes_the_file_does_not_drop_the_lock(path: Path) -> None:
    """Whatever else the process opens and closes."""
    with child(CLOSING, path) as holder:
        assert line_of(holder) == "closed"
        with pytest.raises(BlockingIOError):
            FileLock(path)


@posix
def test_a_lock_that_was_dropped_is_taken_again(path: Path) -> None:
    """Where there are record locks only, a close by the game frees it until the next renewal."""
    with child(CLOSING, path, "record") as holder:
        assert line_of(holder) == "closed"
        FileLock(path).close()
        tell(holder)
        assert line_of(holder) == "renewed"
        with pytest.raises(BlockingIOError):
            FileLock(path)


@posix
def test_a_lock_that_somebody_else_has_taken_cannot_be_renewed(path: Path) -> None:
    """BlockingIOError: whoever holds it now took this process for dead."""
    with child(CLOSING, path, "record") as holder:
        assert line_of(holder) == "closed"
        thief = FileLock(path)
        tell(holder)
        holder.wait(DEADLINE)
        assert holder.stderr is not None
        assert "BlockingIOError" in holder.stderr.read()
        thief.close()


@posix
def test_a_forked_child_does_not_keep_a_dead_parents_lock(path: Path) -> None:
    """The parent is killed, its forked child lives on with the descriptor: the lock is free all the same."""
    with child(FORKING, path) as parent:
        survivor = int(line_of(parent).split()[1])
        with pytest.raises(BlockingIOError):
            FileLock(path)
        parent.kill()
        parent.wait(DEADLINE)
        os.kill(survivor, 0)  # it lives
        FileLock(path).close()
        tell(parent)  # its standard input is the survivor's, which ends now


def _close_inherited(lock: FileLock) -> None:
    lock.close()


@posix
def test_a_forked_child_that_closes_the_descriptor_frees_nothing(path: Path) -> None:
    """multiprocessing's child closes what it inherited: the parent's lock still holds."""
    lock = FileLock(path)
    process = multiprocessing.get_context("fork").Process(target=_close_inherited, args=(lock,))
    process.start()
    process.join(DEADLINE)
    assert process.exitcode == 0
    assert run(TRIER, path).stdout.split() == ["locked"]
    lock.close()


def test_two_holders_in_one_process_are_refused(path: Path, tmp_path: Path) -> None:
    """A record lock says nothing within a process, so we do; by whatever name the file is called."""
    lock = FileLock(path)
    with pytest.raises(BlockingIOError):
        FileLock(path)
    with pytest.raises(BlockingIOError):
        FileLock(tmp_path / "." / "x" / ".." / "a.lock")
    assert run(TRIER, path).stdout.split() == ["locked"]  # the refused second open has not dropped it
    lock.close()
    FileLock(path).close()


def test_close_is_idempotent_and_frees_only_its_own(path: Path) -> None:
    """A second close() does not take the lock away from the next holder."""
    first = FileLock(path)
    first.close()
    second = FileLock(path)
    first.close()
    with pytest.raises(BlockingIOError):
        FileLock(path)
    assert run(TRIER, path).stdout.split() == ["locked"]
    second.close()


def test_a_missing_file_is_not_created_unless_asked(path: Path) -> None:
    """create=False: FileNotFoundError, and no file."""
    with pytest.raises(FileNotFoundError):
        FileLock(path, create=False)
    assert not path.exists()


def test_it_knows_when_its_file_was_replaced(path: Path) -> None:
    """still_there() is False once the path is gone or leads to another file."""
    lock = FileLock(path)
    assert lock.still_there()
    path.unlink()
    assert not lock.still_there()
    path.touch()
    assert not lock.still_there()
    lock.close()


@posix
def test_the_lock_is_not_passed_to_programs_the_game_starts(path: Path) -> None:
    """The descriptor closes on exec: a browser the game opened does not keep it."""
    lock = FileLock(path)
    assert os.get_inheritable(lock.descriptor) is False
    lock.close()


def test_a_file_system_without_locks_is_no_taken_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ENOLCK, as on some network folders: said as it is, so that nobody waits for a holder who does not exist."""

    def no_locks(descriptor: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock, "_lock", no_locks)
    with pytest.raises(OSError, match="No locks") as caught:
        FileLock(tmp_path / "x")
    assert not isinstance(caught.value, BlockingIOError)
    with pytest.raises(OSError, match="No locks"):
        RunFile(tmp_path / "runs")
