"""Any life of an honest client: no session is called lost that is not, and in the end every one that is."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from server_kit import counters, numbered, record

from gs_pygame.server import Store, open_store


class HonestClient:
    """A client that counts truly, and a network that loses answers, delivers late, and once in a while a whole end."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.started = self.delivered = self.rejected = self.dropped = 0
        self.lost = 0  # acknowledged, and not with the server
        self.hidden = 0  # with the server, though the client has given them up: each may hide a lost one
        self.open: list[int] = []
        self.queue: list[dict[str, Any]] = []
        self.late: list[dict[str, Any]] = []
        self.arrived: set[str] = set()

    def do(self, step: str, which: int) -> None:
        if step == "start":
            self.started += 1
            self.open.append(self.started)
        elif step == "end" and self.open:
            number = self.open.pop(which % len(self.open))
            ended = self.started - len(self.open)
            counts = counters(self.started, ended, self.delivered, self.rejected, full=self.dropped)
            self.queue.append(numbered(number, counters=counts))
        elif step == "arrive" and self.late:
            self.arrive(self.late.pop(which % len(self.late)))
        elif step not in ("start", "end", "arrive") and self.queue:
            self.send(step, which % len(self.queue))

    def send(self, step: str, which: int) -> None:
        body = self.queue[which]
        here = body["requestId"] in self.arrived
        if step == "answer lost":
            self.arrive(body)
        elif step == "late":
            self.late.append(body)
        else:
            del self.queue[which]
            self.delivered += step in ("deliver", "lose")
            self.rejected += step == "reject"
            self.dropped += step == "drop"
            if step == "deliver":
                self.arrive(body)
            elif step == "lose":
                self.lost += not here
                self.late = [other for other in self.late if other is not body]
            else:
                self.hidden += here or any(other is body for other in self.late)

    def arrive(self, body: dict[str, Any]) -> None:
        self.arrived.add(body["requestId"])
        record(self.store, body)

    def settle(self) -> None:
        """Everything ends and arrives, and then one more session does."""
        for step in ["end"] * len(self.open) + ["arrive"] * len(self.late):
            self.do(step, 0)
        for step in ["deliver"] * len(self.queue) + ["start", "end", "deliver"]:
            self.do(step, 0)


faults = ["answer lost", "late", "arrive", "reject", "drop", "lose"]
steps = st.sampled_from([*["start", "end", "deliver"] * 3, *faults])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(steps, st.integers(0, 5)), min_size=10, max_size=40))
def test_nothing_is_called_lost_that_is_not_and_in_the_end_all_that_is(life: list[tuple[str, int]]) -> None:
    """Whatever happens to an honest client, no more is unaccounted for than is lost; once all is quiet, just that."""
    store = open_store("sqlite://")
    client = HonestClient(store)
    for step, which in life:
        client.do(step, which)
        assert sum(gap.unaccounted for gap in store.gaps(10)) <= client.lost
    client.settle()
    gaps = store.gaps(10)
    assert client.lost - client.hidden <= sum(gap.unaccounted for gap in gaps) <= client.lost
    assert all(gap.repeated == gap.open == gap.queued == 0 for gap in gaps)
    store.close()
