"""What one end costs when 100, 1,000, 10,000 or 100,000 others are waiting: put, take, receipt."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from .. import inside
from ..kit import ABOUT, Budget, Figure, Row, answer, mark, measure, scratch, task_of

BACKLOGS = (100, 1_000, 10_000, 100_000)
ENDS, ROUNDS = 50, 5
STEPS = ("put", "take", "receipt")


def run(quick: bool) -> Row:
    rounds, backlogs = (1, BACKLOGS[:3]) if quick else (ROUNDS, BACKLOGS)
    row = Row(
        "backlog",
        "Cost of an end by backlog, microseconds",
        f"The outbox by itself, on disk: the median of {ENDS} ends, each put (a session's start and its end: two "
        f"commits), taken and given its receipt; {rounds} rounds, taking turns. litequeue: put, pop, done. In a game "
        "the outbox keeps 10,000 ends at most.",
        against=f"gs_pygame, {BACKLOGS[0]:,}",
    )
    spent: dict[str, dict[str, list[float]]] = {}
    for _ in range(rounds):
        for backlog in backlogs:
            for subject in ("gs_pygame", "litequeue"):
                with scratch() as folder:
                    if subject == "gs_pygame":
                        inside.fill(folder, backlog)
                    found = measure(__name__, {"subject": subject, "backlog": backlog, "folder": str(folder)})
                for step in STEPS:
                    spent.setdefault(f"{subject}, {backlog:,}", {}).setdefault(step, []).append(found[step])
    for line, steps in sorted(spent.items(), key=lambda item: item[0].startswith("litequeue")):
        for step in STEPS:
            row.add(line, step, Figure.of(steps[step]))
        row.add(line, "sum", Figure.of([sum(each) for each in zip(*(steps[step] for step in STEPS), strict=True)]))
    largest = f"gs_pygame, {backlogs[-1]:,}"
    row.budgets.append(Budget(f"an end at a backlog of {backlogs[-1]:,}", 1.2, row.ratio(largest, "sum") or 0.0, "x"))
    row.notes.append(
        "persist-queue is not here: its file queue knows no receipts, and SQLiteAckQueue takes a minute to fill, since "
        "each put flushes the disk."
    )
    return row


def _measure() -> None:
    task = task_of(sys.argv)
    folder = Path(task["folder"])
    cost = _ours(folder) if task["subject"] == "gs_pygame" else _litequeue(folder, task["backlog"])
    answer(sys.argv, {step: sorted(each)[len(each) // 2] / 1e3 for step, each in zip(STEPS, cost, strict=True)})


def _ours(folder: Path) -> list[list[int]]:
    outbox = inside.open_in(folder)
    puts, takes, receipts = [], [], []
    for number in range(2 * ENDS):
        begun = time.perf_counter_ns()
        inside.put(outbox, mark(number))
        put = time.perf_counter_ns()
        head = inside.take(outbox)
        taken = time.perf_counter_ns()
        inside.receipt(outbox, head)
        done = time.perf_counter_ns()
        if number >= ENDS:  # the first half warms up
            puts.append(put - begun)
            takes.append(taken - put)
            receipts.append(done - taken)
    return [puts, takes, receipts]


def _litequeue(folder: Path, backlog: int) -> list[list[int]]:
    from litequeue import LiteQueue

    queue = LiteQueue(str(folder / "queue.sqlite3"))
    data = ABOUT * 4
    with queue.transaction(mode="IMMEDIATE"):
        for _ in range(backlog):
            queue.put(data)
    puts, takes, receipts = [], [], []
    for number in range(2 * ENDS):
        begun = time.perf_counter_ns()
        queue.put(data)
        put = time.perf_counter_ns()
        message = queue.pop()
        taken = time.perf_counter_ns()
        queue.done(message.message_id if message else "")
        done = time.perf_counter_ns()
        if number >= ENDS:
            puts.append(put - begun)
            takes.append(taken - put)
            receipts.append(done - taken)
    return [puts, takes, receipts]


if __name__ == "__main__":
    _measure()
