"""What a destination is, and all that can come of a delivery."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from .._messages import End, EndSessionResponse


@dataclass(frozen=True, slots=True)
class Delivered:
    """The server answered, verifiably, that it has the end."""

    response: EndSessionResponse


@dataclass(frozen=True, slots=True)
class Rejected:
    """The server refused the end for good, in its own verified words."""

    error: str


@dataclass(frozen=True, slots=True)
class Pause:
    """We are not let in (401, 403): everything is kept, and tried again at the next start, or in an hour."""

    why: str


@dataclass(frozen=True, slots=True)
class Retry:
    """No verified answer: try again later.

    `after`: seconds the server asked for. `server_error`: it was a 5xx. `severe`: somebody has to look, so it is logged
    as an error.
    """

    why: str
    after: float | None = None
    server_error: bool = False
    severe: bool = False


Outcome = Delivered | Rejected | Pause | Retry


class Destination(Protocol):
    """Takes one end at a time, in the courier's thread. Must not raise; an exception counts as Retry."""

    def deliver(self, end: End) -> Outcome:
        """Send `end` and say what came of it. The same end may come again: `end.request_id` stays the same."""
        ...

    def close(self) -> None:
        """Give up connections, in the courier's thread. A later `deliver` may open them again."""
        ...


def attempt(destination: Destination, end: End) -> Outcome:
    """What comes of it, even if it raises: a destination may be anyone's code."""
    try:
        return destination.deliver(end)
    except Exception as error:  # noqa: BLE001
        # Like a server's own error: it may be about this one end, and must not hold up the others for ever.
        return Retry(f"the destination raised {type(error).__name__}", server_error=True)
