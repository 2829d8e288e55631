"""What the tests of this folder share: short forms for the outbox, and scripts that run in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import gs_pygame
from gs_pygame._base.messages import Consent
from gs_pygame._disk.consent import Choice
from gs_pygame._disk.outbox import Numbered, Outbox

T0 = 1_800_000_000.0
"""Unix time at which everything in these tests begins (FakeClock's own beginning)."""

DEADLINE = 60.0
"""Seconds after which a child process has failed. Only a helper, of low priority, takes long on a busy machine."""

ENDPOINT = "http://127.0.0.1:9"
"""An address of the right form that nobody answers; fakes deliver in its place."""

RUN = "run-1"

NOBODY = 65534
"""An ordinary user's number."""


def start(outbox: Outbox, session_id: str = "s1", run: str = RUN, script: str = "{}", **given: str | None) -> Numbered:
    """Open a session."""
    return outbox.start(run, session_id, T0, given.get("player"), script, "{}", given.get("previous"))


def save(
    outbox: Outbox, session_id: str = "s1", reason: str = "quit", script: str = "{}", active: float = 10.0
) -> None:
    """Save its end: `active` seconds of play in twice as many."""
    outbox.save(session_id, reason, active, 2 * active, script)  # type: ignore[arg-type]


def ready(outbox: Outbox, *session_ids: str, script: str = "{}") -> None:
    """Sessions that are over, ready to go."""
    for session_id in session_ids:
        start(outbox, session_id)
        save(outbox, session_id, script=script)
        outbox.release(session_id)


def choose(folder: Path, choice: Consent) -> None:
    """The player's choice lies on disk."""
    made = Choice(folder, "granted")
    made.make(choice)
    made.settle()
    assert made.trouble() is None


def begin(folder: Path, setting: Consent) -> None:
    """A game with that setting has started there."""
    Choice(folder, setting).note()


def ids(outbox: Outbox) -> list[str]:
    """The ids of what is ready, in order."""
    return [end.session_id for end in outbox.ready(100_000)]


def environment(**more: str) -> dict[str, str]:
    """A child's environment: no screen, no setting of ours but `more`, and this gs_pygame."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("GS_PYGAME_") and k != "DO_NOT_TRACK"}
    root = str(Path(gs_pygame.__file__).parents[1])
    return {**inherited, "SDL_VIDEODRIVER": "dummy", "PYTHONPATH": root, "PYGAME_HIDE_SUPPORT_PROMPT": "1", **more}


def child(script: str, *arguments: object, **more: str) -> AbstractContextManager[subprocess.Popen[str]]:
    """A process that runs `script`; killed at the end if it still lives."""
    return started([sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)], **more)


@contextmanager
def started(command: list[str], **more: str) -> Iterator[subprocess.Popen[str]]:
    """A process that runs `command`; killed at the end if it still lives."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**more),
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=DEADLINE)


def run(script: str, *arguments: object, deadline: float = DEADLINE, **more: str) -> subprocess.CompletedProcess[str]:
    """Run `script` to its end."""
    with child(script, *arguments, **more) as process:
        out, err = process.communicate(timeout=deadline)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def line_of(process: subprocess.Popen[str]) -> str:
    """The next line the child says; fails with its error output if it died instead."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise AssertionError(f"the child ended: {process.communicate(timeout=DEADLINE)[1]}")
    return line.rstrip("\n")


def tell(process: subprocess.Popen[str], line: str = "go") -> None:
    """Say a line to the child."""
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()
