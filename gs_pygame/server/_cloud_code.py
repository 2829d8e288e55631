"""Cloud Code: JavaScript files named after requests and responses, run in processes that can come to no harm.

The engine is quickjs-ng and not V8 (mini-racer), since a script's `Send()` must return the response: mini-racer calls
only asynchronous functions of Python's, so that a script would have to await them. It is also small: a wheel of 0.5 to
2.5 MB for 15 to 22, 0.3 ms for a context where V8 takes 11 (and 200 for the first), 14 MB for a process and not 67;
one wheel serves Python 3.10 and later on Linux, Windows and macOS on ARM, and an Intel Mac compiles it.

quickjs-ng's wrapper refuses calls into Python while a time limit is set, and the engine looks at that limit between
steps of a script only: `new Array(4e8).join("ab")` ran for half a minute with a limit of one second. So scripts run in
processes (`_cloud_code_child`) that end by themselves, whatever they are doing; and a crash in C stays in there.

    run ──► a child that is idle, or a new one ──► events ──► Outcome
                                            ▲         │
                                            └─ send ◄─┘  a request of the script's, answered on the caller's thread

Two limits have no place in a single script: as many scripts run at once as there are processors, so that none loses its
second to the others; and one that executes requests whose scripts execute requests is held to 3 levels, 64 in all.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from . import _cloud_code_child

JSON = dict[str, Any]
SendRequest = Callable[[JSON, str | None, bool], JSON]
"""Answers a request of a script's: the request with its `@class`, the player to act for (None: the script's own), and
whether scripts attached to it run. Called on the thread of `run`; what it raises, `run` raises."""

RUNNING = 1.0
"""Seconds of a processor that a script may take. What its requests take does not count: that is the server's time."""

PATIENCE = 2.0
"""Seconds of anybody's clock, its requests again left out, after which a script's process is ended: whatever the engine
cannot interrupt, and a script that on a busy machine does not come to its second of a processor."""

MAX_NESTING = 3
"""Scripts that wait for each other. GameSparks' own figure is not known; a chain this long has no use that we know."""

MAX_REQUESTS = 64
"""Requests that one run may send, all that it executes included, so that it ends though they cost it no time."""

MAX_SOURCE = 1024 * 1024
"""Bytes of a script. Its text is in the script's memory two times while it is read."""

_NAME = re.compile(r"[A-Za-z0-9_]{1,64}")
_CREATE_NO_WINDOW = 0x08000000  # winbase.h; subprocess has a name for it on Windows only


@dataclass(frozen=True, slots=True)
class Call:
    """What a script is run for: the request or response, and whose it is."""

    data: JSON
    player_id: str | None
    session_id: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a script did. `error` is what it set, with an error of the script itself under "script"; `exited` says that
    it called Spark.exit(); `log` has its lines as level (debug, info, warn, error) and text.
    """

    script_data: JSON
    error: JSON | None
    exited: bool
    log: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class _Nest:
    """How deep a run is in others, and the numbers of the requests that all of these have sent."""

    depth: int = 1
    sent: Iterator[int] = field(default_factory=lambda: itertools.count(1))


_executing: ContextVar[_Nest | None] = ContextVar("gs_pygame_cloud_code", default=None)
"""The run within whose `send` this thread, or what it has handed its context to, is."""


class CloudCode:
    """The scripts of a folder. Every method on any thread."""

    def __init__(self, folder: Path) -> None:
        """Raises ModuleNotFoundError without the engine. Starts nothing until a script is run."""
        engine = find_spec("quickjs")
        if engine is None or engine.origin is None:
            raise ModuleNotFoundError('Cloud Code needs quickjs-ng: pip install "gs-pygame[server]"')
        self._engine = Path(engine.origin).parents[1]
        self._scripts = _Scripts(folder)
        processors = os.cpu_count() or 1
        self._processors = threading.Semaphore(processors)
        self._most_idle = processors
        self._lock = threading.Lock()
        self._idle: list[_Child] = []
        self._closed = False

    def has(self, name: str) -> bool:
        """Whether there is a script of that name. Looks at the disk."""
        return self._scripts.has(name)

    def run(self, name: str, call: Call, send: SendRequest) -> Outcome:
        """Run a script to its end; if it has just been removed, nothing happened. Never on an event loop: it takes up
        to the limit, the turns of scripts that came before, and what its requests take.

        Raises what `send` raises, OSError if no process can be started, and RuntimeError after `close`.
        """
        try:
            source = self._scripts.source(name)
        except FileNotFoundError:
            return Outcome({}, None, False, [])
        except (OSError, ValueError) as error:
            return _failed(f"{name}.js: {error}")
        job = {
            "name": name,
            "source": source,
            "seconds": RUNNING,
            "patience": PATIENCE,
            "call": {"data": call.data, "playerId": call.player_id, "sessionId": call.session_id},
        }
        above = _executing.get()
        nest = _Nest() if above is None else _Nest(above.depth + 1, above.sent)
        with self._processors, self._child() as child:
            return self._follow(child, job, nest, send)

    def close(self) -> None:
        """End the processes. A script that runs ends first, within its limit."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for child in idle:
            child.end()

    def _follow(self, child: _Child, job: JSON, nest: _Nest, send: SendRequest) -> Outcome:
        """Run `job` in `child`, and gather what it tells."""
        data: JSON = {}
        errors: JSON = {}
        log: list[tuple[str, str]] = []
        exited = False
        child.write(job)
        for event in iter(child.read, {"done": True}):
            if "send" in event:
                child.write(self._answer(event["send"], nest, send))
            elif "log" in event:
                log.append(tuple(event["log"]))
            elif "exited" in event:
                exited = True
            elif "thrown" in event or ("ended" in event and not exited):
                errors["script"] = event.get("thrown") or f"{job['name']}.js: {event['ended']}"
                log.append(("error", errors["script"]))
            else:
                data.update(event.get("data", {}))
                errors.update(event.get("error", {}))
            if "ended" in event:
                break
        return Outcome(data, errors or None, exited, log)

    def _answer(self, request: list[Any], nest: _Nest, send: SendRequest) -> JSON:
        """What the script is told. Meanwhile its processor is another's."""
        name, fields, as_player, runs_scripts = request
        if name not in _cloud_code_child.REQUESTS:
            return {"refused": f"there is no {name}"}
        if runs_scripts and nest.depth >= MAX_NESTING:
            return {"refused": f"scripts execute each other more than {MAX_NESTING} deep"}
        if next(nest.sent) > MAX_REQUESTS:
            return {"refused": f"more than {MAX_REQUESTS} requests in one run"}
        token = _executing.set(nest)
        self._processors.release()
        try:
            return {"response": send({**fields, "@class": f".{name}"}, as_player, runs_scripts)}
        finally:
            self._processors.acquire()
            _executing.reset(token)

    @contextlib.contextmanager
    def _child(self) -> Iterator[_Child]:
        """A child of one's own. It goes back to the idle ones if it is fit for another job."""
        child = self._take()
        try:
            yield child
        finally:
            with self._lock:
                kept = child.fit and not self._closed and len(self._idle) < self._most_idle
                if kept:
                    self._idle.append(child)
            if not kept:
                child.end()

    def _take(self) -> _Child:
        while True:
            with self._lock:
                if self._closed:
                    raise RuntimeError("Cloud Code is closed")
                child = self._idle.pop() if self._idle else None
            if child is None:
                return _Child(self._engine)
            if child.lives():
                return child
            child.end()


