"""Run files: a heartbeat to be believed, and no living game ever taken for dead."""

from __future__ import annotations

import os
import stat
import sys
import threading
import uuid
from contextlib import ExitStack
from pathlib import Path

import pytest
from core_kit import DEADLINE, child, line_of, run, tell
from hypothesis import given
from hypothesis import strategies as st

from gs_pygame._disk import runs
from gs_pygame._disk.lock import FileLock
from gs_pygame._disk.runs import RunFile, _decode, _encode, dead_runs, run_path
from gs_pygame._player.lifecycle import Progress

ID = "12345678-1234-4234-8234-123456789abc"

GAME = f"""
    import sys
    from pathlib import Path
    from gs_pygame._player.lifecycle import Progress
    from gs_pygame._disk.runs import RunFile
    run = RunFile(Path(sys.argv[1]))
    run.beat(Progress("{ID}", 12.5, 20.25))
    print(run.run, flush=True)
    sys.stdin.readline()
    run.close()
    print("closed", flush=True)
    sys.stdin.readline()
"""

SCAN = """
    import sys
    from pathlib import Path
    from gs_pygame._disk.runs import dead_runs
    print(*[dead.run for dead in dead_runs(Path(sys.argv[1]))])
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def records(folder: Path) -> list[Progress | None]:
    """What the dead left, and leave them."""
    found = dead_runs(folder)
    read = [dead.progress() for dead in found]
    for dead in found:
        dead.leave()
    return read


@given(active=st.floats(0, 1e9), wall=st.floats(0, 1e9), session=st.uuids())
def test_a_heartbeat_comes_back_to_the_microsecond(active: float, wall: float, session: uuid.UUID) -> None:
    """Up to thirty years, for any session id; no session was played for longer than it lasted."""
    progress = _decode(_encode(Progress(str(session), active, wall)))
    assert progress is not None
    assert progress.session_id == str(session)
    assert progress.active == pytest.approx(active, abs=1e-6)
    assert progress.wall == pytest.approx(max(active, wall), abs=1e-6)


@given(st.integers(0, 39), st.integers(1, 255))
def test_any_damaged_byte_is_noticed(place: int, change: int) -> None:
    """One byte changed anywhere: no heartbeat, rather than a wrong one."""
    record = bytearray(_encode(Progress(ID, 1.0, 2.0)))
    assert len(record) == 40
    record[place] ^= change
    assert _decode(bytes(record)) is None


@given(st.binary(max_size=80))
def test_junk_is_no_heartbeat(junk: bytes) -> None:
    """Any other content is None, never an exception."""
    assert _decode(junk) is None


@pytest.mark.parametrize("length", [0, 1, 39, 41, 80])
def test_a_record_of_another_length_is_no_heartbeat(length: int) -> None:
    """Torn or padded: None."""
    assert _decode((_encode(Progress(ID, 1.0, 2.0)) * 2)[:length]) is None


def test_the_heartbeat_of_a_killed_game_is_found(folder: Path) -> None:
    """A game is killed: its run is dead, and its last heartbeat can be read."""
    with child(GAME, folder) as game:
        name = line_of(game)
        assert dead_runs(folder) == []
        game.kill()
        game.wait(DEADLINE)
        (dead,) = dead_runs(folder)
        assert dead.run == name
        assert dead.progress() == Progress(ID, 12.5, 20.25)
        dead.bury()
    assert list(folder.iterdir()) == []
    assert dead_runs(folder) == []


def test_a_living_game_is_never_taken_for_dead(folder: Path) -> None:
    """Four games run; 50 looks from here and one from another process find no dead run among them."""
    with ExitStack() as stack:
        games = [stack.enter_context(child(GAME, folder)) for _ in range(4)]
        names = {line_of(game) for game in games}
        assert len(names) == 4
        for _ in range(50):
            assert dead_runs(folder) == []
        assert run(SCAN, folder).stdout.split() == []
        assert {path.stem for path in folder.iterdir()} == names


def test_a_game_that_ended_well_leaves_nothing(folder: Path) -> None:
    """close() removes the file while the process lives on."""
    with child(GAME, folder) as game:
        line_of(game)
        tell(game)
        assert line_of(game) == "closed"
        assert list(folder.iterdir()) == []
        assert dead_runs(folder) == []


def test_our_own_run_is_not_dead_to_us_nor_to_others(folder: Path) -> None:
    """The process that holds it does not find it, and looking does not drop its lock."""
    ours = RunFile(folder)
    assert dead_runs(folder) == []
    assert run(SCAN, folder).stdout.split() == []
    ours.close()


def test_a_dead_run_is_found_by_one_only(folder: Path) -> None:
    """While one copy recovers it, another does not see it; left alone, it is found again."""
    folder.mkdir()
    run_path(folder, "dead").touch()
    (dead,) = dead_runs(folder)
    assert dead_runs(folder) == []
    assert run(SCAN, folder).stdout.split() == []
    dead.leave()
    assert run(SCAN, folder).stdout.split() == ["dead"]


def test_without_a_heartbeat_there_is_no_progress(folder: Path) -> None:
    """Killed before the first beat, or a record that was torn: None."""
    folder.mkdir()
    run_path(folder, "empty").touch()
    run_path(folder, "torn").write_bytes(_encode(Progress(ID, 1.0, 2.0))[:-1])
    run_path(folder, "whole").write_bytes(_encode(Progress(ID, 1.0, 2.0)))
    assert records(folder) == [None, None, Progress(ID, 1.0, 2.0)]


def test_the_file_does_not_grow(folder: Path) -> None:
    """A thousand heartbeats lie in the same forty bytes; the last one counts."""
    ours = RunFile(folder)
    for second in range(1000):
        ours.beat(Progress(ID, float(second), float(second)))
    assert run_path(folder, ours.run).stat().st_size == 40
    assert _decode(run_path(folder, ours.run).read_bytes()) == Progress(ID, 999.0, 999.0)
    ours.close()


def test_other_files_in_the_folder_are_left_alone(folder: Path) -> None:
    """Only *.run files are runs; a missing folder holds none."""
    assert dead_runs(folder) == []
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    assert dead_runs(folder) == []
    assert (folder / "notes.txt").read_text() == "mine"


@pytest.mark.skipif(sys.platform == "win32", reason="file modes are POSIX's")
def test_only_the_player_may_read_a_run_file(folder: Path) -> None:
    """Folder 0700, file 0600."""
    ours = RunFile(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(run_path(folder, ours.run).stat().st_mode) == 0o600
    ours.close()


def test_a_scanner_between_creation_and_lock_does_not_get_a_living_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file exists, its lock is not held yet, a scanner takes and buries it: the game begins another file."""
    buried = []

    class Raced(FileLock):
        def __init__(self, path: Path, create: bool = True) -> None:
            if create and not buried:
                path.touch()
                buried.append(path.stem)
                assert run(SCAN_AND_BURY, path.parent).stdout.split() == [path.stem]
            super().__init__(path, create)

    monkeypatch.setattr(runs, "FileLock", Raced)
    ours = RunFile(folder)
    assert run_path(folder, ours.run).exists()
    assert run(SCAN, folder).stdout.split() == []
    ours.close()


