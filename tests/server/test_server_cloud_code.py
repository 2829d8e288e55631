"""Cloud Code: what scripts can do and say, what stops them, and that nothing they do reaches the server."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gs_pygame.server import _cloud_code, _cloud_code_child
from gs_pygame.server._cloud_code import Call, CloudCode, Outcome, SendRequest

DEADLINE = 30.0  # seconds; a busy machine needs a fraction of it
CALL = Call({"@class": ".EndSessionRequest", "scriptData": {"score": 7}}, "p-1", "s-1")
RESPONSE = {"@class": ".EndSessionResponse", "sessionDuration": 187_000, "scriptData": {"rank": 3}}

Run = Callable[..., Outcome]


def refuse(*_: object) -> dict[str, Any]:
    raise AssertionError("no request was expected")


def line_of(outcome: Outcome) -> str:
    """The script error, which is logged too."""
    assert outcome.error is not None
    text = outcome.error["script"]
    assert ("error", text) in outcome.log
    assert isinstance(text, str)
    return text


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second is little on a busy machine: no script of a test's is stopped for it that does not run on for ever."""
    monkeypatch.setattr(_cloud_code, "RUNNING", DEADLINE)
    monkeypatch.setattr(_cloud_code, "PATIENCE", DEADLINE)


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[CloudCode]:
    made = CloudCode(tmp_path)
    yield made
    made.close()


@pytest.fixture
def run(cloud: CloudCode, tmp_path: Path) -> Run:
    """Run this text as EndSessionRequest.js."""
    times = itertools.count()

    def run_text(source: str, send: SendRequest = refuse, call: Call = CALL) -> Outcome:
        path = tmp_path / "EndSessionRequest.js"
        path.write_text(source, encoding="utf-8")
        os.utime(path, (0, next(times)))  # two texts of one length within one tick of the disk's clock
        return cloud.run("EndSessionRequest", call, send)

    return run_text


def test_the_sample_runs_as_it_stands(run: Run) -> None:
    """Send() returns the response in the script, synchronously; the request is the dispatcher's to answer."""
    asked: list[object] = []

    def send(*request: object) -> dict[str, Any]:
        asked.append(request)
        return RESPONSE

    outcome = run(
        "var request = new SparkRequests.EndSessionRequest(); var response = request.Send(); "
        "var scriptData = response.scriptData; var sessionDuration = response.sessionDuration;"
        'Spark.setScriptData("seen", [scriptData, sessionDuration]);',
        send,
    )
    assert asked == [({"@class": ".EndSessionRequest"}, None, False)]
    assert outcome == Outcome({"seen": [{"rank": 3}, 187_000]}, None, False, [])


def test_a_script_reads_what_it_is_run_for(run: Run) -> None:
    """getData has the request with its scriptData; the player and the session have their ids."""
    outcome = run(
        'Spark.setScriptData("score", Spark.getData().scriptData.score);'
        'Spark.setScriptData("class", Spark.getData()["@class"]);'
        'Spark.setScriptData("player", Spark.getPlayer().getPlayerId());'
        'Spark.setScriptData("session", Spark.getSessionId());'
    )
    assert outcome.script_data == {"score": 7, "class": ".EndSessionRequest", "player": "p-1", "session": "s-1"}


def test_without_a_player_there_is_none(run: Run) -> None:
    """Nobody is logged in: getPlayer and getSessionId are null."""
    outcome = run('Spark.setScriptData("nobody", [Spark.getPlayer(), Spark.getSessionId()])', call=Call({}, None, None))
    assert outcome.script_data == {"nobody": [None, None]}


def test_an_error_that_is_set_is_no_error_of_the_script(run: Run) -> None:
    """setScriptError fills the error and lets the script go on; nothing is logged."""
    outcome = run('Spark.setScriptError("score", {must: "be whole"}); Spark.setScriptData("after", true);')
    assert outcome == Outcome({"after": True}, {"score": {"must": "be whole"}}, False, [])


