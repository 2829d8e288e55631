"""A damaged outbox is set aside, what can be read is carried over, and the game notices nothing."""

from __future__ import annotations

import random
import sqlite3
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from core_kit import child, line_of, save, start

from gs_pygame._base.errors import OutboxDamagedError, OutboxDiskError, OutboxError
from gs_pygame._disk.erasure import erase
from gs_pygame._disk.outbox import Outbox
from gs_pygame._disk.runs import RunFile
from gs_pygame._disk.salvage import mark_damaged, open_or_replace
from gs_pygame._disk.storage import Storage
from gs_pygame._disk.upkeep import Upkeep

Damage = Callable[[Path], None]


def reopened(path: Path) -> Outbox:
    return open_or_replace(path, path.parent / "runs", lambda: Outbox(path))


def filled(path: Path, count: int) -> list[str]:
    """An outbox of `count` ready ends and one open session; the ends' session ids."""
    names = [str(uuid.UUID(int=number, version=4)) for number in range(1, count + 2)]
    with closing(Outbox(path)) as outbox:
        for name in names[:-1]:
            start(outbox, name, script='{"padding":"' + "x" * 300 + '"}')
            save(outbox, name)
            outbox.release(name)
        start(outbox, names[-1])
        outbox.prune(())
        outbox.checkpoint()
    return names[:-1]


def aside(path: Path) -> list[Path]:
    return [file for file in path.parent.glob(f"{path.name}.damaged-*") if not file.name.endswith(("-wal", "-shm"))]


def test_a_file_that_is_no_database_is_set_aside(path: Path) -> None:
    """It is kept byte for byte under another name, and a new outbox is begun."""
    path.parent.mkdir()
    path.write_bytes(b"not a database" * 1000)
    with closing(reopened(path)) as outbox:
        start(outbox, str(uuid.uuid4()))
    assert [file.read_bytes() for file in aside(path)] == [b"not a database" * 1000]
    with closing(reopened(path)) as outbox:
        assert len(outbox.unfinished_runs()) == 1
    assert len(aside(path)) == 1


