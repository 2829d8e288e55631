"""A destination that remembers what it was given, and fails as it is told."""

from __future__ import annotations

from collections.abc import Sequence

from .._base.messages import End, EndSessionResponse
from ..destinations import Delivered, Outcome, Retry


class FakeDestination:
    """Takes every end, unless `offline` is set or `outcomes` holds what is to come of the next attempts.

    `ends`: what was delivered, in order. `attempts`: every end that was tried, in order. With a FakeClock all of it
    happens in the test's thread.
    """

    def __init__(self) -> None:
        self.ends: list[End] = []
        self.attempts: list[End] = []
        self.outcomes: list[Outcome] = []
        self.offline = False
        self.closed = False

    name = "fake"
    batch_size = 1

    def deliver(self, ends: Sequence[End]) -> list[Outcome]:
        return [self._deliver(end) for end in ends]

    def _deliver(self, end: End) -> Outcome:
        self.attempts.append(end)
        outcome = self.outcomes.pop(0) if self.outcomes else self._answer(end)
        if isinstance(outcome, Delivered):
            self.ends.append(end)
        return outcome

    def close(self) -> None:
        self.closed = True

    def _answer(self, end: End) -> Outcome:
        if self.offline:
            return Retry("no connection to the server")
        return Delivered(EndSessionResponse(round(end.active * 1000)))