def test_a_script_logs_at_four_levels(run: Run) -> None:
    """Text as it is, objects as JSON, an error by its name and message."""
    outcome = run(
        'var log = Spark.getLog(); log.debug("é\\ud800\\0"); log.info({a: [1]}); log.warn(null); '
        'log.error(new TypeError("x"));'
    )
    assert outcome.log == [("debug", "é\ud800\0"), ("info", '{"a":[1]}'), ("warn", "null"), ("error", "TypeError: x")]


@pytest.mark.parametrize(
    "ending",
    [
        "Spark.exit();",
        "try { Spark.exit(); } catch (e) { Spark.setScriptData('caught', 1); }",
        "try { Spark.exit(); } finally { Spark.setScriptData('finally', 1); }",
        "for (;;) { try { Spark.exit(); } catch (e) { } }",
        "(function deep(n) { n ? deep(n - 1) : Spark.exit(); })(100);",
        "[2, 1].sort(function () { Spark.exit(); });",
    ],
)
def test_exit_ends_the_script_at_once(run: Run, ending: str) -> None:
    """Nothing catches it, wherever it is called; it is no error, and what was set before stays."""
    outcome = run(f"Spark.setScriptData('before', 1);\n{ending}\nSpark.setScriptData('after', 1);")
    assert outcome == Outcome({"before": 1}, None, True, [])


def test_promises_are_kept_and_can_exit(run: Run) -> None:
    """What a script has put off is done when it has ended."""
    outcome = run(
        "Promise.resolve().then(function () { Spark.setScriptData('then', 1); Spark.exit(); })"
        ".catch(function () { Spark.setScriptData('caught', 1); }); Spark.setScriptData('first', 1);"
    )
    assert outcome == Outcome({"first": 1, "then": 1}, None, True, [])


def test_what_follows_an_exit_is_in_vain() -> None:
    """Even if the engine did not stop the script: by its process's own word it has ended."""
    told = _Told()
    host = _cloud_code_child._Host({"name": "X", "call": {}}, _NoLimits(), told, told)  # type: ignore[arg-type]
    assert host("exit") == "-The script has ended."
    for words in (
        ["data", '"a"', "1"],
        ["error", '"a"', "1"],
        ["log", '"info"', '"a"'],
        ["send", '"X"', "{}"],
        ["exit"],
    ):
        assert host(*words) == "-The script has ended."
    assert told.events == [{"exited": True}]


class _Told:
    """Stands in for the pipes: remembers what is written."""

    def __init__(self) -> None:
        self.events: list[object] = []

    def write(self, line: bytes) -> None:
        self.events.append(json.loads(line))

    def flush(self) -> None: ...


class _NoLimits:
    def stop(self) -> None: ...


def test_each_request_goes_out_with_its_fields(run: Run) -> None:
    """All that the server answers can be sent, for oneself or another player, with attached scripts or without."""
    asked: list[tuple[object, ...]] = []

    def send(*request: object) -> dict[str, Any]:
        asked.append(request)
        return {"number": len(asked)}

    names = _cloud_code_child.REQUESTS
    outcome = run(
        f"var names = {json.dumps(names)}; var answers = [];"
        "names.forEach(function (name) {"
        "  var request = new SparkRequests[name](); request.eventKey = name; request.f = function () {};"
        "  answers.push(request.Send().number, request.SendAs('p-2').number);"
        "  answers.push(request.Execute().number, request.ExecuteAs('p-2').number);"
        "}); Spark.setScriptData('answers', answers);",
        send,
    )
    assert outcome.error is None
    assert outcome.script_data == {"answers": list(range(1, 4 * len(names) + 1))}
    assert asked == [
        ({"eventKey": name, "@class": f".{name}"}, player, runs)
        for name in names
        for player, runs in ((None, False), ("p-2", False), (None, True), ("p-2", True))
    ]


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("new SparkRequests.Nothing().Send()", "TypeError"),
        ("SparkRequests.EndSessionRequest()", "new SparkRequests.EndSessionRequest()"),
        ("new SparkRequests.EndSessionRequest().SendAs(7)", "a player's id is a string"),
        ("var r = new SparkRequests.EndSessionRequest(); r.x = 1 / 0; r.Send()", "Infinity is no JSON"),
        ("var r = new SparkRequests.EndSessionRequest(); r.toJSON = function () { return 1; }; r.Send()", "an object"),
    ],
)
def test_what_is_no_request_is_refused(run: Run, source: str, why: str) -> None:
    """A script error that says why; nothing was sent."""
    assert why in line_of(run(source))