class _Child:
    """A process that runs scripts. One thread at a time."""

    def __init__(self, engine: Path) -> None:
        """Start it. Raises OSError."""
        self.fit = False
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", _cloud_code_child.__file__, str(engine)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ},  # secrets stay here
            creationflags=_CREATE_NO_WINDOW if sys.platform == "win32" else 0,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        self.read()

    def lives(self) -> bool:
        return self._process.poll() is None

    def write(self, message: JSON) -> None:
        """Say something to it. If it has gone, `read` tells."""
        self.fit = False
        line = json.dumps(message).encode() + b"\n"
        with contextlib.suppress(OSError):
            self._in.write(line)
            self._in.flush()

    def read(self) -> JSON:
        """What it says next; {"ended": why} once it has gone."""
        line = self._out.readline()
        if line.endswith(b"\n"):
            event: JSON = json.loads(line)
            self.fit = "ready" in event or "done" in event
            return event
        code = self._process.wait()
        if code == _cloud_code_child.TIME_IS_UP:
            return {"ended": f"it ran for longer than {PATIENCE:g} s"}
        return {"ended": f"its process ended with code {code}"}

    def end(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.wait()
        self._out.close()
        with contextlib.suppress(OSError):  # it may hold bytes that nobody reads any more
            self._in.close()


class _Scripts:
    """The texts of a folder's files, read again when they have changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._texts: dict[str, tuple[int, int, str]] = {}

    def has(self, name: str) -> bool:
        return _NAME.fullmatch(name) is not None and self._path(name).is_file()

    def source(self, name: str) -> str:
        """The text. Raises OSError (FileNotFoundError if there is none) and ValueError, which say what is wrong."""
        if _NAME.fullmatch(name) is None:
            raise FileNotFoundError(name)
        path = self._path(name)
        status = path.stat()  # before the text: one that changes in between is read once more the next time
        stamp = (status.st_mtime_ns, status.st_size)
        known = self._texts.get(name)
        if known is not None and known[:2] == stamp:
            return known[2]
        if status.st_size > MAX_SOURCE:
            raise ValueError(f"it is larger than {MAX_SOURCE // 1024} KB")
        try:
            text = path.read_bytes().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ValueError(f"it is not UTF-8 (byte {error.start})") from None
        if "\0" in text:
            raise ValueError("there is a NUL in it, at which the engine would stop to read")
        self._texts[name] = (*stamp, text)
        return text

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.js"


def _failed(text: str) -> Outcome:
    return Outcome({}, {"script": text}, False, [("error", text)])
