"""What was written is on the disk itself, and survives a power cut."""

from __future__ import annotations

import os

try:
    from fcntl import F_FULLFSYNC, fcntl  # type: ignore[attr-defined,unused-ignore]
except ImportError:  # macOS alone has it: its fsync(2) leaves what was written in the drive's own memory
    F_FULLFSYNC = None


def flush(descriptor: int) -> None:
    """All of a file that has been written. A thread that may wait for a disk. Raises OSError."""
    if F_FULLFSYNC is not None:
        try:
            fcntl(descriptor, F_FULLFSYNC)
            return
        except OSError:  # a file system that is not on a drive of this computer's
            pass
    getattr(os, "fdatasync", os.fsync)(descriptor)