def test_what_send_raises_run_raises(run: Run) -> None:
    """A fault of the dispatcher's is not the script's; the next run is none the worse."""

    def fail(*_: object) -> dict[str, Any]:
        raise KeyError("the store is gone")

    with pytest.raises(KeyError, match="the store is gone"):
        run("try { new SparkRequests.EndSessionRequest().Send() } catch (e) { }", fail)
    assert run("1").error is None


def test_scripts_execute_each_other_three_deep(cloud: CloudCode, tmp_path: Path) -> None:
    """A script that executes the request it is attached to: the third is refused, and may say so in its own way."""
    (tmp_path / "EndSessionRequest.js").write_text(
        "try { var below = new SparkRequests.EndSessionRequest().Execute(); Spark.setScriptData('below', below.data); }"
        "catch (e) { Spark.setScriptData('refused', e.message); }"
    )

    def send(request: dict[str, Any], _player: str | None, runs_scripts: bool) -> dict[str, Any]:
        assert runs_scripts
        return {"data": cloud.run("EndSessionRequest", Call(request, None, None), send).script_data}

    outcome = cloud.run("EndSessionRequest", CALL, send)
    assert outcome.script_data == {"below": {"below": {"refused": "scripts execute each other more than 3 deep"}}}
    assert cloud.run("EndSessionRequest", CALL, send) == outcome


def test_a_run_sends_64_requests_at_most(run: Run) -> None:
    """What costs a script no time must not go on for ever."""
    asked: list[object] = []

    def send(*request: object) -> dict[str, Any]:
        asked.append(request)
        return {}

    assert line_of(run("for (;;)\n  new SparkRequests.EndSessionRequest().Send();", send)) == (
        "EndSessionRequest.js:2: Error: more than 64 requests in one run"
    )
    assert len(asked) == 64


