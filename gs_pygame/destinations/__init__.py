"""Where ends go. `Destination` is the whole protocol, `GameSparks` the default."""

from ._protocol import Delivered, Destination, Outcome, Pause, Rejected, Retry
from .gamesparks import GameSparks

__all__ = [
    "Delivered",
    "Destination",
    "GameSparks",
    "Outcome",
    "Pause",
    "Rejected",
    "Retry",
]
