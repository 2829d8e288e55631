"""What the doctor says of one thing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "note", "fault", "skipped"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`cure`: what to do about a note or a fault, in one sentence; or how to have looked at what was skipped."""

    name: str
    state: State
    said: str
    cure: str | None = None
