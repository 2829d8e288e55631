"""Where ends go. `Destination` is the whole protocol; `GameSparks` is the default."""

from ._protocol import Delivered, Destination, Outcome, Pause, Rejected, Retry

__all__ = ["Delivered", "Destination", "Outcome", "Pause", "Rejected", "Retry"]
