"""Where ends go. `Destination` is the whole protocol, `BatchDestination` one for many at a time; `GameSparks` is the
default."""

from ._protocol import BatchDestination, Delivered, Destination, Outcome, Pause, Rejected, Retry
from .gamesparks import GameSparks

__all__ = [
    "BatchDestination",
    "Delivered",
    "Destination",
    "GameSparks",
    "Outcome",
    "Pause",
    "Rejected",
    "Retry",
]