def test_what_requests_take_is_not_the_scripts_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both its clocks stand still in a request, and go on with what was left."""
    now = _Clock()
    monkeypatch.setattr(_cloud_code_child, "time", now)
    monkeypatch.setattr(_cloud_code_child, "faulthandler", now)
    limits = _cloud_code_child._Limits(now, seconds=1.0, patience=2.0)
    with limits.running():
        assert (now.engine, now.process) == (1.0, 2.0)
        now.pass_by(wall=0.75, processor=0.25)
        with limits.waiting():
            assert now.process is None
            now.pass_by(wall=100, processor=0)
        assert (now.engine, now.process) == (0.75, 1.25)
        with limits.waiting():
            now.pass_by(wall=100, processor=0)
        assert (now.engine, now.process) == (0.75, 1.25)
        now.pass_by(wall=9, processor=9)
        with limits.waiting():
            pass
        assert (now.engine, now.process) == (0.001, 0.001)
    assert now.process is None


class _Clock:
    """Stands in for time, faulthandler and the engine: a time that the test moves, and the limits that were set."""

    def __init__(self) -> None:
        self.wall = self.processor = 0.0
        self.engine: float | None = None
        self.process: float | None = None

    def pass_by(self, wall: float, processor: float) -> None:
        self.wall += wall
        self.processor += processor

    def perf_counter(self) -> float:
        return self.wall

    def process_time(self) -> float:
        return self.processor

    def dump_traceback_later(self, timeout: float, exit: bool) -> None:
        assert exit
        self.process = timeout

    def cancel_dump_traceback_later(self) -> None:
        self.process = None

    def set_time_limit(self, seconds: float) -> None:
        self.engine = seconds if seconds >= 0 else self.engine

    def add_callable(self, _name: str, _function: object) -> None: ...

    def eval(self, _source: str) -> None: ...


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("var a = 1;\n\nnull.b;", "EndSessionRequest.js:3: TypeError: cannot read property 'b' of null"),
        ("\nfunction f() {\n  throw new RangeError('no');\n}\nf();", "EndSessionRequest.js:3: RangeError: no"),
        ("var ok;\nvar = 3;", "EndSessionRequest.js:2: SyntaxError: variable name expected"),
        ("\n\nSpark.setScriptData('a', 0 / 0)", "EndSessionRequest.js:3: TypeError: NaN is no JSON"),
        ("throw 'words'", "EndSessionRequest.js: words"),
        ("throw {code: 5}", 'EndSessionRequest.js: {"code":5}'),
        ("throw undefined", "EndSessionRequest.js: undefined"),
        ("throw Symbol('s')", "EndSessionRequest.js: Symbol(s)"),
        ("throw Object.create(null, {toJSON: {get: function () { throw 1; }}})", "cannot be shown"),
        ("throw new Error('x'.repeat(1e6))", "Error: xxx"),
        ("\nfunction f() { f(); }\nf();", "EndSessionRequest.js:2: RangeError: Maximum call stack size exceeded"),
        ("\nJSON.parse('['.repeat(1e5));", "EndSessionRequest.js:2: RangeError"),
        ("\n'x'.repeat(1 << 29);", "EndSessionRequest.js:2: InternalError: out of memory"),
        ("var s = 'a';\nfor (;;) s += s;", "EndSessionRequest.js:2: InternalError"),
        ("var all = [];\nfor (;;) all.push('x'.repeat(1000) + all.length);", "memory"),
        ("var all = [];\nfor (;;) all.push([]);", "memory"),
        ("new ArrayBuffer(1e9)", "EndSessionRequest.js:1: InternalError: out of memory"),
        ("Spark.setScriptData(7, 7)", "needs a name that is a string"),
        ("var o = {}; o.o = o; Spark.setScriptData('o', o)", "TypeError: circular reference"),
        ("Spark.setScriptData('a', 1n)", "TypeError"),
        ("var o = 1; for (var i = 0; i < 101; i++) o = [o];\nSpark.setScriptData('o', o)", ":2: Error: nested deeper"),
        ("var o = 1; for (var i = 0; i < 1500; i++) o = [o]; Spark.setScriptData('o', o)", "call stack"),
        ("Spark.setScriptData('a', 'é'.repeat(150000))", "more than 256 KB"),
        ("for (var i = 0; i < 9; i++) Spark.setScriptData('a' + i, 'x'.repeat(30000))", "more than 256 KB in all"),
        ("for (var i = 0; i < 9; i++) Spark.setScriptError('a' + i, 'x'.repeat(30000))", "more than 256 KB in all"),
        ("require('fs')", "ReferenceError: require is not defined"),
        ("std.open('/etc/passwd', 'r')", "ReferenceError: std is not defined"),
        ("fetch('http://127.0.0.1/')", "ReferenceError: fetch is not defined"),
    ],
)
def test_what_goes_wrong_is_a_script_error_with_its_place(run: Run, source: str, text: str) -> None:
    """Bounded, with the file and, of what has one, the line; the next run is none the worse."""
    said = line_of(run(source))
    assert said.startswith("EndSessionRequest.js:")
    assert text in said
    assert len(said) < 1200
    assert run("Spark.setScriptData('well', 1)") == Outcome({"well": 1}, None, False, [])


@pytest.mark.parametrize(
    "source",
    [
        "\nwhile (true);",
        "\n/(a+)+$/.test('a'.repeat(40) + 'b');",
        "\nfor (;;) { try { for (;;); } catch (e) { } finally { for (;;); } }",
        "\n[2, 1].sort(function () { for (;;); });",
        "\nPromise.resolve().then(function () { for (;;); });",
        "\nvar o = {get a() { for (;;); }}; Spark.setScriptData('o', o);",
        "\nvar o = {toJSON: function () { for (;;); }}; Spark.getLog().info(o);",
        "\nvar o = new Error(); o.toString = function () { for (;;); }; throw o;",
        "\nthrow {get toJSON() { for (;;); }};",
    ],
)
def test_an_endless_script_is_stopped_by_the_engine(run: Run, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    """After its second of a processor, uncaught, with the last place that the engine knows; what it logged is there."""
    monkeypatch.setattr(_cloud_code, "RUNNING", 0.2)
    outcome = run("Spark.getLog().info('here');" + source)
    said = line_of(outcome)
    assert said.startswith("EndSessionRequest.js:")
    assert said.endswith("it ran for longer than 0.2 s, here or below")
    assert outcome.log[0] == ("info", "here")
    assert run("1").error is None


@pytest.mark.parametrize(
    "source",
    [
        "new Array(4e8).join('ab');",
        "Error.prototype.toString = function () { for (;;) { try { [].x.y; } catch (e) { } } }; for (;;);",
        "for (;;) { try { for (;;); } catch (e) { } }",
    ],
)
def test_what_the_engine_cannot_stop_is_ended(run: Run, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    """With its process, when the patience is over."""
    monkeypatch.setattr(_cloud_code, "PATIENCE", 1.0)
    assert line_of(run(source)) == "EndSessionRequest.js: it ran for longer than 1 s"
    monkeypatch.setattr(_cloud_code, "PATIENCE", DEADLINE)
    assert run("1").error is None


def test_a_crash_of_the_engine_stays_in_its_process(run: Run, children: list[subprocess.Popen[bytes]]) -> None:
    """A script error, with what the script had set until then; the next run has another process."""

    def kill(*_: object) -> dict[str, Any]:
        children[0].kill()
        children[0].wait()
        return {}

    outcome = run("Spark.setScriptData('before', 1); new SparkRequests.EndSessionRequest().Send();", kill)
    assert line_of(outcome).startswith("EndSessionRequest.js: its process ended with code ")
    assert outcome.script_data == {"before": 1}
    assert run("1").error is None


def test_a_call_from_where_the_wrapper_allows_none_is_a_crash_in_there(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error of an interrupted script, shown by a toString of the script's own that calls Python."""
    monkeypatch.setattr(_cloud_code, "RUNNING", 0.2)
    said = line_of(run("Error.prototype.toString = function () { Spark.exit(); }; for (;;);"))
    assert said.startswith("EndSessionRequest.js: its process ended with code ")
    assert run("1").error is None


