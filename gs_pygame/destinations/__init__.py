"""Where ends go. `Destination` is the whole protocol; `GameSparks` is the default."""

from ._protocol import Delivered, Destination, Outcome, Pause, Rejected, Retry, attempt
from .gamesparks import GameSparks

__all__ = ["Delivered", "Destination", "GameSparks", "Outcome", "Pause", "Rejected", "Retry", "attempt"]