@pytest.mark.parametrize("seed", range(8))
def test_what_can_be_read_of_flipped_bytes_is_carried_over(path: Path, seed: int) -> None:
    """A page in the middle is overwritten: the ends on the others are still delivered, in order, with their numbers."""
    names = filled(path, 200)
    with closing(Outbox(path)) as outbox:
        installation = outbox.installation_id
    data = bytearray(path.read_bytes())
    page = random.Random(seed).randrange(len(data) // 4096 // 2, len(data) // 4096)
    data[page * 4096 : page * 4096 + 4096] = random.Random(seed).randbytes(4096)
    path.write_bytes(data)
    mark_damaged(path)
    with closing(reopened(path)) as outbox:
        saved = [end.session_id for end in outbox.ready(1000)]
        assert saved == sorted(saved, key=names.index)
        assert len(saved) >= 150
        assert outbox.installation_id == installation
        assert [end.number for end in outbox.ready(1000)] == [names.index(name) + 1 for name in saved]
        counts = outbox.counts()
        assert counts.dropped.get("damage", 0) == 201 - len(saved) - len(outbox.unfinished_runs())
        assert counts.started == 201


@pytest.mark.parametrize(("keep", "saved"), [(0.25, 0), (0.5, 30), (0.75, 100), (0.9, 150)])
def test_of_a_truncated_file_what_is_left_is_carried_over(path: Path, keep: float, saved: int) -> None:
    """Part of the file is gone: what is left is read, the others are counted, and the outbox works."""
    filled(path, 200)
    with path.open("r+b") as file:
        file.truncate(int(path.stat().st_size * keep))
    mark_damaged(path)
    with closing(reopened(path)) as outbox:
        kept = len(outbox.ready(1000))
        assert kept >= saved
        assert outbox.counts().dropped.get("damage", 0) == 201 - kept - len(outbox.unfinished_runs())
        start(outbox, str(uuid.uuid4()))


@pytest.mark.parametrize("seed", range(20))
def test_whatever_bytes_are_flipped_there_is_an_outbox_that_works(path: Path, seed: int) -> None:
    """Twenty bytes anywhere, in the schema as well, which SQLite quotes in its messages. Where the damage is found in
    use, the engine leaves a mark, and it works at the next start."""
    filled(path, 50)
    chance = random.Random(seed)
    data = bytearray(path.read_bytes())
    for _ in range(20):
        data[chance.randrange(len(data))] = chance.randrange(256)
    path.write_bytes(data)
    if seed % 2:
        mark_damaged(path)
    with closing(reopened(path)) as outbox:
        try:
            start(outbox, str(uuid.uuid4()))
        except OutboxDamagedError:
            mark_damaged(path)
    with closing(reopened(path)) as outbox:
        start(outbox, str(uuid.uuid4()))
        assert outbox.unfinished_runs()


def test_damage_found_in_use_is_mended_at_the_next_start(path: Path) -> None:
    """The file opens, but reading it finds it malformed: the mark that the engine leaves makes the next start mend."""
    filled(path, 200)
    data = bytearray(path.read_bytes())
    for page in range(6, len(data) // 4096):
        data[page * 4096 : page * 4096 + 4096] = b"\xff" * 4096
    path.write_bytes(data)
    with closing(reopened(path)) as outbox, pytest.raises(OutboxDamagedError):
        outbox.ready(1000)
    mark_damaged(path)
    with closing(reopened(path)) as outbox:
        assert isinstance(outbox.ready(1000), list)
        start(outbox, str(uuid.uuid4()))
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_rows_that_make_no_sense_are_left_behind(path: Path) -> None:
    """A row that would break its delivery is not carried over; its neighbours are."""
    names = filled(path, 3)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE sessions SET started_at = 'yesterday' WHERE session_id = ?", (names[0],))
        db.execute("UPDATE sessions SET script_data = '[' WHERE session_id = ?", (names[1],))
    mark_damaged(path)
    with closing(reopened(path)) as outbox:
        assert [end.session_id for end in outbox.ready(10)] == names[2:]


def test_a_file_that_another_copy_has_open_is_left_alone(path: Path) -> None:
    """A living copy still writes to it: nothing is moved under its hands, and this run has no disk."""
    filled(path, 1)
    holder = """
        import sys
        from pathlib import Path
        from gs_pygame._disk.runs import RunFile
        run = RunFile(Path(sys.argv[1]))
        print("alive", flush=True)
        sys.stdin.readline()
    """
    runs = path.parent / "runs"
    with child(holder, runs) as process:
        assert line_of(process) == "alive"
        mark_damaged(path)
        with pytest.raises(OutboxError, match="another copy"):
            reopened(path)
        storage = Storage(path.parent)
        assert not storage.durable
        assert storage.run_file is None
        assert aside(path) == []


def test_a_denial_erases_what_was_set_aside_too(path: Path) -> None:
    """The player does not consent: the damaged file's copy goes as well."""
    path.parent.mkdir()
    path.write_bytes(b"a player's secrets" * 1000)
    reopened(path).close()
    erase(path.parent)
    assert aside(path) == []


def test_our_own_run_file_does_not_stop_us(path: Path) -> None:
    """The run file of this very start is no living copy."""
    run = RunFile(path.parent / "runs")
    path.write_bytes(b"no" * 5000)
    reopened(path).close()
    assert len(aside(path)) == 1
    run.close()


def test_a_salvage_that_meets_a_full_disk_is_tried_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit now is not given up: the damaged file stays in its place until all that can be read fits."""
    names = filled(path, 5)
    mark_damaged(path)

    def full(upkeep: Upkeep, table: str, row: dict[str, object]) -> bool:
        raise OutboxDiskError("database or disk is full")

    with monkeypatch.context() as disk:
        disk.setattr(Upkeep, "adopt", full)
        with pytest.raises(OutboxDiskError):
            reopened(path)
    with closing(reopened(path)) as outbox:
        assert [end.session_id for end in outbox.ready(10)] == names


def test_a_denial_removes_a_newer_versions_outbox(path: Path) -> None:
    """We cannot know what is the player's in it: all of it goes."""
    filled(path, 1)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    erase(path.parent)
    assert [file.name for file in path.parent.iterdir() if file.name.startswith(path.name)] == []
