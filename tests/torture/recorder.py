"""A server that drops repeats by requestId, writes down all that comes in, and now and then fails on purpose."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from gs_pygame.testing import FaultServer, Request, Wire
from gs_pygame.testing.replies import answer, reset_after, reset_before, verified


@dataclass
class Recorded:
    """One end as the server has it. `at`: time.monotonic() of its first arrival."""

    at: float
    body: dict[str, Any]
    repeats: int = 0
    cut: int = 0  # how often its sender cannot have learnt that it had arrived
    changed: list[dict[str, Any]] = field(default_factory=list)

    @property
    def session(self) -> dict[str, Any]:
        return dict(self.body["scriptData"]["session"])


class Recorder:
    """A FaultServer that records. `faults`: the share of requests that are not simply answered; `slow`: seconds that
    an answer takes at most."""

    def __init__(self, seed: str, faults: float = 0.0, slow: float = 0.0) -> None:
        self.ends: dict[str, Recorded] = {}
        self._chance = random.Random(seed)
        self._faults = faults
        self._slow = slow
        self._lock = threading.Lock()
        self.server = FaultServer(default=self._reply)

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *error: object) -> None:
        self.server.close()

    @property
    def url(self) -> str:
        return self.server.url

    def _reply(self, request: Request, wire: Wire) -> None:
        with self._lock:
            fault = self._chance.random() < self._faults
            kind = self._chance.choice(["before", "after", "cut", "503", "429"]) if fault else "none"
            pause = self._chance.random() * self._slow
        wire.pause(pause)
        if len(request.body) < int(request.headers["content-length"]):  # its sender was killed in the middle of it
            wire.hang_up()
        elif kind == "503":
            answer(503)(request, wire)
        elif kind == "429":
            answer(429, headers={"Retry-After": "0.1"})(request, wire)
        elif kind == "before":
            reset_before(request, wire)
        else:
            self._record(request.json, kind == "cut")
            if kind == "cut":
                reset_before(request, wire)
            elif kind == "after":
                reset_after(request, wire)
            else:
                verified()(request, wire)

    def _record(self, body: dict[str, Any], cut: bool) -> None:
        with self._lock:
            known = self.ends.get(body["requestId"])
            if known is None:
                known = self.ends[body["requestId"]] = Recorded(time.monotonic(), body)
            else:
                known.repeats += 1
                if body != known.body:
                    known.changed.append(body)
            known.cut += cut