@pytest.fixture(autouse=True)
def children(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """The processes that a test has started."""
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def start(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        started.append(popen(*arguments, **options))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    return started


@pytest.mark.parametrize(
    "source",
    [
        "Object.prototype.toJSON = function () { return 'polluted'; };",
        "JSON.stringify = JSON.parse = function () { return '{}'; };",
        "Object.prototype.playerId = 'p-2'; Array.prototype.push = String.prototype.slice = null;",
        "Function.prototype.call = Function.prototype.apply = Function.prototype.bind = function () { return 1; };",
        "Object.defineProperty = Object.freeze = null; String = Error = TypeError = 1; globalThis.eval = null;",
        "Object.defineProperty(Object.prototype, '0', {get: function () { return '-'; }, set: function () { }});",
        "Spark = {getData: 1}; SparkRequests = null; delete globalThis.Spark;",
        "Spark.setScriptData = function () { }; Spark.getPlayer().getPlayerId = function () { return 'p-2'; };",
        "SparkRequests.EndSessionRequest.prototype.Send = null; SparkRequests.AnalyticsRequest = null;",
        "globalThis.constructor.constructor('return this')().host = 1;",
        "Error.prepareStackTrace = function (e, sites) { return sites[0].getFunction(); };",
        "Error.stackTraceLimit = 0;",
        "Object.defineProperty(globalThis, 'dropped', {set: function () { throw 1; }});",
        "Object.defineProperty(globalThis, 'dropped', {value: 1});",
    ],
)
def test_the_prelude_takes_no_harm(run: Run, source: str) -> None:
    """Whatever a script changes of the language, Spark and requests work on."""
    outcome = run(
        source + "\ndelete Object.prototype.toJSON; var answer = new SparkRequests.EndSessionRequest().Send();"
        "Spark.setScriptData('answer', answer.sessionDuration);"
        "Spark.setScriptData('player', Spark.getPlayer().getPlayerId());",
        lambda *_: RESPONSE,
    )
    assert outcome == Outcome({"answer": 187_000, "player": "p-1"}, None, False, [])


@pytest.mark.parametrize("word", ["function Spark() { }", "class SparkRequests { }\nSpark.exit();", "let Spark = 1; "])
def test_who_declares_spark_anew_harms_only_himself(run: Run, word: str) -> None:
    """An error, or a Spark of his own; the next run has the real one."""
    run(word)
    assert run("Spark.setScriptData('player', Spark.getPlayer().getPlayerId())").script_data == {"player": "p-1"}


def test_proxies_and_getters_become_plain_json(run: Run) -> None:
    """What is kept is what they said when they were set; functions are dropped, and later changes are not seen."""
    outcome = run(
        "var seen = 0; var box = {get a() { return ++seen; }, f: function () { }, list: [function () { }]};"
        "Spark.setScriptData('box', box); box.late = 1;"
        "Spark.setScriptData('proxy', new Proxy({}, {ownKeys: function () { return ['k']; },"
        "  getOwnPropertyDescriptor: function () { return {enumerable: true, configurable: true}; },"
        "  get: function (t, k) { return k === 'k' ? 'v' : undefined; }}));"
        "Spark.setScriptData('f', function () { }); Spark.setScriptData('date', new Date(0));"
        "Spark.setScriptData('__proto__', {x: 1}); Spark.setScriptData('text', 'é\\ud800\\0');"
    )
    assert outcome.error is None
    assert outcome.script_data == {
        "box": {"a": 1, "list": [None]},
        "proxy": {"k": "v"},
        "date": "1970-01-01T00:00:00.000Z",
        "__proto__": {"x": 1},
        "text": "é\ud800\0",
    }


def test_there_is_room_for_256_kb(run: Run) -> None:
    """As long strings (which the engine keeps in pieces), and when a name is set again."""
    outcome = run(
        "var long = ''; for (var i = 0; i < 200; i++) long += 'x'.repeat(1000) + i % 10;"
        "Spark.setScriptData('long', long); Spark.setScriptData('long', long);"
    )
    assert outcome.error is None
    assert len(outcome.script_data["long"]) == 200 * 1001


def test_a_log_is_bounded(run: Run) -> None:
    """10 MB in one line, and more lines than anybody reads."""
    outcome = run(
        "var big = 'x'.repeat(1e7); Spark.getLog().info(big); Spark.getLog().info(big + 'y');"
        "for (var i = 0; i < 10000; i++) Spark.getLog().info(i);"
    )
    assert outcome.error is None
    assert len(outcome.log) == 200
    assert len(outcome.log[0][1]) == 1024
    assert outcome.log[-1] == ("warn", "The script logs more than is kept.")


def test_nothing_survives_a_run(run: Run, children: list[object]) -> None:
    """Globals and changed prototypes are gone in the next, though it has the same process."""
    run("var mine = 1; globalThis.yours = 2; Object.prototype.theirs = 3; Spark.getData().scriptData.score = 0;")
    outcome = run(
        "Spark.setScriptData('left', [typeof mine, typeof yours, typeof {}.theirs, Spark.getData().scriptData.score])"
    )
    assert outcome.script_data == {"left": ["undefined", "undefined", "undefined", 7]}
    assert len(children) == 1


def test_a_script_finds_nothing_but_the_language(run: Run) -> None:
    """Beside ECMAScript's names, and text to base64, Spark and SparkRequests: no file, process, network or Python."""
    outcome = run(
        "Spark.setScriptData('names', Object.getOwnPropertyNames(globalThis).filter(function (name) {"
        "  return !/^([A-Z]|globalThis|undefined|(is|parse|encode|decode|un)?[a-z]*(NaN|Finite|Int|Float|URI|escape))/"
        "    .test(name); }));"
        "Spark.setScriptData('spark', Object.getOwnPropertyNames(globalThis).filter(function (name) {"
        "  return /^Spark/.test(name); }));"
        "Spark.setScriptData('host', typeof host + typeof dropped);"
    )
    assert outcome.error is None
    assert outcome.script_data["spark"] == ["Spark", "SparkRequests"]
    assert outcome.script_data["host"] == "undefinedundefined"
    assert set(outcome.script_data["names"]) <= {"eval", "queueMicrotask", "performance", "navigator", "atob", "btoa"}


@pytest.mark.skipif(sys.platform == "win32", reason="limits of resources are POSIX'")
def test_its_process_can_open_and_write_nothing_and_knows_no_secret(tmp_path: Path) -> None:
    """Even code of Python's there: no file, no socket, and nothing of the server's environment."""
    program = (
        "import sys, os, socket; sys.path.insert(0, sys.argv[1])\n"
        "import _cloud_code_child; _cloud_code_child._give_up_what_no_script_needs()\n"
        "for what in (lambda: open('/dev/null'), socket.socket, os.pipe):\n"
        "    try: what()\n"
        "    except OSError: print('refused', flush=True)\n"
    )
    home = str(Path(_cloud_code_child.__file__).parent)
    done = subprocess.run([sys.executable, "-c", program, home], capture_output=True, text=True, timeout=DEADLINE)
    assert done.stdout.split() == ["refused"] * 3, done.stderr


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="Linux shows a process's environment")
def test_the_environment_stays_with_the_server(
    run: Run, monkeypatch: pytest.MonkeyPatch, children: list[subprocess.Popen[bytes]]
) -> None:
    """A database's password in it is not where scripts run."""
    monkeypatch.setenv("GS_PYGAME_TEST_SECRET", "hush")
    run("1")
    assert Path(f"/proc/{children[0].pid}/environ").read_bytes() == b""


@pytest.mark.parametrize("name", ["../secret", "..", "a/b", "a\\b", "", "é", "a.b", "a\0", "x" * 65, "EndSession\n"])
def test_a_name_never_leaves_the_folder(tmp_path: Path, name: str) -> None:
    """There is no script of such a name, whatever lies there."""
    (tmp_path / "secret.js").write_text("Spark.setScriptData('in', 1)")
    folder = tmp_path / "scripts"
    folder.mkdir()
    cloud = CloudCode(folder)
    assert not cloud.has(name)
    assert cloud.run(name, CALL, refuse) == Outcome({}, None, False, [])
    cloud.close()


def test_has_says_what_is_there(cloud: CloudCode, tmp_path: Path) -> None:
    """Looked up each time: scripts come and go; a folder is none."""
    assert not cloud.has("EndSessionRequest")
    (tmp_path / "EndSessionRequest.js").write_text("")
    (tmp_path / "Folder.js").mkdir()
    assert cloud.has("EndSessionRequest")
    assert not cloud.has("Folder")
    (tmp_path / "EndSessionRequest.js").unlink()
    assert not cloud.has("EndSessionRequest")
    assert cloud.run("EndSessionRequest", CALL, refuse) == Outcome({}, None, False, [])


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"\xff", "not UTF-8"), (b"1;\0 2", "NUL"), (b" " * (_cloud_code.MAX_SOURCE + 1), "larger than 1024 KB")],
)
def test_a_file_that_is_no_text_is_a_script_error(cloud: CloudCode, tmp_path: Path, content: bytes, why: str) -> None:
    """It names the file and what is wrong with it."""
    (tmp_path / "EndSessionRequest.js").write_bytes(content)
    said = line_of(cloud.run("EndSessionRequest", CALL, refuse))
    assert said.startswith("EndSessionRequest.js: ")
    assert why in said


