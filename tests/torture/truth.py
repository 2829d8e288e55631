"""What a game itself knows of its sessions, in memory that outlives a SIGKILL, and how to read it afterwards.

The game notes when play begins and stops; whoever kills it knows when. So the play time that comes of it owes nothing
to the plugin's clocks, threads and files. All times are `time.monotonic()`, which is one clock for all processes.
A game that finds that it has not run for longer than SUSPEND_AFTER was stopped, and nobody played meanwhile.
"""

from __future__ import annotations

import mmap
import struct
import uuid
from dataclasses import dataclass
from pathlib import Path

from gs_pygame._player.lifecycle import SUSPEND_AFTER

_RECORD = struct.Struct("<16sqdd")  # session id, number, seconds played before, since when it is being played or 0
_STEP = struct.Struct("<d")  # when the game last did anything, before all records
_SIZE = 64
_ROOM = 64  # sessions


@dataclass(frozen=True)
class Seen:
    """A session as its game saw it. `number`: 0 if the outbox had not given it one. `active`: seconds of play."""

    session_id: str
    number: int
    active: float
    open: bool


class Truth:
    """The game's side."""

    def __init__(self, path: Path) -> None:
        with path.open("w+b") as file:
            file.truncate(_SIZE * (1 + _ROOM))
            self._memory = mmap.mmap(file.fileno(), _SIZE * (1 + _ROOM))
        self._at = -1
        self._id = uuid.UUID(int=0)
        self._number = 0
        self._before = 0.0
        self._since = 0.0
        self._last = float("inf")

    def follow(self, session_id: str | None, number: int | None, playing: bool, now: float) -> None:
        """This is the session since `now`, and whether the player plays it."""
        if now - self._last > SUSPEND_AFTER:
            self._stop(self._last)
        self._last = now
        self._memory[: _STEP.size] = _STEP.pack(now)
        if session_id is None:
            self._stop(now)
        elif session_id != str(self._id):
            self._stop(now)
            self._at += 1
            self._id, self._number, self._before, self._since = uuid.UUID(session_id), number or 0, 0.0, 0.0
            self._since = now if playing else 0.0
            self._write()
        elif playing != bool(self._since) or (number or 0) != self._number:
            self._number = number or 0
            if playing and not self._since:
                self._since = now
                self._write()
            elif not playing:
                self._stop(now)
            else:
                self._write()

    def _stop(self, now: float) -> None:
        if self._since:
            self._before += now - self._since
            self._since = 0.0
            self._write()

    def _write(self) -> None:
        if self._at < _ROOM:
            record = _RECORD.pack(self._id.bytes, self._number, self._before, self._since)
            begin = (1 + self._at) * _SIZE
            self._memory[begin : begin + len(record)] = record


def read(path: Path, died: float, stopped: tuple[float, float] | None) -> list[Seen]:
    """What the game had seen that died at `died`. `stopped`: from when to when it could not run, if ever: that is no
    play if the game died before it did anything again. A game that was killed early has seen nothing."""
    memory = path.read_bytes() if path.exists() else b""
    found: list[Seen] = []
    if not memory:
        return found
    until = died
    if stopped and _STEP.unpack_from(memory)[0] < stopped[1]:
        until = stopped[0]
    for offset in range(_SIZE, len(memory), _SIZE):
        session, number, before, since = _RECORD.unpack_from(memory, offset)
        if session != bytes(16):
            active = before + (until - since if since else 0.0)
            found.append(Seen(str(uuid.UUID(bytes=session)), number, active, since > 0))
    return found
