"""Starts a helper process beside the game, and says words to it: no wait and no write of the game's can meet it.

It is nobody's child that the game could wait for: a shell starts it in the background, and is gone at once. On Linux
nobody can see that shell either: its parent is a clone of the calling thread, of which the system tells the game
nothing, since its exit signal is none (clone(2); `wait` sees only children whose signal is SIGCHLD).

    game's thread ==clone, waits a few ms==> libc's system() ==> sh ==> python ... &      the helper

The words go through a pipe, of which the game keeps the reading end as well: a write finds it open, whatever became of
the helper, and cannot end a game whose SIGPIPE is at its default.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

from . import frozen

ARGUMENT = "--gs-pygame-helper"
"""With the number of its pipe, all that stands in the command line of a frozen game's helper."""

PIPE_SIZE = 4096
"""Bytes that a pipe takes at once wherever there are pipes (the least that Linux, macOS and Windows give one)."""

SPARE = 64
"""Bytes of these that the order leaves for words."""

LOOK, NUDGE, STOP = b"look\n", b"nudge\n", b"stop\n"
"""What the game says: there is something new; there is hope, whatever the backoff says; go at once."""

NICENESS_IS_A_THREADS = sys.platform.startswith("linux")
"""Whether each thread has a niceness of its own (setpriority(2), "C library/kernel differences")."""

NICENESS = 10
"""What nice(1) adds unless told otherwise. No frame is later by it than by 19, with which a helper on a machine whose
processors are all busy got so little of them that it had sent nothing after two minutes."""

STACK = 128 * 1024
"""Bytes of stack for a call of system(), which needs a few thousand."""

_OURS = "GS_PYGAME_"  # what the environment says to the game, secrets among it, is not for the process

# A one-file game that is started once more would else use, and lose, the folder that the first one removes.
_MORE = {"PYINSTALLER_RESET_ENVIRONMENT": "1"}

# sched.h and wait.h of Linux.
_CLONE_VM = 0x00000100
_CLONE_VFORK = 0x00004000
_WAIT_FOR_ALL = 0x40000000

# Windows' creation flags (winbase.h); subprocess has names for them on Windows only.
_CREATE_NO_WINDOW = 0x08000000
_CREATE_NEW_PROCESS_GROUP = 0x00000200
_CREATE_BREAKAWAY_FROM_JOB = 0x01000000
_BELOW_NORMAL_PRIORITY_CLASS = 0x00004000

_PACKAGE = Path(os.path.abspath(__file__)).parents[1]

# This very gs_pygame, not another version that is installed too; and by its folder alone, since beside a game's script
# there may be files that are named like a module of the standard library. Its __init__ is left out: it would import the
# whole plugin.
_PROGRAM = f"""\
import sys
from importlib import machinery, util
spec = machinery.PathFinder.find_spec("{_PACKAGE.name}", [sys.argv[1]])
sys.modules[spec.name] = util.module_from_spec(spec)
from {_PACKAGE.name}._tasks import become
become(*sys.argv[2:])
"""


class Process:
    """A helper that has been started, and the pipe to it."""

    def __init__(self, order: bytes, folder: str, search: list[str]) -> None:
        """Start it in `folder`; `order`, a line, is the first that it is told. `search`: where else than in Python's
        own folders it finds modules. Takes a few milliseconds. Raises OSError if it is not possible here, and whatever
        an audit hook of the game raises.
        """
        if len(order) > PIPE_SIZE - SPARE:
            raise OSError("what a helper process has to know is too long for a pipe that nobody may read")
        self._ends = _pipe()
        self._child: subprocess.Popen[bytes] | None = None
        self._room = PIPE_SIZE - len(STOP)
        try:
            self.say(order)  # before anybody reads: there is room for it
            arguments = command(0 if sys.platform == "win32" else self._ends[0], search)
            if arguments is None:
                raise OSError(f"{sys.executable or 'no interpreter'} cannot run a process of ours")
            if sys.platform == "win32":
                self._child = _start_on_windows(arguments, folder, self._ends[0])
            else:
                _start(arguments, folder, self._ends[0])
        except BaseException:
            self.close()
            raise

    @property
    def lives(self) -> bool:
        """Whether it is certain that it does: Windows alone knows, where it is asked instead of a lock (see Place)."""
        return self._child is not None and self._child.poll() is None

    def say(self, word: bytes) -> None:
        """Never waits: a helper that is stopped misses what the pipe has no room for."""
        if hasattr(os, "set_blocking"):
            with contextlib.suppress(OSError):
                os.write(self._ends[1], word)
        elif word == STOP or self._room >= len(word):  # Windows before Python 3.12 does not tell whether there is room
            self._room -= len(word)
            os.write(self._ends[1], word)

    def close(self) -> None:
        """No more words."""
        for end in self._ends:
            with contextlib.suppress(OSError):
                os.close(end)
        if self._child is not None:
            self._child.returncode = 0  # nobody waits for it; else Python would warn that it still runs