def test_a_script_that_changes_while_it_runs_is_the_new_one_next_time(cloud: CloudCode, tmp_path: Path) -> None:
    """The run under way keeps the text it began with."""
    path = tmp_path / "EndSessionRequest.js"
    path.write_text("new SparkRequests.EndSessionRequest().Send(); Spark.setScriptData('text', 'old')")

    def change(*_: object) -> dict[str, Any]:
        path.write_text("Spark.setScriptData('text', 'new')")
        return {}

    assert cloud.run("EndSessionRequest", CALL, change).script_data == {"text": "old"}
    assert cloud.run("EndSessionRequest", CALL, refuse).script_data == {"text": "new"}


def test_eight_threads_at_once(cloud: CloudCode, tmp_path: Path) -> None:
    """Each gets its own answer, though there are fewer processors; a request within a run stands in nobody's way."""
    (tmp_path / "EndSessionRequest.js").write_text(
        "var answer = new SparkRequests.LogEventRequest().Send();"
        "Spark.setScriptData('mine', [Spark.getPlayer().getPlayerId(), answer.number]);"
    )
    together = threading.Barrier(8)

    def play(number: int) -> list[Outcome]:
        call = Call({}, f"p-{number}", None)

        def send(*_: object) -> dict[str, Any]:
            together.wait(DEADLINE)  # all eight are in the middle of a run
            return {"number": number}

        return [cloud.run("EndSessionRequest", call, send) for _ in range(5)]

    with ThreadPoolExecutor(8) as pool:
        for number, outcomes in enumerate(pool.map(play, range(8))):
            assert outcomes == [Outcome({"mine": [f"p-{number}", number]}, None, False, [])] * 5


