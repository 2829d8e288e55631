"""A process that runs Cloud Code scripts, one after the other, each in a JavaScript engine of its own.

Started by `_cloud_code` as a file, not as a part of the package: it loads the engine and the standard library's json,
and has nothing of the server's, not even its environment. Lines of JSON come in (a job; the answer to a request of the
script's) and go out (what the script does, at the moment it does it, so that a script which is stopped in the middle
has not lost its log):

    {"ready": true}                      once, when the engine is loaded
    {"data": {name: value}}              setScriptData
    {"error": {key: value}}              setScriptError
    {"log": [level, text]}
    {"send": [name, fields, as player or null, whether scripts run]}
                                         then waits for {"response": ...} or {"refused": text}
    {"thrown": text}                     the script's error, with file and line
    {"exited": true}                     Spark.exit(); whatever the script does from then on is without effect
    {"done": true}                       the last of each job

Time is limited twice. The engine stops a script after its second of processor time, which no script can catch, and says
where it was. But it looks at the time between steps of a script only, not within `new Array(4e8).join("ab")`, and an
exception's endless `toString` can hold Python's lock; so after two seconds of anybody's clock faulthandler, whose timer
is a thread in C that needs no lock, ends the process.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import re
import signal
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

REQUESTS = (
    "DeviceAuthenticationRequest",
    "RegistrationRequest",
    "AuthenticationRequest",
    "EndSessionRequest",
    "AnalyticsRequest",
    "LogEventRequest",
    "AccountDetailsRequest",
)
"""What a script may send."""

TIME_IS_UP = 1
"""The exit code that faulthandler ends a process with."""

BROKEN = 70
"""The exit code after an exception of Python's here (sysexits.h, EX_SOFTWARE); Python's own would be 1."""

MEMORY = 32 * 1024 * 1024
"""Bytes of all that one script allocates, its own text among it."""

_SPARE = 1024 * 1024
"""Bytes more for the words about an error when a script has used up its own; a stack and a message take 10 KB."""

_HEAP = 128 * 1024 * 1024
"""Bytes that the whole process may hold, where the system counts them (Linux): should the engine lose count. Python has
10 MB of it, the timer's thread 8 MB of stack, and a script's largest value is there three times while it crosses."""

_STACK = 256 * 1024
"""Bytes of stack for a script: some thousand calls. The main thread has 1 MB or more on every system."""

_MAX_SIZE = 256 * 1024
"""Bytes of JSON: of all script data, of all errors, and of one request. GameSparks' limit for a message."""

_MAX_DEPTH = 100
"""Levels of objects and arrays, as in the server's requests."""

_MAX_LOG_LINES = 200
"""Lines of log a run: more than a person reads, and 200 KB at most."""

_MAX_LOG_TEXT = 1024
"""Characters of one line of log, of an error, and of its stack, of which the innermost lines come first."""

_NULL = "null was thrown: by the script, or by the engine, which had no memory left for an error"

_LEAST = 0.001
"""Seconds, for a time that is up: faulthandler takes none that is not above zero."""

_FRAME = re.compile(r"^ *at (.*?)\(?<input>:(\d+)", re.MULTILINE)

