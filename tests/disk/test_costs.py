"""What the outbox costs: pages that a frame's commit writes, and pages that an exit reads, with 10,000 ends as with
none. Counted, not timed."""

from __future__ import annotations

import json
import re
import sys
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from core_kit import DEADLINE, RUN, T0, ids, ready, save, start

from gs_pygame import EndSessionResponse
from gs_pygame._disk.accounts import Counts
from gs_pygame._disk.outbox import Outbox
from gs_pygame._disk.upkeep import MAX_ENDS

PAGE = 4096
"""Bytes: SQLite's own default."""

FRAME = PAGE + 24
"""Bytes of a page in the WAL."""

ABOUT = json.dumps({"appVersion": "1.0", "sdk": "gs_pygame/1.0", "platform": "Linux-6.1-x86_64", "python": "3.11.7"})


def script(size: int) -> str:
    return json.dumps({"x": "y" * size})


def start_full(outbox: Outbox, session_id: str, size: int) -> None:
    outbox.start(RUN, session_id, T0, None, script(size), ABOUT, None)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As many ends as there may be, of 4.5 KB each, none of them delivered, all in the file itself."""
    path = tmp_path_factory.mktemp("full") / "outbox.sqlite3"
    with closing(Outbox(path)) as outbox:
        with outbox.transaction():
            for _ in range(MAX_ENDS):
                session_id = str(uuid.uuid4())
                start_full(outbox, session_id, 4500)
                outbox.save(session_id, "quit", 1.0, 2.0, script(4500), ready=True)
        outbox.checkpoint()
    return path


def written(path: Path, do: Callable[[], object]) -> float:
    """Pages that it adds to the WAL."""
    wal = Path(f"{path}-wal")
    before = wal.stat().st_size
    do()
    return (wal.stat().st_size - before) / FRAME


@pytest.mark.parametrize("backlog", ["none", "full"])
def test_a_frames_commit_writes_few_pages(request: pytest.FixtureRequest, path: Path, backlog: str) -> None:
    """A start and an end, a commit each, write 2.5 pages on average, script data of 500 bytes included; a leave and a
    return three at most."""
    path = path if backlog == "none" else request.getfixturevalue("full")
    outbox = Outbox(path)
    sessions, away = [], []
    for _ in range(200):
        session_id = str(uuid.uuid4())
        sessions.append(written(path, lambda s=session_id: start_full(outbox, s, 500)))
        for leave in (lambda s=session_id: outbox.save(s, "quit", 1.0, 2.0, script(500)), outbox.withdraw):
            away.append(written(path, lambda s=session_id, do=leave: do(s)))
        sessions.append(written(path, lambda s=session_id: outbox.save(s, "quit", 1.0, 2.0, script(500), ready=True)))
    print(f"\nbacklog {backlog}: {sum(sessions) / len(sessions):.2f} pages a commit; away {sum(away) / len(away):.2f}")
    assert sum(sessions) / len(sessions) <= 2.5
    assert sum(away) / len(away) <= 3.1
    outbox.close()


def pages_read(do: Callable[[], object]) -> float:
    def bytes_read() -> int:
        found = re.search(r"rchar: (\d+)", Path("/proc/thread-self/io").read_text())
        assert found
        return int(found[1])

    before = bytes_read()
    do()
    return (bytes_read() - before) / PAGE


@pytest.mark.skipif(sys.platform != "linux", reason="counts what the system says that a thread has read")
def test_what_an_exit_asks_costs_the_same_with_10000_ends(path: Path, full: Path) -> None:
    """With nothing cached: the end of a session is written, and whether anything is unsent is asked, for a few pages of
    an index and of the newest rows more than in an empty outbox. Counting them all would read a hundred."""

    def leave(path: Path) -> dict[str, float]:
        with closing(Outbox(path)) as before:
            start_full(before, "leaving", 500)
            before.checkpoint()
        with closing(Outbox(path)) as outbox:
            return {
                "end": pages_read(lambda: outbox.save("leaving", "quit", 1.0, 2.0, script(500), ready=True)),
                "unsent": pages_read(lambda: outbox.unsent() or pytest.fail("it is unsent")),
                "start": pages_read(lambda: start_full(outbox, "next", 500)),
                "counts": pages_read(outbox.counts),
            }

    few, many = leave(path), leave(full)
    print(f"\npages read, of a few: {few}\nof many: {many}")
    assert many["counts"] > 50  # so cold it is
    for step in ("end", "unsent", "start"):
        assert many[step] - few[step] <= 10
    assert many["unsent"] <= 10


def check(counts: Counts) -> None:
    """What the docstring of Status says of the numbers in it."""
    settled = counts.waiting + counts.ready + counts.rejected + counts.delivered + sum(counts.dropped.values())
    assert counts.ended == settled


def test_status_adds_up_in_every_moment_of_a_delivery(path: Path) -> None:
    """While one thread plays and another delivers, rejects and prunes, each look finds numbers of one moment."""
    outbox = Outbox(path)
    over = threading.Event()
    failed: list[BaseException] = []

    def loop(do: Callable[[Outbox, int], None]) -> threading.Thread:
        def run() -> None:
            try:
                with closing(outbox.another()) as mine:
                    step = 0
                    while not over.is_set():
                        do(mine, step)
                        step += 1
            except BaseException as error:  # noqa: BLE001 - reported by the assertion below
                failed.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def play(mine: Outbox, step: int) -> None:
        start(mine, f"s{step}")
        save(mine, f"s{step}")
        mine.withdraw(f"s{step}")
        mine.save(f"s{step}", "quit", 1.0, 2.0, "{}", ready=True)

    def deliver(mine: Outbox, step: int) -> None:
        for end in mine.ready(2):
            if step % 3:
                mine.deliver(end.session_id, EndSessionResponse(1))
            else:
                mine.reject(end.session_id, "no")
        if step % 10 == 0:
            mine.prune((), max_ends=20)

    threads = [loop(play), loop(deliver)]
    seen: set[tuple[int, int]] = set()
    deadline = time.monotonic() + DEADLINE
    try:
        counts = outbox.counts()
        while (len(seen) < 50 or not counts.dropped) and time.monotonic() < deadline:
            counts = outbox.counts()
            check(counts)
            seen.add((counts.started, counts.delivered))
    finally:
        over.set()
        for thread in threads:
            thread.join(DEADLINE)
    assert failed == []
    assert len(seen) >= 50  # so much happened meanwhile
    assert counts.dropped
    outbox.close()


# What the delivery asks of the outbox


def test_unsent_is_true_while_an_end_waits_or_is_ready(outbox: Outbox) -> None:
    """An open session is no end; what was delivered or refused is no longer unsent."""
    assert not outbox.unsent()
    start(outbox, "s1")
    assert not outbox.unsent()
    save(outbox, "s1")
    assert outbox.unsent()
    outbox.release("s1")
    assert outbox.unsent()
    outbox.deliver("s1", EndSessionResponse(1))
    assert not outbox.unsent()
    ready(outbox, "s2")
    outbox.reject("s2", "no")
    assert not outbox.unsent()


def test_changed_says_once_that_somebody_else_has_written(outbox: Outbox) -> None:
    """Another connection's commit is a change, once; one's own is none, nor is a look."""
    other = outbox.another()
    assert not outbox.changed()
    start(outbox, "s1")
    ids(outbox)
    assert not outbox.changed()
    start(other, "s2")
    assert outbox.changed()
    assert not outbox.changed()
    assert other.changed()
    other.close()


def test_what_is_said_of_the_line_is_for_one_run_and_is_erased(outbox: Outbox) -> None:
    """The last words count; another run is told nothing, and after a denial nobody is."""
    assert outbox.line_of("run-1") is None
    outbox.say_line("run-1", '{"online": true}')
    outbox.say_line("run-1", '{"online": false}')
    assert outbox.line_of("run-1") == '{"online": false}'
    assert outbox.line_of("run-2") is None
    outbox.erase()
    assert outbox.line_of("run-1") is None
