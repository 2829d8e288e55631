"""Promise 4: with no thread to be had, no memory, log handlers that raise, arguments that raise, the game plays on."""

from __future__ import annotations

import gc
import logging
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pygame
import pytest
from core_kit import DEADLINE, ENDPOINT, NOBODY, run

import gs_pygame
from gs_pygame import EndSessionRequest, SessionPlugin, Settings, _install
from gs_pygame._base.boundary import Boundary
from gs_pygame._base.errors import OutboxError
from gs_pygame._base.threads import ThreadWorker
from gs_pygame._disk.journal import Journal
from gs_pygame._player.lifecycle import HEARTBEAT
from gs_pygame.destinations import Retry
from gs_pygame.testing import FakeClock, FakeDestination, Player

here = True


def settings(folder: Path, **more: Any) -> Settings:
    return Settings(**{"data_dir": folder / "data", "hook": False, "exit_delivery": "next-start", **more})


def ends(folder: Path) -> list[tuple[str, float]]:
    """What the next start delivers."""
    player = Player(frame=lambda: None)
    with player.plugin(settings(folder)):
        player.clock.advance(5)
        return [(end.reason, end.active) for end in player.ends]


class Threadless(FakeClock):
    """Workers are threads, of which there are none."""

    def worker(self, name: str, turn: Any, close: Any) -> Any:
        return ThreadWorker(name, turn, close)


@pytest.fixture
def no_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start)
        yield


def played(folder: Path, clock: FakeClock, **more: Any) -> tuple[SessionPlugin, list[bool]]:
    """A plugin whose player is where the list says."""
    focus = [True]
    plugin = SessionPlugin(settings(folder, **more), FakeDestination(), clock, focused=lambda: focus[0])
    plugin.update()
    return plugin, focus


