"""A backlog, and whoever delivers it is killed again and again: each end is there, once in effect, at each destination.

Small unless told otherwise; 10,000 ends and 50 kills for each take some minutes:
GS_PYGAME_DESTINATION_ENDS=10000 GS_PYGAME_DESTINATION_KILLS=50 python -m pytest tests/destinations/test_kills.py
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import notes
import pytest
from network_kit import DEADLINE, put
from sinks_kit import Collector, PostgREST, PostHogStub, Receiver, Stub, row, tell

from gs_pygame._disk.outbox import Outbox
from gs_pygame.destinations import Destination, GameAnalytics, OpenTelemetry, PostHog, Webhook
from gs_pygame.destinations._telling import known
from gs_pygame.testing import FaultServer, Request, Wire

ENDS = int(os.environ.get("GS_PYGAME_DESTINATION_ENDS", "600"))
KILLS = int(os.environ.get("GS_PYGAME_DESTINATION_KILLS", "3"))
SEED = os.environ.get("GS_PYGAME_SEED", "0")
WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PREFER = {"apikey": "s3cret-key", "Prefer": "return=minimal"}
MARKS = {"201": "preference-applied: return=minimal", "409": '"23505"'}


class Logs(Stub):
    """A collector of OTLP: how often each session's end was taken."""

    def __init__(self) -> None:
        self.ends: Counter[str] = Counter()

    def take(self, request: Request, wire: Wire) -> None:
        for resource in request.json["resourceLogs"]:
            for record in resource["scopeLogs"][0]["logRecords"]:
                if record["eventName"] == "session.end":
                    said = {each["key"]: each["value"] for each in record["attributes"]}
                    self.ends[said["session.id"]["stringValue"]] += 1
        tell(request, wire, 200, {})


Way = tuple[Callable[[str], Destination], Callable[[], Any], Callable[[Any], Counter[str]]]
WAYS: dict[str, Way] = {
    "webhook": (
        lambda url: Webhook(url, secret=WHSEC, batch=100),
        Receiver,
        lambda stub: Counter(each.removeprefix("d_") for each in stub.kept),
    ),
    "table": (
        lambda url: Webhook(url, PREFER, batch=100, body=row, delivered=MARKS),
        PostgREST,
        lambda stub: Counter([*stub.rows]),
    ),
    "posthog": (
        lambda url: PostHog("phc_key", url),
        PostHogStub,
        lambda stub: Counter(uuid for uuid, *_ in stub.events),
    ),
    "opentelemetry": (OpenTelemetry, Logs, lambda stub: stub.ends),
    "gameanalytics": (
        lambda url: GameAnalytics("a-game-key", "a-secret-key", url),
        Collector,
        lambda stub: Counter(each["session_id"] for each in stub.events if each["category"] == "session_end"),
    ),
}
REPEATS = {"opentelemetry": 100, "gameanalytics": 16}
"""Ends that may be there twice for each kill, where nobody drops repeats: a batch, or what goes between two commits."""


@pytest.mark.parametrize("name", WAYS)
def test_whoever_delivers_is_killed(tmp_path: Path, name: str, request: pytest.FixtureRequest) -> None:
    """Amid its requests: after the server has taken some, and before there is a receipt."""
    make, stub_of, counted = WAYS[name]
    stub = stub_of()
    chance = random.Random(f"{SEED}/{name}")
    outbox = Outbox(tmp_path / "outbox.sqlite3")
    with outbox.transaction():
        wanted = put(outbox, ENDS)
    killed = 0
    with FaultServer(stub) as server:
        told = json.dumps(known(make(server.url)).told)
        while True:
            before = len(server.requests)
            process = start(tmp_path, told)
            if killed == KILLS:
                assert process.wait(10 * DEADLINE) == 0, "it delivers what is left, and ends"
                break
            assert server.wait_for(before + chance.randint(1, 3)) or process.poll() == 0
            time.sleep(chance.random() * 0.01)  # somewhere in what follows
            if process.poll() is not None:
                break
            process.kill()
            process.wait(DEADLINE)
            killed += 1
    there = counted(stub)
    doubled = sum(there.values()) - len(there)
    counts = outbox.counts()
    outbox.close()
    lost = len(set(wanted) - set(there))
    said = f"{killed} kills, {ENDS} ends, {lost} lost, {doubled} there twice"
    notes.note(request.node, "Killed amid a delivery", name, said)
    assert set(there) == set(wanted)
    assert doubled <= REPEATS.get(name, 0) * killed
    assert (counts.ready, counts.delivered) == (0, len(wanted))


def start(folder: Path, told: str) -> subprocess.Popen[str]:
    here = Path(__file__).parent
    paths = os.pathsep.join([str(here.parents[1]), str(here), str(here.parent)])
    process = subprocess.Popen(
        [sys.executable, str(here / "deliverer.py"), str(folder)],
        stdin=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths, "PYGAME_HIDE_SUPPORT_PROMPT": "1"},
    )
    assert process.stdin
    process.stdin.write(told + "\n")
    process.stdin.close()
    return process