# One line when it runs, so that what stands on line 1 of a stack is never the script, which begins on line 2; therefore
# no comment with two slashes in it. All that it uses later it takes now, from an engine that no script has seen yet.
_PRELUDE = r"""
(function (global, settings) {
  "use strict";
  var names = settings[0], longest = settings[1], ofNull = settings[2];
  var host = global.host;
  delete global.host;
  var parse = JSON.parse, stringify = JSON.stringify, evaluate = eval, text = String;
  var define = Object.defineProperty, freeze = Object.freeze, create = Object.create;
  var Wrong = TypeError, Failure = Error, infinity = Infinity;
  var isError = Function.prototype.call.bind(Object.prototype.isPrototypeOf, Error.prototype);
  var slice = Function.prototype.call.bind(String.prototype.slice);

  function finite(key, value) {
    if (typeof value === "number" && (value !== value || value === infinity || value === -infinity))
      throw new Wrong(text(value) + " is no JSON");
    return value;
  }
  function heard(answer) {
    if (answer[0] === "-") throw new Failure(slice(answer, 1));
    return slice(answer, 1);
  }
  function set(what, method, name, value) {
    if (typeof name !== "string") throw new Wrong(method + " needs a name that is a string");
    var json = stringify(value, finite);
    if (json !== undefined) heard(host(what, stringify(name), json));
  }
  function shown(value) {
    var json = typeof value === "object" && value !== null && !isError(value) ? stringify(value) : undefined;
    return json === undefined ? text(value) : json;
  }
  function line(value) { return stringify(slice(shown(value), 0, longest)); }

  var call = parse(heard(host("call")));
  var player = call.playerId === null ? null : freeze({getPlayerId: function getPlayerId() { return call.playerId; }});
  var log = {};
  function level(name) {
    log[name] = function (value) { heard(host("log", stringify(name), line(value))); };
  }
  level("debug"); level("info"); level("warn"); level("error");
  freeze(log);

  var spark = freeze({
    getData: function getData() { return call.data; },
    getPlayer: function getPlayer() { return player; },
    getSessionId: function getSessionId() { return call.sessionId; },
    getLog: function getLog() { return log; },
    setScriptData: function setScriptData(name, value) { set("data", "setScriptData", name, value); },
    setScriptError: function setScriptError(key, value) { set("error", "setScriptError", key, value); },
    exit: function exit() {
      var answer = host("exit");
      for (var i = 0; i < 1000000; i++) { }
      heard(answer);
    }
  });

  function send(name, request, as, runs) {
    if (as !== null && (typeof as !== "string" || as === "")) throw new Wrong("a player's id is a string");
    var fields = stringify(request, finite);
    return parse(heard(host("send", stringify(name), fields, stringify(as), stringify(runs))));
  }
  function method(prototype, name, body) { define(prototype, name, {value: body}); }
  var requests = {};
  function add(name) {
    var Request = function () { if (new.target === undefined) throw new Wrong("new SparkRequests." + name + "()"); };
    method(Request.prototype, "Send", function Send() { return send(name, this, null, false); });
    method(Request.prototype, "SendAs", function SendAs(player) { return send(name, this, player, false); });
    method(Request.prototype, "Execute", function Execute() { return send(name, this, null, true); });
    method(Request.prototype, "ExecuteAs", function ExecuteAs(player) { return send(name, this, player, true); });
    freeze(Request.prototype);
    requests[name] = freeze(Request);
  }
  for (var i = 0; i < names.length; i++) add(names[i]);

  define(global, "Spark", {value: spark});
  define(global, "SparkRequests", {value: freeze(requests)});
  return function (source) {
    try {
      evaluate(source);
    } catch (thrown) {
      host();
      var what = "\"what was thrown cannot be shown\"", where = "\"\"";
      if (thrown === null) thrown = ofNull;
      try { what = line(thrown); where = line(isError(thrown) ? thrown.stack : ""); } catch (_) { }
      host("thrown", what, where);
    }
  };
})
"""
_PRELUDE_LINE = f"{_PRELUDE} (globalThis, {json.dumps([REQUESTS, _MAX_LOG_TEXT, _NULL])})".replace("\n", " ")