SCAN_AND_BURY = """
    import sys
    from pathlib import Path
    from gs_pygame._disk.runs import dead_runs
    for dead in dead_runs(Path(sys.argv[1])):
        print(dead.run)
        dead.bury()
"""


@pytest.mark.parametrize("moment", ["locked", "buried"])
def test_a_game_that_lost_the_race_begins_another_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """A scanner holds the new file when the game wants its lock, or has just removed it: another name, another try."""
    tries = []

    class Raced(FileLock):
        def __init__(self, path: Path, create: bool = True) -> None:
            tries.append(path.stem)
            if len(tries) == 1 and moment == "locked":
                raise BlockingIOError
            super().__init__(path, create)
            if len(tries) == 1:
                path.unlink()

    monkeypatch.setattr(runs, "FileLock", Raced)
    ours = RunFile(folder)
    assert len(tries) == 2
    assert ours.run == tries[1]
    assert [path.stem for path in folder.iterdir()] == [ours.run]
    ours.close()


def test_games_and_scanners_race_without_a_casualty(folder: Path) -> None:
    """A process makes 150 run files while two others scan and bury: each is there and locked as long as it lives."""
    with ExitStack() as stack:
        scanners = [stack.enter_context(child(SCANNING, folder)) for _ in range(2)]
        for scanner in scanners:
            assert line_of(scanner) == "scanning"
        for _ in range(150):
            ours = RunFile(folder)
            assert run_path(folder, ours.run).exists()
            ours.beat(Progress(ID, 1.0, 1.0))
            assert os.fstat(ours._lock.descriptor).st_nlink == 1
            ours.close()
        for scanner in scanners:
            tell(scanner)
            # A game that ends well removes its file before it frees the lock: one that is there is a living game's.
            assert line_of(scanner) == "0"


SCANNING = """
    import sys, threading
    from pathlib import Path
    from gs_pygame._disk.runs import dead_runs
    stop = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.readline(), stop.set()), daemon=True).start()
    print("scanning", flush=True)
    victims = 0
    while not stop.is_set():
        for dead in dead_runs(Path(sys.argv[1])):
            victims += dead.progress() is not None and dead._lock.still_there()
            dead.bury()
    print(victims, flush=True)
"""


def test_a_folder_that_cannot_be_made_is_an_oserror(tmp_path: Path) -> None:
    """A file lies in its place: OSError, which the engine turns into an outbox in memory."""
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(OSError, match="runs"):
        RunFile(tmp_path / "runs")


def test_run_files_of_two_plugins_in_one_process_are_both_safe(folder: Path) -> None:
    """Two runs in one process, made in two threads: neither finds the other dead."""
    made: list[RunFile] = []
    threads = [threading.Thread(target=lambda: made.append(RunFile(folder))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
    assert len({one.run for one in made}) == 2
    assert dead_runs(folder) == []
    made[0].close()
    assert run(SCAN, folder).stdout.split() == []
    made[1].close()
