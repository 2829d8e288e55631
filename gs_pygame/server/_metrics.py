"""What the server counts, for Prometheus. Of one process; of all workers together where PROMETHEUS_MULTIPROC_DIR names
their folder, which must be so before this is imported. No metric holds a secret, a player or an address.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""prometheus-client's own variable."""

# Of a commit to memory, to a disk, of a script; then what nobody waits for.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10)

HTTP = Histogram("gs_pygame_http_seconds", "HTTP requests, by route", ["method", "route", "status"], buckets=_SECONDS)
REQUESTS = Counter("gs_pygame_requests", "Games' requests that were answered", ["request", "outcome"])
ENDS = Counter("gs_pygame_ends", "Ends of sessions: kept, or known already", ["outcome"])
BATCH = Histogram("gs_pygame_batch_ends", "Ends in one commit", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256))
PLAYING = Gauge("gs_pygame_sockets", "WebSockets that have shaken hands", multiprocess_mode="livesum")
HELD = Gauge("gs_pygame_held_handshakes", "WebSockets that have not", multiprocess_mode="livesum")
UNDER_WAY = Gauge("gs_pygame_under_way", "Games' requests that are under way", multiprocess_mode="livesum")
SHED = Counter("gs_pygame_shed", "Requests refused because there was too much to do")
LIMITED = Counter("gs_pygame_limited", "Requests refused because one address or key had too many")
SCRIPTS = Counter("gs_pygame_cloud_code", "Runs of Cloud Code", ["script", "outcome"])


def answered(name: str, has_error: bool) -> None:
    """A request of a game's was, be it with an `error`. `name` is of a known request."""
    _labelled(REQUESTS, name, "error" if has_error else "ok").inc()


def ended(is_new: bool) -> None:
    """An end came that is kept now, or was before."""
    _labelled(ENDS, "recorded" if is_new else "repeated").inc()


def served(method: str, route: str, status: int, seconds: float) -> None:
    """An HTTP request is over."""
    _labelled(HTTP, method, route, status).observe(seconds)


@cache
def _labelled(metric: Any, *labels: object) -> Any:
    """prometheus-client's own search for it takes longer than to count."""
    return metric.labels(*labels)


def exposition() -> bytes:
    """All of it, in Prometheus' text format."""
    if FOLDER not in os.environ:
        return generate_latest(REGISTRY)
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return generate_latest(together)
