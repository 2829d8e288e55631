"""The way in for a helper process of ours, once Python runs. It says nothing, and every step of it may be its last."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import NoReturn

from ._base.patience import TOLD
from ._delivery import frozen
from ._delivery.process import ARGUMENT


def freeze_support() -> None:
    """Call this first thing in a game that is to be frozen, before pygame is imported.

    To send outside the game's frames, and after its exit, a frozen game is started once more, and this call is where
    that second process does its work and ends, instead of opening a second window. Without this call a thread of the
    game sends, and the next start delivers what the exit left. Without effect in a game that is not frozen.
    """
    if not frozen.is_frozen():
        return
    frozen.allow()
    if len(sys.argv) == 2 and sys.argv[1].startswith(ARGUMENT):
        become(sys.argv[1])


def become(told: str, *search: str) -> NoReturn:
    """Be the helper and end this process. `told`: ARGUMENT and the pipe's number; `search`: for sys.path."""
    try:
        limit = threading.Timer(TOLD, os._exit, (0,))
        limit.daemon = True
        limit.start()
        _leave_the_game(int(told.partition("=")[2]))
        pipe = open(0, "rb", closefd=False)  # noqa: SIM115 - sys.stdin is None in a frozen game without a console
        order = json.loads(pipe.readline())
        limit.cancel()
        sys.path += [path for path in search if path not in sys.path]

        from ._delivery.gently import Gently

        gently = Gently()
        serve = gently.call(_loaded)
        serve(pipe, gently, **order)
    finally:
        os._exit(0)


def _loaded() -> Callable[..., None]:
    from ._delivery.helper import serve

    return serve


def _leave_the_game(pipe: int) -> None:
    """Out of the reach of its terminal, and nothing open that was the game's; the pipe is its standard input.

    In the game's session all the same: Linux weighs sessions against each other before it heeds their niceness
    (sched(7), autogroup), and one of its own would weigh as much as the game.
    """
    if pipe:
        os.dup2(pipe, 0)
    if sys.platform == "win32":
        return
    with contextlib.suppress(PermissionError):  # it is a session's leader
        os.setpgid(0, 0)  # Ctrl-C is for the terminal's group
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])  # it was born with all signals blocked
    for number in map(int, os.listdir("/dev/fd") if os.path.isdir("/dev/fd") else range(256)):
        with contextlib.suppress(OSError):
            if number > 2 and os.get_inheritable(number):
                os.close(number)