def main(engine: str) -> None:
    """Run jobs from the standard input until it ends. `engine` is the folder in which the engine is installed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which lets go of this process in the end
    sys.path.append(engine)
    from quickjs import Context  # type: ignore[import-untyped]

    _give_up_what_no_script_needs()
    lines, out = sys.stdin.buffer, sys.stdout.buffer
    _write(out, {"ready": True})
    for line in lines:
        _run(Context, json.loads(line), lines, out)
        _write(out, {"done": True})


def _run(context: Callable[[], Any], job: dict[str, Any], lines: BinaryIO, out: BinaryIO) -> None:
    """One script, from an empty engine to its end."""
    engine = context()
    engine.set_memory_limit(MEMORY)
    engine.set_max_stack_size(_STACK)
    limits = _Limits(engine, job["seconds"], job["patience"])
    host = _Host(job, limits, lines, out)
    start = None
    with limits.running():
        try:
            engine.add_callable("host", host)
            start = engine.eval(_PRELUDE_LINE)
            start("\n" + job["source"])
            while not host.exited and engine.execute_pending_job():
                pass
        except Exception as error:  # noqa: BLE001 - also what the wrapper makes of an engine without memory is the script's
            host.uncaught(str(error))
        limits.forget()
        del start, engine  # to take apart what the script has made is a part of its time


class _Limits:
    """How long a script may run."""

    def __init__(self, engine: Any, seconds: float, patience: float) -> None:
        """`seconds` of processor time, within `patience` seconds."""
        self._engine = engine
        self._seconds = seconds
        self._patience = patience
        self._ends = 0.0  # by the process's own clock
        self._began = 0.0

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Time passes."""
        self._ends = time.process_time() + self._seconds
        self._go_on()
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Within `running`: no time passes, since the server is at work."""
        faulthandler.cancel_dump_traceback_later()
        self._patience -= time.perf_counter() - self._began
        try:
            yield
        finally:
            self._go_on()

    def stop(self) -> None:
        """The time is up."""
        self._interrupt_after(0)

    def spare(self) -> None:
        """The script has ended in an error, and may have left no memory to tell it."""
        self._engine.set_memory_limit(MEMORY + _SPARE)

    def forget(self) -> None:
        """Let go of the engine."""
        self._engine = None

    def _go_on(self) -> None:
        self._began = time.perf_counter()
        faulthandler.dump_traceback_later(max(self._patience, _LEAST), exit=True)
        self._interrupt_after(max(self._ends - time.process_time(), _LEAST))

    def _interrupt_after(self, seconds: float) -> None:
        """Have the engine interrupt what it runs after `seconds`, though the wrapper knows of no limit.

        While it knows of one, it refuses calls into Python, and when it has run something it takes back from the engine
        what it has set. So the limit is forgotten while something runs: that this drops the last reference to an object
        of Python's is the only way to have a say then. Were a later wrapper to do this in another way, nothing would be
        interrupted, faulthandler's be the only limit, and Spark.exit() an exception that can be caught, in vain.
        """

        def dropped() -> None: ...

        weakref.finalize(dropped, self._no_limit)
        with contextlib.suppress(Exception):  # rarely it is interrupted itself; or a script was in its way
            self._engine.add_callable("dropped", dropped)
            del dropped
            self._engine.set_time_limit(seconds)
            self._engine.eval("delete globalThis.dropped")
        self._no_limit()

    def _no_limit(self) -> None:
        if self._engine is not None:
            self._engine.set_time_limit(-1)


class _Host:
    """All that a script can reach: called as `host(what, JSON, ...)` it answers "+" and JSON, or "-" and why not."""

    def __init__(self, job: dict[str, Any], limits: _Limits, lines: BinaryIO, out: BinaryIO) -> None:
        self._job = job
        self._limits = limits
        self._lines = lines
        self._out = out
        self._sizes: dict[tuple[str, str], int] = {}
        self._logged = 0
        self.exited = False

    def __call__(self, what: str | None = None, *texts: str) -> str | None:
        if what is None:  # without a word, and without an answer: there may be no memory for either
            self._limits.spare()
            return None
        if self.exited:
            return "-The script has ended."
        size = sum(len(text.encode()) for text in texts)
        if size > _MAX_SIZE:
            return f"-more than {_MAX_SIZE // 1024} KB"
        try:
            values = [json.loads(text) for text in texts]
        except (ValueError, RecursionError):
            return "-too deep, or no JSON"
        if any(_deeper_than(_MAX_DEPTH, value) for value in values):
            return f"-nested deeper than {_MAX_DEPTH} levels"
        if what in ("data", "error"):
            return self._keep(what, size, *values)
        return str(getattr(self, f"_{what}")(*values))

    def uncaught(self, text: str) -> None:
        """What the engine raised, with its stack: an interruption, or an error that there was no memory to look at."""
        if self.exited:
            return
        message, _, stack = text.partition("\n")
        if message == "InternalError: interrupted":
            message = f"it ran for longer than {self._job['seconds']:g} s, here or below"
        elif message == "null":
            message = _NULL
        self._thrown(message, stack)

    def _thrown(self, text: str, stack: str) -> str:
        """The error that ended the script, with the innermost of its own lines."""
        frames = [(name.strip(), int(number) - 1) for name, number in _FRAME.findall(stack)]
        # The engine notes no place for a loop: it is the last one before it, or the whole script's, line 0 here.
        line = next((f":{max(number, 1)}" for name, number in frames if number > 0 or name == "<eval>"), "")
        _write(self._out, {"thrown": f"{self._job['name']}.js{line}: {text.strip()}"})
        return "+"

    def _call(self) -> str:
        return "+" + json.dumps(self._job["call"])

    def _keep(self, what: str, size: int, name: str, value: Any) -> str:
        others = sum(other for key, other in self._sizes.items() if key[0] == what and key != (what, name))
        if others + size > _MAX_SIZE:
            return f"-more than {_MAX_SIZE // 1024} KB in all"
        self._sizes[what, name] = size
        _write(self._out, {what: {name: value}})
        return "+"

    def _log(self, level: str, text: str) -> str:
        self._logged += 1
        if self._logged == _MAX_LOG_LINES:
            level, text = "warn", "The script logs more than is kept."
        if self._logged <= _MAX_LOG_LINES:
            _write(self._out, {"log": [level, text]})
        return "+"

    def _exit(self) -> str:
        self.exited = True
        _write(self._out, {"exited": True})
        self._limits.stop()
        return "-The script has ended."

    def _send(self, name: str, fields: object, as_player: str | None, runs_scripts: bool) -> str:
        if not isinstance(fields, dict):
            return "-a request is an object"
        with self._limits.waiting():
            _write(self._out, {"send": [name, fields, as_player, runs_scripts]})
            line = self._lines.readline()
            if not line:
                os._exit(0)  # the server has gone
        answer = json.loads(line)
        return "-" + answer["refused"] if "refused" in answer else "+" + json.dumps(answer["response"])


def _deeper_than(limit: int, value: object) -> bool:
    """Whether objects and arrays nest deeper than `limit` in `value`, which is the first level if it is one of them."""
    values = [value]
    for _ in range(limit + 1):
        containers = [each for each in values if isinstance(each, dict | list)]
        if not containers:
            return False
        values = [child for box in containers for child in (box.values() if isinstance(box, dict) else box)]
    return True


def _give_up_what_no_script_needs() -> None:
    """No file can be opened or grow from here on, even by an engine that a script has broken out of."""
    if sys.platform == "win32":
        return
    import resource

    limits = [(resource.RLIMIT_NOFILE, 0), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)]
    if sys.platform == "linux":  # elsewhere it counts what is mapped, or nothing
        limits.append((resource.RLIMIT_DATA, _HEAP))
    for which, most in limits:
        resource.setrlimit(which, (most, most))


def _write(out: BinaryIO, event: dict[str, Any]) -> None:
    out.write(json.dumps(event).encode() + b"\n")
    out.flush()


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except Exception:  # noqa: BLE001 - it says so by its exit code; Python's own would pass for the end of the time
        sys.exit(BROKEN)
