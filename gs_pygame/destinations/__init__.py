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


def __getattr__(name: str) -> object:
    """The others, once one is asked for: they are a tenth of the time that importing us would take. Named in full, so
    that PyInstaller finds them."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .gameanalytics import GameAnalytics
    from .opentelemetry import OpenTelemetry
    from .posthog import PostHog
    from .webhook import Webhook

    globals().update({each.__name__: each for each in (GameAnalytics, OpenTelemetry, PostHog, Webhook)})
    return globals()[name]
