"""What a destination is, and all that can come of a delivery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from .._base.messages import End, EndSessionResponse


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


class BatchDestination(Destination, Protocol):
    """Takes many ends in one request."""

    batch_size: int
    """Ends in one call, at most."""

    def deliver_batch(self, ends: Sequence[End]) -> Sequence[Outcome]:
        """Send `ends`, oldest first, and say what came of each, in the same order. Otherwise as `deliver`."""
        ...


def attempt(destination: Destination, ends: list[End]) -> Sequence[Outcome]:
    """What comes of each, even if it raises: a destination may be anyone's code."""
    try:
        if len(ends) == 1:
            return [destination.deliver(ends[0])]
        outcomes = cast(BatchDestination, destination).deliver_batch(ends)
        if len(outcomes) == len(ends):
            return outcomes
        why = f"the destination said what came of {len(outcomes)} ends, and was given {len(ends)}"
    except Exception as error:  # noqa: BLE001
        why = f"the destination raised {type(error).__name__}"
        if isinstance(error, ImportError) and error.name:
            why += f": {error.name}"
    # Like a server's own error: it may be about one end, which must not hold up the others for ever.
    return [Retry(why, server_error=True)] * len(ends)
