"""Where ends go. `Destination` is the whole protocol, `GameSparks` the default; all are plain data until they send."""

from typing import TYPE_CHECKING

from ._protocol import Delivered, Destination, Outcome, Pause, Rejected, Retry
from .gamesparks import GameSparks

if TYPE_CHECKING:
    from .gameanalytics import GameAnalytics
    from .opentelemetry import OpenTelemetry
    from .posthog import PostHog
    from .webhook import Webhook

__all__ = [
    "Delivered",
    "Destination",
    "GameAnalytics",
    "GameSparks",
    "OpenTelemetry",
    "Outcome",
    "Pause",
    "PostHog",
    "Rejected",
    "Retry",
    "Webhook",
]

_ON_DEMAND = frozenset({"GameAnalytics", "OpenTelemetry", "PostHog", "Webhook"})  # a tenth of the time to import us


def __getattr__(name: str) -> object:
    if name not in _ON_DEMAND:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{name.lower()}", __name__), name)
