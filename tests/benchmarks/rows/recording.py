"""Recording an end on the game's thread, once a frame, beside a file and the queues that take the same bytes."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ..inside import fill, kept
from ..kit import (
    ABOUT,
    CAP,
    FPS,
    Budget,
    Figure,
    Row,
    Server,
    answer,
    mark,
    measure,
    percentile,
    scratch,
    small_game,
    spawn,
    task_of,
)
from ..subjects import SUBJECTS

ROUNDS, SECONDS = 3, 4.0
BUSY_WITH = 5_000
"""Ends on disk at the start: a server that takes a millisecond for each keeps the courier busy all the time."""

KEPT_OF = 50
"""Things recorded before the process kills itself."""

COMMITTED = 200
"""Things recorded while the pages are counted."""

BYTES = json.dumps({"script_data": {"mark": mark(0), "level": 3}, "about": ABOUT, "measured": "x" * 300})
"""About as much as one of our ends is on disk."""

POWER = {
    "gs_pygame": "yes, from the next heartbeat on (0.8 s)",
    "append": "no",
    "append and fdatasync": "yes",
    "litequeue": "no (synchronous NORMAL; flushed at a checkpoint only)",
    "persist-queue file": "no (flushed after each 100 puts)",
    "persist-queue SQLiteAck": "yes (synchronous FULL)",
    "Sentry": "no (in memory)", "PostHog": "no (in memory)", "GamePulse": "no (in memory)", "Glean": "not known",
}  # fmt: skip

Put = Callable[[str], object]


def _append(folder: Path, flush: bool) -> Put:
    file = (folder / "log").open("ab", buffering=0)

    def put(name: str) -> None:
        file.write(f"{name} {BYTES}\n".encode())
        if flush:
            getattr(os, "fdatasync", os.fsync)(file.fileno())

    return put


def _litequeue(folder: Path) -> Put:
    from litequeue import LiteQueue

    queue = LiteQueue(str(folder / "queue.sqlite3"))
    return lambda name: queue.put(f"{name} {BYTES}")


def _persistqueue_file(folder: Path) -> Put:
    from persistqueue import Queue

    queue = Queue(str(folder / "queue"))
    return lambda name: queue.put(f"{name} {BYTES}")


def _persistqueue_sql(folder: Path) -> Put:
    from persistqueue import SQLiteAckQueue

    queue = SQLiteAckQueue(str(folder / "queue"))
    return lambda name: queue.put(f"{name} {BYTES}")


QUEUES: dict[str, Callable[[Path], Put]] = {
    "append": lambda folder: _append(folder, False),
    "append and fdatasync": lambda folder: _append(folder, True),
    "litequeue": _litequeue,
    "persist-queue file": _persistqueue_file,
    "persist-queue SQLiteAck": _persistqueue_sql,
}
CLIENTS = ("Sentry", "PostHog", "Glean", "GamePulse")
LOGGED = ("litequeue", "persist-queue SQLiteAck")
"""Those that have a write-ahead log."""

LINES = ("gs_pygame", "gs_pygame, courier busy", *QUEUES, *CLIENTS)


def run(quick: bool) -> Row:
    rounds, seconds = (1, 0.5) if quick else (ROUNDS, SECONDS)
    row = Row(
        "recording",
        "Recording an end on the game's thread, microseconds",
        f"Once a frame at {FPS} frames a second, {rounds} x {seconds:.0f} s of each, taking turns. A file and the "
        f"queues are given {len(BYTES)} bytes, about what an end of ours takes. `kept after a kill`: of {KEPT_OF} "
        "things recorded by a process that then killed itself. `power cut`: as their sources say, not tried.",
        against="append",
        plotted=("p50", "p99"),
    )
    spent: dict[str, list[list[float]]] = {line: [] for line in LINES}
    with Server("--delay", "1") as server:
        for _ in range(rounds):
            for line in LINES:
                with scratch() as folder:
                    if line.endswith("busy"):
                        fill(folder, BUSY_WITH)
                    task = {"line": line, "folder": str(folder), "url": server.url, "seconds": seconds}
                    spent[line].append(measure(__name__, task))
    for line, times in spent.items():
        together = [one for each in times for one in each]
        for word, per_cent in {"p50": 50.0, "p99": 99.0, "max": 100.0}.items():
            row.add(line, word, Figure(percentile(together, per_cent), [percentile(each, per_cent) for each in times]))
    for line in POWER:
        row.tell(line, "kept after a kill", f"{_survives(line)} of {KEPT_OF}")
    for line, text in POWER.items():
        row.tell(line, "power cut", text)
    _pages(row)
    ours, busy = row.value("gs_pygame", "p99"), row.value("gs_pygame, courier busy", "p99")
    row.budgets = [
        Budget("an end on the game's thread: p99", 300.0, ours, "us"),
        Budget("an end on the game's thread: p99 over an append", 3.0, ours / row.value("append", "p99"), "x"),
        Budget("an end on the game's thread: p99 over litequeue's put", 1.0, ours / row.value("litequeue", "p99"), "x"),
        Budget("an end on the game's thread: p99, courier busy over idle", 1.5, busy / ours, "x"),
        Budget("an end and the start after it: pages a commit", 2.5, row.value("gs_pygame", "pages a commit"), ""),
    ]
    row.notes.append(
        "The times of ours are of `end_session()` alone; the `start_session()` after it is a commit of its own. "
        f"`pages`: what one call adds to SQLite's write-ahead log, the mean of {COMMITTED}. The file queues have none, "
        "and Bugnet is not here: it keeps no queue, and starts a thread for each report."
    )
    return row


def _pages(row: Row) -> None:
    """How much of a database each of those that have one writes for an end."""
    for line in ("gs_pygame", *(name for name in QUEUES if name in LOGGED)):
        with scratch() as folder:
            task = {"line": line, "folder": str(folder), "url": "http://127.0.0.1:9", "pages": COMMITTED}
            found = measure(__name__, task)
        for name, count in found.items():
            row.add(line, name, Figure.of([count]))


def _survives(line: str) -> int:
    with scratch() as folder:
        place = folder / "data"
        place.mkdir()
        task = {"line": line, "folder": str(place), "url": "http://127.0.0.1:9", "seconds": 0.0}
        spawn(__name__, task, folder).wait(CAP)
        return _found(line, place)


def _found(line: str, folder: Path) -> int:
    """How many of the things recorded are still there for the next process."""
    if line == "gs_pygame":
        return kept(folder, KEPT_OF + 1)
    if line.startswith("append"):
        return (folder / "log").read_bytes().count(b"\n")
    if line == "litequeue":
        from litequeue import LiteQueue

        return int(LiteQueue(str(folder / "queue.sqlite3")).qsize())
    if line in CLIENTS:
        on_disk = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
        return sum(mark(number).encode() in on_disk for number in range(KEPT_OF))
    import persistqueue

    kind: Any = persistqueue.Queue if line.endswith("file") else persistqueue.SQLiteAckQueue
    return int(kind(str(folder / "queue")).qsize())


def _measure() -> None:
    task = task_of(sys.argv)
    put = _put(task["line"], task["url"], Path(task["folder"]), idle=not task["line"].endswith("busy"))
    if "pages" in task:
        answer(sys.argv, _count_pages(put, Path(task["folder"]), task["pages"]))
        os._exit(0)
    if not task["seconds"]:
        for number in range(KEPT_OF):
            if callable(after := put(mark(number))):
                after()
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
    spent: list[float] = []
    warm_up = FPS
    due = time.perf_counter_ns()
    for number in range(warm_up + round(task["seconds"] * FPS)):
        due += 1_000_000_000 // FPS
        time.sleep(max(0, due - time.perf_counter_ns()) / 1e9)
        begun = time.perf_counter_ns()
        after = put(mark(number))
        if number >= warm_up:
            spent.append((time.perf_counter_ns() - begun) / 1e3)
        if callable(after):
            after()
    answer(sys.argv, spent)
    os._exit(0)


def _put(line: str, url: str, folder: Path, idle: bool) -> Put:
    if line in QUEUES:
        return QUEUES[line](folder)
    small_game()
    if not line.startswith("gs_pygame"):
        client = SUBJECTS[line]()
        client.start(url, folder)
        return client.record
    import gs_pygame

    plugin = gs_pygame.install(endpoint=url, data_dir=folder, consent="pending" if idle else "granted")

    def put(name: str) -> Callable[[], None]:
        plugin.end_session({"mark": name, "level": 3})
        return plugin.start_session

    if not idle:
        time.sleep(1.0)  # until the courier has imported requests
    return put


class Log(NamedTuple):
    """A write-ahead log (sqlite.org/fileformat2.html#walformat). `salt` changes when it is written from its beginning
    again; the file does not shrink then, so its size tells nothing.
    """

    salt: bytes
    pages: int
    commits: int

    @staticmethod
    def of(folder: Path) -> Log:
        written = next(folder.rglob("*-wal")).read_bytes()
        salt, page = written[16:24], int.from_bytes(written[8:12], "big")
        pages = commits = 0
        for frame in range(32, len(written), 24 + page):
            if written[frame + 8 : frame + 16] != salt:
                break  # of an earlier turn
            pages += 1
            commits += written[frame + 4 : frame + 8] != bytes(4)
        return Log(salt, pages, commits)

    def since(self, before: Log) -> tuple[int, int]:
        """Pages and commits added."""
        if self.salt != before.salt:
            return self.pages, self.commits
        return self.pages - before.pages, self.commits - before.commits


def _count_pages(put: Put, folder: Path, times: int) -> dict[str, float]:
    """Pages for each call, and for each commit."""
    time.sleep(1.0)  # what the start has to write is written
    calls: dict[str, list[tuple[int, int]]] = {"pages, the end": [], "pages, the start": []}
    put(mark(times))  # the first one makes the log, where there is none
    for number in range(times):
        before = Log.of(folder)
        after = put(mark(number))
        between = Log.of(folder)
        calls["pages, the end"].append(between.since(before))
        if callable(after):
            after()
            calls["pages, the start"].append(Log.of(folder).since(between))
    together = [call for each in calls.values() for call in each]
    said = {name: sum(pages for pages, _ in each) / times for name, each in calls.items() if each}
    said["pages a commit"] = sum(pages for pages, _ in together) / sum(commits for _, commits in together)
    return said


if __name__ == "__main__":
    _measure()
