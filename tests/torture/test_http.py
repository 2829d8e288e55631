"""The reader of HTTP against any sequence of answers."""

from __future__ import annotations

import dataclasses
import json
import random
import uuid
from collections import Counter

import pytest
from network_kit import SECRET, end

from gs_pygame.destinations import Delivered, GameSparks, Outcome, Rejected, _http

from . import counts
from .raw_server import FAULTS_EACH, READ_TIMEOUT, RawServer

ENDS = 3
"""Of a sequence: enough for what is left over from one to meet the next."""

TRIES = 12 * FAULTS_EACH
"""Of one end: those that fail by themselves, and those that what is left over spoils."""


def test_no_answer_is_anothers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Interim answers, kept and closed connections, lengths and chunks, early and late answers, answers to nobody, cut
    anywhere: none is credited to another end, and a server that drops repeats has each end once."""
    monkeypatch.setattr(_http, "READ_TIMEOUT", READ_TIMEOUT)
    server, tries = RawServer(), Counter[str]()
    try:
        for sequence in range(counts.HTTP):
            seed = f"{counts.SEED}, sequence {sequence}"
            server.begin(random.Random(seed))
            destination = GameSparks(f"http://127.0.0.1:{server.port}", SECRET)
            sent = {}
            for number in range(1, ENDS + 1):
                mine = dataclasses.replace(end(str(uuid.uuid4())), number=number)
                outcome = _settled(destination, mine, tries)
                sent[mine.request_id] = number
                assert mine.request_id in server.has, f"{outcome} before the server had it; {seed}"
                if server.refuses(number):
                    assert outcome == Rejected(json.dumps({"number": number})), seed
                else:
                    assert isinstance(outcome, Delivered), seed
                    assert outcome.response.session_duration == number, seed
            assert {request_id: server.has.get(request_id) for request_id in sent} == sent, seed
            destination.close()
    finally:
        server.close()
        print(f"{counts.HTTP} sequences, seed {counts.SEED}: {dict(server.seen)}; {dict(tries)}")


def _settled(destination: GameSparks, mine: object, tries: Counter[str]) -> Outcome:
    for _ in range(TRIES):
        outcome = destination.deliver([mine])[0]  # type: ignore[arg-type]
        tries[type(outcome).__name__] += 1
        assert "HTTP 1" not in repr(outcome), "that was no answer yet"
        if isinstance(outcome, (Delivered, Rejected)):
            return outcome
    raise AssertionError(f"never settled: {outcome}")
