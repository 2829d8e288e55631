"""What a power cut may find: a WAL begun anew with a flushed header. No frame of the game's waits for a flush."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
from core_kit import DEADLINE, environment, ids, ready, start

from gs_pygame._base.errors import OutboxBusyError
from gs_pygame._base.patience import GAME_PATIENCE
from gs_pygame._disk.database import Database
from gs_pygame._disk.outbox import Outbox

HEADER = 32
"""Bytes of a WAL's header (sqlite.org/fileformat2.html, 4.1); its first frame follows."""

GAME = """
    import sys, threading, time
    from pathlib import Path
    from gs_pygame._disk.storage import Storage
    storage = Storage(Path(sys.argv[1]))
    outbox = storage.outbox

    def play(number):
        outbox.games.start("run", f"s{number}", 0.0, None, "{}", "{}", None)
        outbox.games.save(f"s{number}", "quit", 1.0, 1.0, "{}", ready=True)

    def keep_house():
        while not over:
            outbox.couriers.sync()
            outbox.couriers.make_room()
            time.sleep(0.002)

    over = []
    play(0)
    helper = threading.Thread(target=keep_house)
    helper.start()
    outbox.games.wait_at_most(5.0)  # here the game has no keeper
    for number in range(1, 60):
        play(number)
        time.sleep(0.002)
    over.append(True)
    helper.join()
    print(len(outbox.games.ready(100)), flush=True)
    import os
    os._exit(0)  # closing, a last connection may flush
"""


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[bool, str, int]]:
    """What a game and its helper ask of the system about their WAL: whether it is the game's thread, what, where."""
    if sys.platform != "linux" or shutil.which("strace") is None:
        pytest.fail("needs strace") if os.environ.get("CI") else pytest.skip("needs strace, on Linux")
    folder = tmp_path_factory.mktemp("traced")
    log = folder / "log"
    command = ["strace", "-f", "-y", "-s", "0", "-e", "trace=pwrite64,fsync,fdatasync", "-o", str(log)]
    game = [sys.executable, "-c", textwrap.dedent(GAME), str(folder / "data")]
    done = subprocess.run([*command, *game], env=environment(), capture_output=True, text=True, timeout=5 * DEADLINE)
    assert done.stdout.split() == ["60"], done.stderr
    calls = []
    games_thread = ""
    for line in log.read_text().splitlines():
        if found := re.match(r"(\d+) +(\w+)\(\d+<[^>]*-wal>(?:.*, (\d+)\)? +(?:=|<))?", line):
            thread, name, offset = found.groups()
            games_thread = games_thread or thread
            calls.append((thread == games_thread, name, int(offset or 0)))
    return calls


def test_a_wal_that_is_begun_anew_has_its_header_flushed_before_the_next_frame(
    traced: list[tuple[bool, str, int]],
) -> None:
    """After a checkpoint old frames still lie in the file: were the header lost, they would mix with the new ones."""
    headers = [index for index, (_, name, offset) in enumerate(traced) if name == "pwrite64" and offset == 0]
    assert len(headers) > 5
    for index in headers[1:]:  # the first begins a file in which there is no frame
        assert traced[index + 1][1] == "fdatasync"
        assert not traced[index][0]


def test_the_games_thread_flushes_nothing(traced: list[tuple[bool, str, int]]) -> None:
    """Neither when it opens a new outbox, nor in a frame; its helper does."""
    assert [name for is_games, name, _ in traced if is_games and name != "pwrite64"] == []
    assert any(name == "fdatasync" for is_games, name, _ in traced if not is_games)


def test_a_frame_gives_way_to_a_wal_that_is_begun_anew(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the checkpoint to the first write after it, a frame does not come between: it gives up in time, and what it
    had to write is written afterwards."""
    checkpointed, go_on = threading.Event(), threading.Event()
    read = Database.read

    def slowly(database: Database, sql: str, *values: object) -> list[object]:
        found = read(database, sql, *values)
        if "checkpoint" in sql:
            checkpointed.set()
            go_on.wait(DEADLINE)
        return found

    outbox = Outbox(path, GAME_PATIENCE)
    couriers = outbox.another()
    ready(outbox, "s1")
    monkeypatch.setattr(Database, "read", slowly)
    helper = threading.Thread(target=couriers.make_room)
    helper.start()
    assert checkpointed.wait(DEADLINE)
    with pytest.raises(OutboxBusyError):
        start(outbox, "s2")
    go_on.set()
    helper.join(DEADLINE)
    assert start(outbox, "s2").number == 2
    assert ids(couriers) == ["s1"]
    couriers.close()
    outbox.close()


def test_every_connection_flushes_what_a_power_cut_must_not_mix(path: Path) -> None:
    """Opened, each is in synchronous NORMAL; the WAL has its first frame already."""
    with_frames = Outbox(path)
    assert Path(f"{path}-wal").stat().st_size > HEADER
    for outbox in (with_frames, with_frames.another()):
        assert outbox._database.read("PRAGMA synchronous") == [(1,)]
        outbox.close()
    again = Outbox(path)
    assert Path(f"{path}-wal").stat().st_size > HEADER
    assert again._database.read("PRAGMA synchronous") == [(1,)]
    again.close()