def test_without_a_thread_the_games_calls_do_the_work(
    no_thread: None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Situation 14: nothing is raised; leaving, a grace that is over and the exit are recorded, and the next start
    delivers. It is said once."""
    clock = Threadless()
    plugin, focus = played(tmp_path, clock, background_grace=30)
    for _ in range(100):
        clock.advance(0.1)
        plugin.update()
    focus[0] = False
    plugin.update()
    assert plugin.status().waiting == 1
    clock.advance(31)
    plugin.update()
    assert plugin.status().ready == 1
    focus[0] = True
    clock.advance(1)
    plugin.update()
    clock.advance(5)
    plugin.close()
    assert plugin.closed
    assert [(reason, round(active, 1)) for reason, active in ends(tmp_path)] == [("background", 10.0), ("quit", 5.0)]
    assert list((tmp_path / "data" / "runs").iterdir()) == []
    assert caplog.text.count("gs_pygame-keeper cannot be started") == 1


def test_without_a_thread_the_heart_beats(no_thread: None, tmp_path: Path) -> None:
    """A game that is killed is short by no more than two beats."""
    clock = Threadless()
    plugin, _ = played(tmp_path, clock)
    for _ in range(100):
        clock.advance(0.1)
        plugin.update()
    plugin._watch.forked()  # it dies: nothing more is written, and every lock is free
    assert plugin._inherited is not None
    storage = plugin._inherited._storage
    assert storage.run_file is not None
    storage.run_file._lock.close()
    storage.outbox.close()
    ((reason, active),) = ends(tmp_path)
    assert reason == "abnormal"
    assert 10 - 2 * HEARTBEAT - 0.2 <= active <= 10


def test_a_thread_that_can_be_had_later_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first call that is overdue tries again."""
    turns: list[int] = []
    worker = ThreadWorker("test", lambda: turns.append(1), lambda: turns.append(2))
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", lambda self: 1 / 0)
        worker.start()
    assert turns == []
    worker.start()
    worker.start()
    deadline = time.monotonic() + DEADLINE
    while not turns and time.monotonic() < deadline:
        time.sleep(0.001)
    assert worker.stop(DEADLINE)
    assert turns == [1, 2]


@pytest.mark.parametrize("limit", ["NPROC, (0, 0)", "NPROC, (1, 1)"])
def test_a_user_who_may_have_no_thread(limit: str, home: Path) -> None:
    """RLIMIT_NPROC, as an ordinary user: neither a thread nor a helper process; the next start delivers."""
    game = f"""
        import gc, os, resource, sys, time
        import ctypes, pygame, requests, requests.adapters, appdirs, socket, subprocess  # no file can be read below
        import gs_pygame
        from gs_pygame import SessionPlugin, Settings
        import gs_pygame._delivery.helper, gs_pygame._delivery.process, gs_pygame._player.window
        os.setgid({NOBODY})
        os.setuid({NOBODY})
        resource.setrlimit(resource.RLIMIT_{limit})
        plugin = SessionPlugin(Settings(data_dir=sys.argv[1], endpoint="http://127.0.0.1:9", allow_insecure=True))
        until = time.monotonic() + 2
        while time.monotonic() < until:
            plugin.update()
            time.sleep(0.01)
        plugin.end_session()
        plugin.start_session()
        print(plugin.flush(0.1), plugin.status().ready)
        plugin.close()
        """
    played = run(game, home / "data")
    assert played.returncode == 0, played.stderr
    assert "Traceback" not in played.stderr
    assert played.stdout == "False 1\n"
    assert [reason for reason, _ in ends(home)] == ["explicit", "quit"]


class Bad(logging.Handler):
    """`deed` is done with each record."""

    def __init__(self, deed: Any) -> None:
        super().__init__()
        self.deed = deed
        self.records = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.records += 1
        self.deed()


def raising(*anything: object) -> bool:
    raise OSError("the log's disk is full")


@pytest.mark.parametrize("of", ["handler", "filter"])
def test_a_log_that_raises(of: str, tmp_path: Path) -> None:
    """Situation 15: a data folder that cannot be made, script data that cannot be used, a server that answers 500, a
    callback that raises; all of it is logged, and nothing is raised or stops."""
    logger = logging.getLogger("gs_pygame")
    handler = Bad(raising if of == "handler" else lambda: None)
    logger.addHandler(handler)
    if of == "filter":
        handler.addFilter(raising)
    try:
        (tmp_path / "file").write_text("")
        nowhere = SessionPlugin(settings(tmp_path, data_dir=tmp_path / "file"), FakeDestination(), FakeClock())
        assert nowhere.session is not None
        nowhere.close()
        told: list[object] = []
        player = Player(frame=lambda: None)
        player.destination.outcomes = [Retry("HTTP 500", server_error=True)]
        chosen = settings(
            tmp_path, script_data=raising, on_delivered=lambda session, response: (told.append(session), raising())
        )
        with player.plugin(chosen) as plugin:
            plugin.end_session()
            plugin.set_player("")
            player.clock.advance(60)
            plugin.flush(0)
            assert len(player.ends) == 1
            assert len(told) == 1
    finally:
        logger.removeHandler(handler)


def test_a_destination_whose_bool_raises(tmp_path: Path) -> None:
    """It is a destination all the same, as is one that counts as empty."""

    class Odd(FakeDestination):
        def __bool__(self) -> bool:
            raise ValueError

    destination = Odd()
    with SessionPlugin(settings(tmp_path), destination) as plugin:
        plugin.end_session()
        assert plugin.flush(DEADLINE)
    assert len(destination.ends) == 1


def test_a_log_that_raises_stops_no_worker(tmp_path: Path) -> None:
    """In the threads, too: the one that delivers goes on after a 500."""
    logger, handler = logging.getLogger("gs_pygame"), Bad(raising)
    logger.addHandler(handler)
    destination = FakeDestination()
    destination.outcomes = [Retry("HTTP 500", server_error=True, after=0.05)]
    try:
        with SessionPlugin(settings(tmp_path), destination) as plugin:
            plugin.end_session()
            assert plugin.flush(DEADLINE)
            assert handler.records >= 1
            assert len(destination.ends) == 1
    finally:
        logger.removeHandler(handler)


def test_a_log_that_comes_back_to_us(tmp_path: Path) -> None:
    """Its handler asks the plugin, which logs again."""
    logger = logging.getLogger("gs_pygame")
    player = Player(frame=lambda: None)
    with player.plugin(settings(tmp_path)) as plugin:
        handler = Bad(lambda: (plugin.set_player(""), plugin.status(), plugin.end_session()))
        logger.addHandler(handler)
        try:
            plugin.set_player("")
            assert handler.records > 1
            assert plugin.session is None
        finally:
            logger.removeHandler(handler)
    assert [reason for reason, _ in ends(tmp_path)] == ["explicit"]


def test_a_log_that_blocks_holds_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it waits for another thread, that one is answered: the outbox fails, which is logged in a frame."""
    logger = logging.getLogger("gs_pygame")
    answered = []
    player = Player(frame=lambda: None)
    with player.plugin(settings(tmp_path)) as plugin:

        def asks() -> None:
            answered.append((plugin.session, plugin.status()))
            plugin.set_player("Ada")

        def full(*anything: object) -> None:
            raise OutboxError("full")

        def waits() -> None:
            thread = threading.Thread(target=asks, daemon=True)
            thread.start()
            thread.join(DEADLINE)

        handler = Bad(waits)
        logger.addHandler(handler)
        try:
            with monkeypatch.context() as broken:
                broken.setattr(Journal, "_write", full)
                plugin.end_session()
            assert len(answered) == 1
        finally:
            logger.removeHandler(handler)
        player.clock.advance(2)
        assert [end.reason for end in player.ends] == ["explicit"]


class Nasty(dict[str, Any]):
    """Raises whatever is asked of it."""

    def _raise(self, *anything: object) -> Any:
        raise ZeroDivisionError

    __bool__ = __eq__ = __ne__ = __repr__ = __str__ = __len__ = __iter__ = __contains__ = keys = items = _raise
    __float__ = __lt__ = __gt__ = __add__ = __radd__ = __fspath__ = __getitem__ = _raise
    __hash__ = None  # type: ignore[assignment]


class NastyText(str):
    """The same, and a string."""

    def _raise(self, *anything: object) -> Any:
        raise ZeroDivisionError

    __bool__ = __eq__ = __ne__ = __repr__ = __str__ = __len__ = __iter__ = __contains__ = _raise
    __hash__ = None  # type: ignore[assignment]


class NastyEvent:
    @property
    def type(self) -> int:
        raise ZeroDivisionError


@pytest.mark.parametrize("make", [Nasty, NastyText, NastyEvent, object, list])
def test_arguments_that_raise(make: Callable[[], Any], tmp_path: Path, screen: None) -> None:
    """Whatever it is, and whichever method gets it, the game hears nothing of it, and the session ends once."""
    player, given = Player(), make()
    with player.plugin(settings(tmp_path)) as plugin:
        for method in (
            plugin.set_player,
            plugin.set_consent,
            plugin.flush,
            plugin.process_event,
            plugin.end_session,
            lambda given: plugin._end_session({}, given),
        ):
            method(given)
        player.clock.advance(2)
        plugin.flush(0)
        assert [end.reason for end in player.ends] == ["explicit"]


def test_a_call_that_leaves_out_an_argument_is_told(tmp_path: Path) -> None:
    """It is a mistake in the program, not something that happens to it."""
    with Player().plugin(settings(tmp_path)) as plugin, pytest.raises(TypeError):
        plugin.flush()  # type: ignore[call-arg]


def test_settings_that_raise_when_they_are_compared(tmp_path: Path) -> None:
    """install() again: a callback whose comparison raises is the same one if it has the same name."""

    class Callback:
        def __eq__(self, other: object) -> bool:
            raise ZeroDivisionError

        __hash__ = None  # type: ignore[assignment]

        def __call__(self, session: object, response: object) -> None: ...

    def install() -> SessionPlugin:
        return gs_pygame.install(endpoint=ENDPOINT, data_dir=tmp_path, hook=False, on_delivered=Callback())

    assert install() is install()
    EndSessionRequest().send()
    assert _install._plugin is not None


def test_without_a_working_directory(tmp_path: Path) -> None:
    """It was removed, and `data_dir` is relative: in memory."""
    game = """
import os, sys
import gs_pygame
folder = sys.argv[1] + "/gone"
os.mkdir(folder)
os.chdir(folder)
os.rmdir(folder)
plugin = gs_pygame.SessionPlugin(gs_pygame.Settings(data_dir="data", endpoint="http://127.0.0.1:9", hook=False))
print(plugin.session is not None, plugin.status().durable)
"""
    done = run(game, tmp_path)
    assert done.stdout.split()[-2:] == ["True", "False"]


def test_no_memory(tmp_path: Path, screen: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """MemoryError out of whatever a signal needs: nothing is raised, and the next call does what this one could not."""
    handled = sys.exc_info()[0]  # tests that interrupt between two bytecodes may leave Python one
    player = Player()
    plugin = player.plugin(settings(tmp_path, hook=True))
    player.wait(10)
    for place in ("decide", "write"):
        with monkeypatch.context() as short:

            def raises(*anything: object, **more: object) -> None:
                raise MemoryError

            short.setattr(Journal, place, raises)
            player.focused = False
            pygame.event.get()
            plugin.status()
            plugin.start_session()
        pygame.event.get()
        player.clock.advance(1)
        assert plugin.status().waiting == 1, place
        player.focused = True
        pygame.event.get()
        player.wait(9)
        assert plugin.status().waiting == 0
    plugin.close()
    ((reason, active),) = ends(tmp_path)
    assert (reason, round(active)) == ("quit", 28)
    assert sys.exc_info()[0] is handled


# Ctrl-C


def test_whatever_a_game_calls_crosses_the_boundary() -> None:
    """What holds a lock of ours when an exception comes up is let go of nowhere else."""
    functions = {name: getattr(member, "fget", member) for name, member in vars(SessionPlugin).items()}
    called = [name for name, function in functions.items() if callable(function) and not name.startswith("_")]
    without = [name for name in called if not hasattr(functions[name], "__wrapped__")]
    assert "flush" in called
    assert without == ["end_session", "close"]
    for all_they_call in (SessionPlugin._end_session, SessionPlugin._close):
        assert hasattr(all_they_call, "__wrapped__")


def test_ctrl_c_amid_close_keeps_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The game's other threads are answered, and it closes the plugin after all."""
    plugin = Player(frame=lambda: None).plugin(settings(tmp_path))
    engine = plugin._engine
    assert engine is not None

    def interrupted(reason: str) -> None:
        engine._lock.acquire()
        engine._storage.outbox.games._database.lock.acquire()
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(engine, "exit", interrupted)
        with pytest.raises(KeyboardInterrupt):
            plugin.close()
    asking = threading.Thread(target=plugin.status, daemon=True)
    asking.start()
    asking.join(DEADLINE)
    assert not asking.is_alive()
    plugin.close()
    assert plugin.closed


def test_what_comes_out_keeps_nothing() -> None:
    """Once the game is over a Ctrl-C, what the frames above had open is closed: no collection has to come first."""

    class Open:
        pass

    opened: list[weakref.ref[Open]] = []

    def step() -> None:
        held = Open()
        opened.append(weakref.ref(held))
        raise KeyboardInterrupt

    gc.disable()
    try:
        with suppress(KeyboardInterrupt):
            Boundary(lambda: None).cross(step)
        assert opened[0]() is None
    finally:
        gc.enable()