def prepare() -> None:
    """Read from the disk what a start needs, so that no exit waits for that."""
    with contextlib.suppress(ImportError):  # some builds of Python are without it
        import ctypes  # noqa: F401


def _pipe() -> tuple[int, int]:
    reading, writing = os.pipe()
    if sys.platform != "win32":
        import fcntl

        # A game without standard streams would have them in their place: its prints would be words.
        low = reading, writing
        reading, writing = (fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 3) for end in low)
        for end in low:
            os.close(end)
    if hasattr(os, "set_blocking"):
        os.set_blocking(writing, False)
    return reading, writing


def command(pipe: int, search: list[str]) -> list[str] | None:
    """What runs the helper, in a frozen game too; None if nothing can.

    Isolated (-I): nothing is imported from its working directory, be it by PYTHONPATH or by a missing script's name.
    """
    executable = frozen.program() if frozen.is_frozen() else sys.executable
    if not executable or not os.path.isabs(executable) or not os.access(executable, os.X_OK):
        return None
    if os.path.isdir(executable):
        return None
    told = f"{ARGUMENT}={pipe}"
    if frozen.is_frozen():
        return [executable, told]
    if not os.path.basename(executable).lower().startswith(("python", "pypy")):
        return None  # Python inside another program, which would be started again
    as_the_game_does = ["-B"] if sys.dont_write_bytecode else []
    return [executable, "-I", *as_the_game_does, "-c", _PROGRAM, str(_PACKAGE.parent), told, *search]


def _start(arguments: list[str], folder: str, pipe: int) -> None:
    """By a shell that is gone at once, and of which nobody waits for the helper."""
    names = [name for name in os.environ if name.startswith(_OURS) and name.isidentifier() and name.isascii()]
    line = "".join(f"unset {name}; " for name in names)
    line += "".join(f"export {name}={value}; " for name, value in _MORE.items())
    line += f"cd {shlex.quote(folder)} 2>/dev/null || exit 1; "
    if frozen.is_frozen() or not NICENESS_IS_A_THREADS:  # a one-file game unpacks itself first
        line += f"nice -n {NICENESS} "
    line += f"{shlex.join(arguments)} </dev/null >/dev/null 2>&1 &"
    os.set_inheritable(pipe, True)  # who else inherits it meanwhile does no harm by it
    try:
        try:
            _unseen(os.fsencode(line))
        except (ImportError, AttributeError, OSError):
            # No such clone: macOS, BSD, a sandbox. For the millisecond that the shell lives, another thread of the game
            # that waits for any child may be given this one, and a handler of SIGCHLD is called.
            subprocess.run(["/bin/sh", "-c", line], pass_fds=[pipe], check=False)
    finally:
        os.set_inheritable(pipe, False)


def _unseen(line: bytes) -> None:
    """Have the shell run `line`; no wait of the game's sees it. Raises ImportError, AttributeError or OSError where
    that cannot be, and what an audit hook of the game raises."""
    if not sys.platform.startswith("linux"):
        raise OSError("a clone without a signal is Linux's")
    import ctypes

    sys.audit("subprocess.Popen", "/bin/sh", ["sh", "-c", line], None, None)
    libc = ctypes.CDLL(None, use_errno=True)
    system = ctypes.cast(libc.system, ctypes.c_void_p)
    libc.clone.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p]
    stack = ctypes.create_string_buffer(STACK)
    top = (ctypes.addressof(stack) + STACK) & ~0xF  # it grows downwards
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    try:
        # The clone shares our memory: a signal of its own child's would run the game's handlers in it.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        pid = libc.clone(system, top, _CLONE_VM | _CLONE_VFORK, line)
        if pid < 0:
            raise OSError(ctypes.get_errno(), "clone")
        os.waitpid(pid, _WAIT_FOR_ALL)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _start_on_windows(arguments: list[str], folder: str, pipe: int) -> subprocess.Popen[bytes]:
    environment = {name: value for name, value in os.environ.items() if not name.upper().startswith(_OURS)}
    flags = _CREATE_NO_WINDOW | _CREATE_NEW_PROCESS_GROUP | _BELOW_NORMAL_PRIORITY_CLASS
    try:
        return _popen(arguments, folder, {**environment, **_MORE}, flags | _CREATE_BREAKAWAY_FROM_JOB, pipe)
    except OSError:  # the job that the game runs in lets nobody go
        return _popen(arguments, folder, {**environment, **_MORE}, flags, pipe)


def _popen(
    arguments: list[str], folder: str, environment: dict[str, str], flags: int, pipe: int
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        arguments,
        cwd=folder,
        env=environment,
        stdin=pipe,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        creationflags=flags,
    )
