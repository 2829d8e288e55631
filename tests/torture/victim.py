"""Has one thing done in a process of its own, and kills that in the midst of it."""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

Begin = Callable[[bytes], None]
"""What the process calls when it has prepared itself, with what it has to say to its killer."""


@dataclass(frozen=True)
class Victim:
    """What became of it. `took`: seconds from its beginning to its end."""

    said: bytes
    took: float
    killed: bool


def victim(do: Callable[[Begin], None], kill_after: float | None = None) -> Victim:
    """Fork, and have `do` done; SIGKILL it `kill_after` seconds after it has begun, unless that is None."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        _die_of(lambda: do(lambda said: _say(writing, said)))
    os.close(writing)
    with open(reading, "rb") as pipe:
        said = pipe.readline()
    began = time.monotonic()
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    killed = os.WIFSIGNALED(status)
    assert killed or status == 0, "it failed; its traceback is on stderr"
    return Victim(said.rstrip(b"\n"), time.monotonic() - began, killed)


def _say(pipe: int, said: bytes) -> None:
    os.write(pipe, said + b"\n")
    os.close(pipe)


def _die_of(do: Callable[[], None]) -> None:
    """Leave by os._exit: nothing of the process that was forked is to be tidied up here."""
    code = 1
    try:
        do()
        code = 0
    except BaseException:  # noqa: BLE001 - it must not go on as a second test runner
        traceback.print_exc()
    finally:
        os._exit(code)
