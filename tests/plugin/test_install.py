"""install(), the global plugin, and the hooks in pygame."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import functools
import inspect
import pickle
import pydoc
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pygame
import pytest
from core_kit import ENDPOINT, run

import gs_pygame
from gs_pygame import (
    AlreadyInstalledError,
    ConfigurationError,
    EndSessionRequest,
    EndSessionResponse,
    NotInstalledError,
    SessionPlugin,
    Settings,
    testing,
)
from gs_pygame.testing import Player

GIVEN: dict[str, Any] = {"app": "Starfall", "author": "Example Studio", "endpoint": ENDPOINT}

HOOKED = [
    (pygame.event, "get"),
    (pygame.event, "poll"),
    (pygame.event, "wait"),
    (pygame.event, "pump"),
    (pygame.event, "clear"),
    (pygame.display, "flip"),
    (pygame.display, "update"),
    (pygame.display, "quit"),
    (pygame, "quit"),
]
by_name = pytest.mark.parametrize(("module", "name"), HOOKED, ids=[f"{m.__name__}.{n}" for m, n in HOOKED])


@pytest.fixture
def player(tmp_path: Path, screen: None) -> Iterator[Player]:
    """A fake player; install() makes plugins for them."""
    with testing.game(tmp_path / "data") as made:
        yield made


# Once


def test_the_same_settings_give_the_same_plugin(player: Player) -> None:
    """Equal values, not the same objects; functions the same by identity."""

    def level() -> dict[str, int]:
        return {"level": 1}

    first = gs_pygame.install(**GIVEN, script_data=level, background_grace=30)
    assert gs_pygame.install(**GIVEN, script_data=level, background_grace=30.0) is first
    assert first.session is not None
    assert first.session.number == 1


def test_other_settings_are_refused_by_name(player: Player) -> None:
    """AlreadyInstalledError names the settings that differ, never the values of secrets, and what to do."""
    gs_pygame.install(**GIVEN, secret="first-secret", api_key="first-key", background_grace=30)
    with pytest.raises(AlreadyInstalledError) as caught:
        gs_pygame.install(**GIVEN, secret="other-secret", api_key="other-key", background_grace=60)
    said = str(caught.value)
    assert all(word in said for word in ("secret", "api_key", "background_grace", "close()"))
    assert not any(word in said for word in ("first-", "other-", "endpoint"))


def test_other_functions_are_other_settings(player: Player) -> None:
    """Two functions that do the same are not equal under different names."""

    def one() -> dict[str, int]:
        return {"level": 1}

    gs_pygame.install(**GIVEN, script_data=one)
    with pytest.raises(AlreadyInstalledError, match="script_data"):
        gs_pygame.install(**GIVEN, script_data=lambda: {"level": 1})


MODULE = """
import functools, gs_pygame
def named(given={level}): return {{"level": given}}
class Callable:
    def __call__(self): return {{"level": {level}}}
    def method(self): return {{"level": {level}}}
plugin = gs_pygame.install(**GIVEN, script_data={function}, on_delivered=lambda *told: TOLD.append({level}))
"""


@pytest.mark.parametrize(
    "function", ["named", "lambda: named()", "Callable()", "Callable().method", "functools.partial(named, {level})"]
)
def test_a_module_that_is_loaded_again_has_the_same_plugin(player: Player, function: str) -> None:
    """So has a notebook's cell that is run again: its functions are made anew, and the newer ones are called."""
    told: list[int] = []
    module = {"__name__": "game", "GIVEN": GIVEN, "TOLD": told}
    for level in (1, 2):
        exec(MODULE.format(level=level, function=function.format(level=level)), module)
        first = module.setdefault("first", module["plugin"])
        assert module["plugin"] is first
    player.wait(1)
    EndSessionRequest().send()
    player.wait(1)
    assert [end.script_data for end in player.ends] == [{"level": 2}]
    assert told == [2]


