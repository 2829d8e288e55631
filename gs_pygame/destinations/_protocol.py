"""What a destination is, and all that can come of a delivery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

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

    `after`: seconds the server asked for. `server_error`: it was a 5xx, or another answer that may be about this end
    alone. `severe`: somebody has to look, so it is logged as an error.
    """

    why: str
    after: float | None = None
    server_error: bool = False
    severe: bool = False


Outcome = Delivered | Rejected | Pause | Retry


class Destination(Protocol):
    """Where ends go. Plain data until it sends: a frozen dataclass whose module can be imported is told to the helper
    process, which delivers during play and after the exit; any other object stays in the game, and a thread of the
    game delivers to it.
    """

    @property
    def name(self) -> str:
        """What it is called in the outbox, in `status()` and in the log: what lies there under this name is its."""
        ...

    @property
    def batch_size(self) -> int:
        """Ends that it takes at once, at most."""
        ...

    def deliver(self, ends: Sequence[End]) -> Sequence[Outcome]:
        """Send `ends`, oldest first, and say what came of each, in the same order. In one thread at a time. Must not
        raise; an exception counts as a Retry. The same end may come again: `end.request_id` stays the same."""
        ...

    def close(self) -> None:
        """Give up connections, in the thread that delivers. A later `deliver` may open them again."""
        ...


def attempt(destination: Destination, ends: list[End]) -> Sequence[Outcome]:
    """What comes of each, even if it raises: a destination may be anyone's code."""
    try:
        outcomes = destination.deliver(ends)
        if len(outcomes) == len(ends):
            return outcomes
        why = f"the destination said what came of {len(outcomes)} ends, and was given {len(ends)}"
    except Exception as error:  # noqa: BLE001
        why = f"the destination raised {type(error).__name__}"
        if isinstance(error, ImportError) and error.name:
            why += f": {error.name}"
    # Like a server's own error: it may be about one end, which must not hold up the others for ever.
    return [Retry(why, server_error=True)] * len(ends)
