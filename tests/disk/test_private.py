"""One play was another user's (sudo): the player's next one finds what it left."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from core_kit import NOBODY, run, start

from gs_pygame._base.patience import SILENT
from gs_pygame._disk.outbox import Outbox
from gs_pygame._disk.private import make_folder
from gs_pygame._disk.runs import RunFile, recover_dead_runs
from gs_pygame._player.lifecycle import Progress

ID = "12345678-1234-4234-8234-123456789abc"

PLAYED_BY_ROOT = f"""
    import os, signal, sys
    from pathlib import Path
    from gs_pygame._disk.storage import Storage
    from gs_pygame._player.lifecycle import Progress
    storage = Storage(Path(sys.argv[1]))
    storage.outbox.games.start(storage.run_file.run, "{ID}", 1_800_000_000.0, None, "{{}}", "{{}}", None)
    storage.run_file.beat(Progress("{ID}", 12.5, 20.25))
    os.kill(os.getpid(), signal.SIGKILL)
"""

PLAYED_BY_THE_PLAYER = f"""
    import os, sys
    from pathlib import Path
    from gs_pygame._disk.runs import recover_dead_runs
    from gs_pygame._disk.storage import Storage
    os.setgroups([])
    os.setgid({NOBODY})
    os.setuid({NOBODY})
    storage = Storage(Path(sys.argv[1]))
    recover_dead_runs(storage.outbox.games, storage.runs)
    print(storage.durable, *[(each.reason, each.active) for each in storage.outbox.games.ready(9)])
"""


def test_what_root_leaves_is_the_players(home: Path) -> None:
    """Each folder and file, from the first one that root had to make; the killed session is recovered."""
    folder = home / "data" / "Author" / "App"
    run(PLAYED_BY_ROOT, folder)
    made = [*home.rglob("*")]
    assert len(made) >= 7  # three folders, runs, the database and its two, the run file
    assert {(path.stat().st_uid, path.stat().st_mode & 0o077) for path in made} == {(NOBODY, 0)}
    assert run(PLAYED_BY_THE_PLAYER, folder).stdout == "True ('abnormal', 12.5)\n"


def test_a_run_that_may_not_be_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user's: it lives as long as it is written to, and an hour later its session no longer stays open."""
    folder = tmp_path / "runs"
    theirs = RunFile(folder)
    theirs.beat(Progress(ID, 12.5, 20.25))
    theirs._lock.close()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.setattr("gs_pygame._disk.runs.dead_runs", lambda folder: [])
    with_an_end = Outbox(tmp_path / "outbox.sqlite3")
    start(with_an_end, ID, theirs.run)
    recover_dead_runs(with_an_end, folder)
    assert with_an_end.ready(9) == []
    hour = time.time() - SILENT - 1
    os.utime(theirs.path, (hour, hour))
    recover_dead_runs(with_an_end, folder)
    assert [(each.reason, each.active) for each in with_an_end.ready(9)] == [("abnormal", 0.0)]
    with_an_end.close()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """A file in its place is an error; one that is there is none."""
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        make_folder(tmp_path / "file" / "folder")
    with pytest.raises(FileExistsError):
        make_folder(tmp_path / "file")
    make_folder(tmp_path)


def test_a_file_system_that_says_the_folder_above_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though it is, as /proc does: an error, and not tried for ever."""

    def mkdir(folder: Path, mode: int = 0o777) -> None:
        raise FileNotFoundError(folder)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    with pytest.raises(FileNotFoundError):
        make_folder(tmp_path / "folder")