def test_a_dictionary_that_has_changed_since_is_the_setting_that_it_was(player: Player) -> None:
    """The game may write into the one it gave; loaded again it gives a new one, which is the one that goes along."""
    state = {"level": 1}
    first = gs_pygame.install(**GIVEN, script_data=state)
    state["level"] = 2
    again = {"level": 1}
    assert gs_pygame.install(**GIVEN, script_data=again) is first
    again["level"] = 3
    EndSessionRequest().send()
    player.wait(1)
    assert [end.script_data for end in player.ends] == [{"level": 3}]


def test_the_environment_counts_as_settings(player: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value from the environment equals the same value as an argument."""
    monkeypatch.setenv("GS_PYGAME_PLAYER_ID", "ada")
    first = gs_pygame.install(**GIVEN)
    assert gs_pygame.install(**GIVEN, player_id="ada") is first
    with pytest.raises(AlreadyInstalledError, match="player_id"):
        gs_pygame.install(**GIVEN, player_id="bob")


def test_after_close_another_plugin_may_be_installed(player: Player) -> None:
    """close(), then any settings; the sessions are numbered on."""
    first = gs_pygame.install(**GIVEN)
    first.close()
    second = gs_pygame.install(**GIVEN, background_grace=60)
    assert second is not first
    assert second.session is not None
    assert second.session.number == 2


@pytest.mark.parametrize("close_first", [True, False])
def test_a_disabled_plugin_makes_way_after_close(player: Player, close_first: bool) -> None:
    """A disabled plugin is one like any other: the same again before close(), other settings after it."""
    first = gs_pygame.install(enabled=False)
    assert gs_pygame.install(enabled=False) is first
    if close_first:
        first.close()
        assert gs_pygame.install(**GIVEN).session is not None
    else:
        with pytest.raises(AlreadyInstalledError, match="enabled"):
            gs_pygame.install(**GIVEN)


def test_a_wrong_setting_installs_nothing(player: Player) -> None:
    """After a ConfigurationError nothing is hooked, nothing is on disk, and a right install() works."""
    before = [getattr(module, name) for module, name in HOOKED]
    with pytest.raises(ConfigurationError):
        gs_pygame.install(**GIVEN, background_grace=0.1)
    assert [getattr(module, name) for module, name in HOOKED] == before
    with pytest.raises(NotInstalledError):
        EndSessionRequest().send()
    assert gs_pygame.install(**GIVEN).session is not None


def test_install_takes_names_only() -> None:
    """Every argument is named, so that their order can change."""
    kinds = {parameter.kind for parameter in inspect.signature(gs_pygame.install).parameters.values()}
    assert kinds == {inspect.Parameter.KEYWORD_ONLY}
    assert set(inspect.signature(gs_pygame.install).parameters) == set(Settings.__dataclass_fields__)


# The seed's call


def test_end_session_request_goes_all_the_way(player: Player) -> None:
    """send(callback): durable at once, delivered by the courier, answered on the game's thread in the next frame."""
    gs_pygame.install(**GIVEN, script_data={"level": 3, "coins": 1})
    answers: list[EndSessionResponse] = []
    player.wait(10)
    EndSessionRequest(script_data={"coins": 7}).send(answers.append)
    assert answers == []
    player.wait(1)
    assert answers == [EndSessionResponse(10_000, {})]
    (end,) = player.destination.ends
    assert (end.reason, end.script_data) == ("explicit", '{"level":3,"coins":7}')
    assert end.request_id.startswith("d_")


def test_end_session_request_needs_no_callback(player: Player) -> None:
    """send() alone does the same as plugin.end_session()."""
    plugin = gs_pygame.install(**GIVEN)
    EndSessionRequest().send()
    assert plugin.session is None
    player.wait(1)
    assert [end.reason for end in player.ends] == ["explicit"]


@pytest.mark.parametrize("script_data", [None, 5, [1], "abc", {1: object()}])
def test_a_wrong_request_ends_the_session_all_the_same(
    player: Player, script_data: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Script data that cannot be sent raises nothing into the game: it is logged, and the end goes without it."""
    gs_pygame.install(**GIVEN, script_data={"level": 3})
    EndSessionRequest(script_data=script_data).send()
    player.wait(1)
    assert [end.script_data for end in player.ends] == [{"level": 3}]
    assert ("script_data" in caplog.text) == (script_data is not None)


def test_a_callback_that_raises_is_logged(player: Player, caplog: pytest.LogCaptureFixture) -> None:
    """The game goes on, and on_delivered is still called."""
    told: list[str] = []
    gs_pygame.install(**GIVEN, on_delivered=lambda session, response: told.append(session.id))
    EndSessionRequest().send(lambda response: 1 / 0)
    player.wait(1)
    assert "ZeroDivisionError" in caplog.text
    assert len(told) == 1


def test_without_a_plugin_the_request_says_so(player: Player) -> None:
    """NotInstalledError before install() and after close(), naming install()."""
    with pytest.raises(NotInstalledError, match="install"):
        EndSessionRequest().send()
    gs_pygame.install(**GIVEN).close()
    with pytest.raises(NotInstalledError, match="install"):
        EndSessionRequest().send()


def test_with_a_disabled_plugin_the_request_does_nothing(player: Player) -> None:
    """Installed but disabled: no error, no end."""
    gs_pygame.install(enabled=False)
    EndSessionRequest({"a": 1}).send(print)
    player.wait(1)
    assert player.destination.attempts == []


# What an import costs, and what there is


def test_the_public_names_are_these() -> None:
    """One sorted __all__; each name is there; a change here is a change of the interface."""
    assert gs_pygame.__all__ == [
        "AlreadyInstalledError",
        "ConfigurationError",
        "DestinationStatus",
        "End",
        "EndSessionRequest",
        "EndSessionResponse",
        "Erasure",
        "GsPygameError",
        "NotInstalledError",
        "PygameNotFoundError",
        "Session",
        "SessionPlugin",
        "Settings",
        "Status",
        "__version__",
        "freeze_support",
        "install",
    ]
    assert gs_pygame.__all__ == sorted(gs_pygame.__all__)
    assert all(hasattr(gs_pygame, name) for name in gs_pygame.__all__)
    assert testing.__all__ == sorted(testing.__all__)


LOADED = """
    import sys
    before = set(sys.modules)
    import gs_pygame
    new = {name.partition(".")[0] for name in set(sys.modules) - before}
    print(*sorted(new & {"pygame", "requests", "urllib3", "ssl", "http", "ctypes", "multiprocessing",
                         "asyncio", "starlette", "uvicorn", "sqlalchemy", "jinja2", "typer", "rich", "appdirs"}))
    import gs_pygame.testing
"""


def test_importing_it_loads_neither_pygame_nor_requests() -> None:
    """Nor anything else that a game did not ask for."""
    done = run(LOADED)
    assert (done.stdout.strip(), done.stderr, done.returncode) == ("", "", 0)


INSTALL = f"""
    import sys, tempfile
    import gs_pygame
    try:
        gs_pygame.install(app="A", author="B", endpoint="{ENDPOINT}", data_dir=sys.argv[1])
    except gs_pygame.PygameNotFoundError as error:
        print(error)
        print(isinstance(error, gs_pygame.ConfigurationError))
"""

BLOCKED = (
    """
    import sys
    class Blocker:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] == "pygame":
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    sys.meta_path.insert(0, Blocker())
"""
    + INSTALL
)

EMPTIED = (
    """
    import sys, types
    sys.path.insert(0, sys.argv[2])
    real = [p for p in sys.path if "site-packages" in p or "dist-packages" in p]
    import pygame
    assert not hasattr(pygame, "init"), pygame
"""
    + INSTALL
)


def said_without_pygame(script: str, *arguments: object) -> str:
    done = run(script, *arguments)
    assert done.stderr == ""
    message, configuration = done.stdout.splitlines()
    assert configuration == "True"
    return message


def test_without_pygame_it_names_both_commands(tmp_path: Path) -> None:
    """No pygame at all: PygameNotFoundError, a ConfigurationError; nothing is written."""
    message = said_without_pygame(BLOCKED, tmp_path / "data")
    assert "pip install pygame`" in message
    assert "pip install pygame-ce`" in message
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("empty_init", [False, True])
def test_the_empty_package_that_an_uninstall_leaves_is_no_pygame(tmp_path: Path, empty_init: bool) -> None:
    """`import pygame` works, but there is nothing in it: the same error."""
    package = tmp_path / "site" / "pygame"
    package.mkdir(parents=True)
    (package / "docs").mkdir()
    script = EMPTIED
    if empty_init:
        (package / "__init__.py").touch()
    else:  # a namespace package loses against a real one: hide the latter
        script = EMPTIED.replace(
            "import pygame\n", "sys.path[:] = [p for p in sys.path if p not in real]\n    import pygame\n", 1
        )
    message = said_without_pygame(script, tmp_path / "data", tmp_path / "site")
    assert "pip install pygame`" in message
    assert "pip install pygame-ce`" in message
    assert not (tmp_path / "data").exists()


# Hooks


def originals() -> list[Any]:
    return [getattr(module, name) for module, name in HOOKED]


@by_name
def test_a_wrapper_looks_like_what_it_wraps(player: Player, module: Any, name: str) -> None:
    """Name, documentation and signature; pygame's own function is under __wrapped__."""
    before = getattr(module, name)
    gs_pygame.install(**GIVEN)
    hook = getattr(module, name)
    assert hook is not before
    assert callable(hook)
    assert (hook.__name__, hook.__doc__, hook.__wrapped__) == (before.__name__, before.__doc__, before)

    def signature(function: Callable[..., Any]) -> str:
        try:
            return str(inspect.signature(function))
        except ValueError:  # pygame 2 tells none
            return "none"

    assert signature(hook) == signature(before)


def test_a_wrapper_keeps_a_real_signature(player: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the wrapped function has one, the wrapper has it too."""

    def get(eventtype: object = None, pump: bool = True, exclude: object = None) -> list[object]:
        return []

    monkeypatch.setattr(pygame.event, "get", get)
    gs_pygame.install(**GIVEN)
    assert inspect.signature(pygame.event.get) == inspect.signature(get)


@by_name
def test_a_wrapper_does_not_bind_on_a_class(player: Player, module: Any, name: str) -> None:
    """`class Loop: get = pygame.event.get` works as with the builtin: no self arrives."""
    gs_pygame.install(**GIVEN)

    class Loop:
        call = getattr(module, name)

    arguments = (1,) if name == "wait" else ()
    Loop().call(*arguments)


@by_name
def test_a_wrapper_is_copied_as_the_function_it_stands_for(player: Player, module: Any, name: str) -> None:
    """Tables of functions are copied: a function is its own copy, however deep it lies."""
    gs_pygame.install(**GIVEN)
    function = getattr(module, name)

    @dataclasses.dataclass
    class Entry:
        action: object

    assert copy.copy(function) is function
    assert copy.deepcopy({"table": [function]}) == {"table": [function]}
    assert dataclasses.asdict(Entry(function)) == {"action": function}
    assert copy.deepcopy(functools.partial(function)).func is function


@by_name
def test_a_wrapper_is_pickled_as_the_function_it_stands_for(player: Player, module: Any, name: str) -> None:
    """In every protocol, by either pickler, without a word of us, and after close(): then pygame's own comes back."""
    plugin = gs_pygame.install(**GIVEN)
    function = getattr(module, name)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(function, protocol)) is function
        assert pickle.loads(pickle._dumps(function, protocol)) is function  # type: ignore[attr-defined]
        assert b"gs_pygame" not in pickle.dumps(function, protocol)
    plugin.close()
    assert pickle.loads(pickle.dumps(function)) is getattr(module, name)


SPAWNS = """
    import multiprocessing, sys
    import gs_pygame, pygame
    gs_pygame.install(app="A", author="B", endpoint="http://127.0.0.1:9", data_dir=sys.argv[1])
    child = multiprocessing.get_context("spawn").Process(target=pygame.quit)
    child.start()
    child.join()
    print(child.exitcode)
"""


def test_a_wrapper_is_what_a_spawned_process_calls(tmp_path: Path) -> None:
    """It arrives there as pygame's own: that process has no plugin."""
    done = run(SPAWNS, tmp_path / "data")
    assert done.stdout.splitlines() == ["0"], done.stderr


@by_name
def test_a_wrapper_is_taken_for_a_function(player: Player, module: Any, name: str) -> None:
    """By inspect, by functools and mock, and by libraries that ask for the type (pygame-menu before 4.5)."""
    before = getattr(module, name)
    gs_pygame.install(**GIVEN)
    function = getattr(module, name)

    @functools.singledispatch
    def kind(value: object) -> str:
        return "something"

    kind.register(types.BuiltinFunctionType, lambda value: "builtin")
    kind.register(types.FunctionType, lambda value: "function")
    assert kind(function) == kind(before) != "something"
    for asked in (inspect.isroutine, inspect.isbuiltin, inspect.isfunction, inspect.isclass, inspect.ismethod):
        assert asked(function) == asked(before)
    assert isinstance(function, (types.FunctionType, types.BuiltinFunctionType))
    assert (repr(function), function.__qualname__, function.__module__) == (
        repr(before),
        before.__qualname__,
        before.__module__,
    )
    assert getattr(function, "__self__", None) is getattr(before, "__self__", None)
    assert pydoc.render_doc(function) == pydoc.render_doc(before)
    mock.create_autospec(function)(1)
    with contextlib.suppress(NotImplementedError):  # of the modules that pygame 2.1 says it misses, whatever is asked
        mock.create_autospec(module)


@by_name
def test_close_puts_the_original_back(player: Player, module: Any, name: str) -> None:
    """After close() pygame is as it was."""
    before = getattr(module, name)
    plugin = gs_pygame.install(**GIVEN)
    plugin.close()
    assert getattr(module, name) is before


@by_name
def test_a_wrapper_that_was_wrapped_becomes_a_pass_through(
    player: Player, monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> None:
    """Someone wrapped ours: close() leaves theirs in place, and ours does nothing more but call on."""
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(module, name, lambda *args: calls.append(args) or [])
    plugin = gs_pygame.install(**GIVEN)
    ours = getattr(module, name)
    theirs = lambda *args: ours(*args)  # noqa: E731 - a wrapper like a game's
    monkeypatch.setattr(module, name, theirs)
    plugin.close()
    assert getattr(module, name) is theirs
    assert theirs("x") == []
    assert calls == [("x",)]
    monkeypatch.undo()


@pytest.mark.parametrize(("module", "name"), [pair for pair in HOOKED if pair[1] not in ("poll", "wait")])
def test_results_arguments_and_exceptions_pass_through(
    player: Player, monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> None:
    """The very object that pygame returned, the very exception that it raised, all arguments as they were given."""
    result: list[object] = []
    seen: list[object] = []

    def stub(*args: object, **kwargs: object) -> object:
        seen.append((args, kwargs))
        if kwargs:
            raise KeyError("from pygame")
        return result

    with monkeypatch.context() as patch:
        patch.setattr(module, name, stub)
        plugin = gs_pygame.install(**GIVEN)
        hook = getattr(module, name)
        assert hook(1, 2) is result
        with pytest.raises(KeyError, match="from pygame"):
            hook(a=3)
        plugin.close()
    assert seen == [((1, 2), {}), ((), {"a": 3})]


@pytest.mark.parametrize("name", ["poll", "wait"])
def test_single_events_pass_through(player: Player, name: str) -> None:
    """poll and wait give the very events, NOEVENT included, and raise what pygame raises."""
    gs_pygame.install(**GIVEN)
    pygame.event.clear()
    sent = pygame.event.Event(pygame.USEREVENT, mark=object())
    pygame.event.post(sent)
    got = getattr(pygame.event, name)()
    assert got.mark is sent.mark
    if name == "wait":
        assert pygame.event.wait(1).type == pygame.NOEVENT
        assert pygame.event.wait(timeout=1).type == pygame.NOEVENT
        with pytest.raises(TypeError):
            pygame.event.wait("soon")  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            pygame.event.wait(1, 2)  # type: ignore[call-arg]
    assert pygame.event.poll().type == pygame.NOEVENT


def test_a_game_sees_the_same_events_as_without(player: Player) -> None:
    """The plugin takes, posts, blocks and reorders nothing."""
    gs_pygame.install(**GIVEN)
    pygame.event.clear()
    kinds = [pygame.USEREVENT, pygame.WINDOWFOCUSLOST, pygame.KEYDOWN, pygame.QUIT, pygame.WINDOWFOCUSGAINED]
    for kind in kinds:
        pygame.event.post(pygame.event.Event(kind))
    assert [event.type for event in pygame.event.get()] == kinds
    assert pygame.event.get() == []


@pytest.mark.parametrize("more", [{}, {"window": None}, {"confirmed": [1, 2]}])
@pytest.mark.parametrize("focused", [True, False])
def test_a_quit_is_heard_among_other_events(player: Player, more: dict[str, object], focused: bool) -> None:
    """Whatever a game or pygame put into the event, and whether the focus was ever seen or not."""
    player.focused = focused
    plugin = gs_pygame.install(**GIVEN)
    player.wait(1)
    for event in [pygame.event.Event(pygame.KEYDOWN, key=1), pygame.event.Event(pygame.QUIT, more)]:
        assert plugin.status().waiting == 0
        pygame.event.post(event)
        pygame.event.get()
    assert plugin.status().waiting == 1


class Odd:
    """An object that is no event, and minds being compared."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("incomparable")

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize("focused", [True, False])
@pytest.mark.parametrize(
    "result",
    [None, 0, (), {}, "events", object(), Odd(), iter([1]), [None, 1, "x"], [Odd()], [types.SimpleNamespace(type=[])]],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("name", ["get", "poll", "wait", "clear", "pump"])
def test_whatever_a_games_own_function_gives_is_what_it_gets(
    player: Player,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    name: str,
    result: Any,
    focused: bool,
) -> None:
    """It stood in pygame's place before install(), and may give anything at all."""
    player.focused = focused
    with monkeypatch.context() as patch:
        patch.setattr(pygame.event, name, lambda *arguments: result)
        plugin = gs_pygame.install(**GIVEN)
        assert getattr(pygame.event, name)() is result
        if hasattr(result, "__next__"):
            assert list(result) in ([1], [])  # nothing was taken out of it, but by this test itself
        plugin.close()


@pytest.mark.parametrize("kind", [list, tuple, type("Events", (list,), {})])
@pytest.mark.parametrize("focused", [True, False])
def test_a_quit_is_heard_in_other_sequences_and_among_other_things(
    player: Player, monkeypatch: pytest.MonkeyPatch, kind: Any, focused: bool
) -> None:
    """As long as a look takes nothing out of them."""
    player.focused = focused
    with monkeypatch.context() as patch:
        given = kind([None, pygame.event.Event(pygame.QUIT)])
        patch.setattr(pygame.event, "get", lambda: given)
        plugin = gs_pygame.install(**GIVEN)
        player.wait(1)
        assert pygame.event.get() is given
        assert plugin.status().waiting == 1
        plugin.close()


def test_a_generator_is_spoken_to(player: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a game sends and throws into it arrives, and what it returns comes back."""
    heard: list[object] = []

    def get() -> Iterator[Any]:
        heard.append((yield pygame.event.Event(pygame.KEYDOWN, key=1)))
        try:
            yield pygame.event.Event(pygame.KEYUP, key=1)
        except KeyError as error:
            heard.append(error)
        return 2

    with monkeypatch.context() as patch:
        patch.setattr(pygame.event, "get", get)
        plugin = gs_pygame.install(**GIVEN)
        events: Any = pygame.event.get()
        thrown = KeyError("from the game")
        assert next(events).type == pygame.KEYDOWN
        assert events.send(5).type == pygame.KEYUP
        with pytest.raises(StopIteration) as over:
            events.throw(thrown)
        assert (heard, over.value.value) == ([5, thrown], 2)
        plugin.close()


def test_an_object_in_the_place_of_a_function(player: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    """As tests put it there: it counts its calls, and gives what it is told to, also when it is told so later."""
    with monkeypatch.context() as patch:
        stands_in = mock.Mock(return_value=[])
        patch.setattr(pygame.event, "get", stands_in)
        plugin = gs_pygame.install(**GIVEN)
        assert pygame.event.get() == []
        assert pygame.event.get.call_count == stands_in.call_count == 1  # type: ignore[attr-defined]
        pygame.event.get.return_value = ["x"]  # type: ignore[attr-defined]
        assert pygame.event.get() == ["x"]
        pygame.event.get.assert_called_with()  # type: ignore[attr-defined]
        plugin.close()


def test_a_generator_stays_lazy(player: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    """The game gets each event when it asks for it, and the plugin hears of it then; what it raises arrives."""
    log: list[str] = []

    def get(first: str) -> Iterator[pygame.event.Event]:
        try:
            log.append(first)
            yield pygame.event.Event(pygame.KEYDOWN, key=1)
            log.append("between")
            yield pygame.event.Event(pygame.QUIT)
            raise KeyError("from the game")
        finally:
            log.append("over")

    with monkeypatch.context() as patch:
        patch.setattr(pygame.event, "get", get)
        plugin = gs_pygame.install(**GIVEN)
        events: Any = pygame.event.get("begun")
        assert isinstance(events, types.GeneratorType)
        assert log == []
        assert next(events).type == pygame.KEYDOWN
        assert (log, plugin.status().waiting) == (["begun"], 0)
        assert next(events).type == pygame.QUIT
        assert (log, plugin.status().waiting) == (["begun", "between"], 1)
        with pytest.raises(KeyError, match="from the game"):
            next(events)
        assert log.pop() == "over"
        for _event in pygame.event.get("left early"):
            break
        assert log[-1] == "over"
        plugin.close()


@pytest.mark.parametrize("signature", ["lambda: event", "lambda timeout: event", "lambda *, timeout=0: event"])
def test_a_wait_of_the_games_own_is_called_as_the_game_calls_it(
    player: Player, monkeypatch: pytest.MonkeyPatch, signature: str
) -> None:
    """Where focus events are blocked pygame's own wait is sliced. Who knows what another does with a time-out."""
    event = pygame.event.Event(pygame.USEREVENT)
    pygame.event.set_blocked(pygame.WINDOWFOCUSLOST)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(pygame.event, "wait", eval(signature, {"event": event}))
            plugin = gs_pygame.install(**GIVEN)
            wait: Any = pygame.event.wait
            assert (wait(5) if signature.startswith("lambda timeout") else wait()) is event
            plugin.close()
    finally:
        pygame.event.set_blocked(None)
        pygame.event.set_allowed(None)


def test_a_fault_inside_the_plugin_never_reaches_the_game(
    player: Player, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever breaks while watching is logged once; events arrive all the same."""
    plugin = gs_pygame.install(**GIVEN)
    monkeypatch.setattr(plugin._engine, "leave", lambda reason: 1 / 0)
    for _ in range(3):
        pygame.event.post(pygame.event.Event(pygame.QUIT))
        assert [event.type for event in pygame.event.get()] == [pygame.QUIT]
    assert caplog.text.count("ZeroDivisionError: ") == 1


def test_hook_false_touches_nothing(player: Player) -> None:
    """install(hook=False): pygame's functions stay what they are."""
    before = originals()
    gs_pygame.install(**GIVEN, hook=False)
    assert originals() == before


def test_two_plugins_without_globals_live_side_by_side(player: Player, tmp_path: Path) -> None:
    """SessionPlugin twice, closed in either order: pygame is as before, each has its own end."""
    before = originals()
    first = player.plugin(Settings(**GIVEN, data_dir=tmp_path / "1"))
    second = player.plugin(Settings(**GIVEN, data_dir=tmp_path / "2"))
    player.wait(1)
    assert first.session is not None
    assert second.session is not None
    first.close()
    player.wait(1)
    second.close()
    assert [hook.after.__name__ for hook in originals() if hasattr(hook, "after")] in ([], ["_nothing"] * 9)
    for (module, name), function in zip(HOOKED, before, strict=True):
        setattr(module, name, function)


def test_session_plugin_is_the_same_without_globals(player: Player, tmp_path: Path) -> None:
    """It begins a session, and install() knows nothing of it."""
    with SessionPlugin(Settings(**GIVEN, data_dir=tmp_path / "own"), player.destination, player.clock) as plugin:
        assert plugin.session is not None
        with pytest.raises(NotInstalledError):
            EndSessionRequest().send()
