"""Several copies of the game, and processes that are killed: one delivers at a time, and each end goes once."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from courier_scene import HOUR, OFFLINE, Scene
from network_kit import DEADLINE, eventually, put

from gs_pygame import End, EndSessionResponse
from gs_pygame._base.patience import TURN_WAIT
from gs_pygame._delivery.courier import AT_A_TIME
from gs_pygame._disk.lock import FileLock
from gs_pygame._disk.outbox import Outbox
from gs_pygame._disk.queue import Queued
from gs_pygame.destinations import Outcome, Pause, Retry
from gs_pygame.testing import FakeClock, FaultServer, Request, Wire
from gs_pygame.testing.replies import verified


def test_one_copy_delivers_at_a_time(tmp_path: Path) -> None:
    """While a copy's attempt is on, another one does nothing; later it looks again."""
    clock = FakeClock()
    one, two = Scene(tmp_path, clock), Scene(tmp_path, clock)
    seen_by_two: list[int] = []

    def attempt(end: End) -> None:
        two.courier.turn()
        seen_by_two.append(len(two.attempts))

    one.during = attempt
    ids = one.put(3)
    clock.advance(0.001)
    assert one.delivered == ids
    assert seen_by_two == [0, 0, 0]
    more = two.put(2)
    clock.advance(TURN_WAIT)
    assert two.delivered == more
    assert one.delivered == ids


def test_what_another_copy_just_delivered_is_not_sent_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between our look at the queue and our lock another copy may deliver: the queue is read again under the lock."""

    def slowly_locked(path: Path) -> FileLock:
        scene.outbox.deliver(first, EndSessionResponse(None))
        return FileLock(path)

    monkeypatch.setattr("gs_pygame._delivery.turn.FileLock", slowly_locked)
    first, second = scene.put(2)
    scene.wait()
    assert scene.attempts == [second]


def test_who_is_second_may_leave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy that has seen another one deliver may go: what it had written just before is delivered, even if the other
    had already found nothing more to do."""
    clock = FakeClock()
    one, two = Scene(tmp_path, clock), Scene(tmp_path, clock)
    left: list[str] = []
    really = one.courier._queue.ready

    def ready(limit: int) -> list[Queued]:
        queue = really(limit)
        if not queue and one.attempts and not left:
            left.extend(put(two.outbox, 1))
            two.courier.turn()
            assert two.courier.is_second
            two.courier.close()
        return queue

    monkeypatch.setattr(one.courier._queue, "ready", ready)
    ids = one.put()
    clock.advance(0.001)
    assert one.delivered == ids + left
    assert len(left) == 1


@pytest.mark.parametrize("outcome", [OFFLINE, Pause("HTTP 403"), Retry("HTTP 429", after=HOUR)])
def test_a_copy_that_waits_keeps_nobody_from_delivering(tmp_path: Path, outcome: Outcome) -> None:
    """What holds up one copy (an old release's wrong key) does not hold up another."""
    clock = FakeClock()
    one, two = Scene(tmp_path, clock), Scene(tmp_path, clock)
    one.comes(outcome)
    (session_id,) = one.put()
    one.wait(0.1)
    assert one.attempts == [session_id]
    two.worker.wake()
    one.wait(0.1)
    assert two.delivered == [session_id]
    one.wait(2 * HOUR)
    assert one.delivered == []


HOLDER = """
import sys
from pathlib import Path
from gs_pygame._disk.lock import FileLock
lock = FileLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_another_process_that_delivers_is_waited_for(scene: Scene) -> None:
    """A real process holds the lock: nothing is tried until it lets go, and within TURN_WAIT after that."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(scene.folder / "delivery-gamesparks.lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        text=True,
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        ids = scene.put(2)
        scene.wait(10 * TURN_WAIT)
        assert scene.attempts == []
        holder.kill()
        holder.wait(DEADLINE)
        scene.wait(TURN_WAIT + 0.1)
        assert scene.delivered == ids


@contextmanager
def three_couriers(folder: Path, url: str) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """Processes that deliver from the outbox in `folder`, by the credential that each puts in the path."""
    processes = {
        name: subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("courier_process.py")), str(folder), url, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            text=True,
        )
        for name in ("a", "b", "c")
    }
    try:
        for process in processes.values():
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes.values():
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        yield processes
    finally:
        for process in processes.values():
            process.kill()
            process.communicate(timeout=DEADLINE)


def test_three_processes_deliver_each_end_once(tmp_path: Path) -> None:
    """Over real sockets: never two attempts at a time, each end once, in order."""
    outbox = Outbox(tmp_path / "outbox.sqlite3")
    ids = put(outbox, 60)
    guard, overlaps = threading.Lock(), 0

    def alone(request: Request, wire: Wire) -> None:
        nonlocal overlaps
        overlaps += not guard.acquire(blocking=False)
        wire.pause(0.003)
        guard.release()
        verified()(request, wire)

    with FaultServer(alone) as server:
        with three_couriers(tmp_path, server.url) as processes:
            eventually(lambda: all(process.poll() is not None for process in processes.values()))
        assert [request.json["requestId"] for request in server.requests] == [f"d_{session_id}" for session_id in ids]
    assert overlaps == 0
    assert outbox.counts().delivered == 60
    outbox.close()


def test_a_killed_process_is_followed_by_the_next(tmp_path: Path) -> None:
    """Another one goes on in order; only those that have no receipt yet may come twice, with the same requestId."""
    outbox = Outbox(tmp_path / "outbox.sqlite3")
    ids = put(outbox, 40)

    def slow(request: Request, wire: Wire) -> None:
        wire.pause(0.003)
        verified()(request, wire)

    with FaultServer(slow) as server:
        with three_couriers(tmp_path, server.url) as processes:
            assert server.wait_for(15)
            processes[server.requests[-1].path.split("/")[2]].kill()
            eventually(lambda: all(process.poll() is not None for process in processes.values()))
        came = [request.json["requestId"] for request in server.requests]
        senders = {request.path.split("/")[2] for request in server.requests}
    assert list(dict.fromkeys(came)) == [f"d_{session_id}" for session_id in ids]
    assert len(came) <= 40 + AT_A_TIME
    assert len(senders) == 2
    assert outbox.counts().delivered == 40
    outbox.close()