def test_close_ends_every_process(run: Run, cloud: CloudCode, children: list[subprocess.Popen[bytes]]) -> None:
    """And a run after it is refused."""
    run("1")
    cloud.close()
    assert [child.poll() is not None for child in children] == [True]
    with pytest.raises(RuntimeError, match="closed"):
        run("1")


def test_close_lets_a_running_script_end(run: Run, cloud: CloudCode, children: list[subprocess.Popen[bytes]]) -> None:
    """Its answer still counts; its process ends with it."""

    def close(*_: object) -> dict[str, Any]:
        cloud.close()
        return {}

    assert run("new SparkRequests.EndSessionRequest().Send(); Spark.setScriptData('a', 1)", close).script_data == {
        "a": 1
    }
    assert [child.poll() is not None for child in children] == [True]


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot be sent Ctrl-C alone there")
def test_ctrl_c_is_not_for_a_script(run: Run, children: list[subprocess.Popen[bytes]]) -> None:
    """A terminal sends it to every process; the server still answers what it has taken."""

    def interrupt(*_: object) -> dict[str, Any]:
        children[0].send_signal(signal.SIGINT)
        return {}

    outcome = run("new SparkRequests.EndSessionRequest().Send(); Spark.setScriptData('a', 1)", interrupt)
    assert outcome == Outcome({"a": 1}, None, False, [])


def test_a_server_that_dies_leaves_no_process(run: Run, children: list[subprocess.Popen[bytes]]) -> None:
    """The end of its input is the end of a process that waits."""
    run("1")
    (child,) = children
    assert child.stdin is not None
    child.stdin.close()
    assert child.wait(DEADLINE) == 0


def test_a_process_that_has_died_idle_is_replaced(run: Run, children: list[subprocess.Popen[bytes]]) -> None:
    """Nobody's script is blamed for it."""
    run("1")
    children[0].kill()
    children[0].wait()
    assert run("Spark.setScriptData('a', 1)") == Outcome({"a": 1}, None, False, [])
    assert len(children) == 2


def test_without_the_engine_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra brings it."""
    monkeypatch.setattr(_cloud_code, "find_spec", lambda _: None)
    with pytest.raises(ModuleNotFoundError, match=r"gs-pygame\[server\]"):
        CloudCode(tmp_path)
