"""Ctrl-C between any two bytecodes of whatever a game calls of the plugin: the game catches it, and plays on.

Nothing may be broken by it: no lock is kept, no transaction open, each session ends once and as long as it was played,
and none is `abnormal`.
"""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import notes
import pygame
import pytest

import gs_pygame
from gs_pygame import SessionPlugin, _install, testing
from gs_pygame._disk.consent import load
from gs_pygame._disk.erasure import is_left
from gs_pygame._disk.lock import FileLock
from gs_pygame._player import exits
from gs_pygame._player.lifecycle import HEARTBEAT
from gs_pygame.destinations import Retry
from gs_pygame.testing import Player

from .counts import INTERRUPTS, SEED
from .interrupts import Interrupter

GRACE = 30.0
DEADLINE = 5.0
"""Seconds of another thread's calls, which take none."""

OUTSIDE = 1.0
"""Seconds of play that one interruption may cost, or add: that of a beat."""


@dataclass
class Scene:
    """A game and its player. `played`: seconds in the foreground."""

    player: Player
    told: list[int | None] = field(default_factory=list)
    played: float = 0.0

    def install(self) -> SessionPlugin:
        return gs_pygame.install(
            app="Starfall",
            author="Example Studio",
            endpoint="http://127.0.0.1:9",
            background_grace=GRACE,
            script_data=lambda: {"level": 1},
            on_delivered=lambda session, response: self.told.append(session.number),
        )

    @property
    def plugin(self) -> SessionPlugin:
        return _install.installed()

    def plays(self, seconds: float) -> None:
        pygame.event.get()
        self.player.clock.advance(seconds)
        pygame.event.get()
        self.played += seconds if self.player.focused else 0.0

    def looks_away(self) -> None:
        """No call tells of it yet."""
        self.player.focused = False

    def looks_back(self) -> None:
        self.player.focused = True

    def is_away(self, seconds: float = 2.0) -> None:
        self.looks_away()
        self.plays(seconds)

    def has_been_away(self, seconds: float = 2.0) -> None:
        self.is_away(seconds)
        self.looks_back()

    def ends(self) -> None:
        self.plugin.end_session()

    def is_delivered(self) -> None:
        """A receipt that the game has yet to be told of."""
        self.plugin.end_session()
        self.plugin.start_session()
        self.player.clock.advance(1)
        self.played += 1

    def is_not_delivered(self) -> None:
        self.player.destination.outcomes = [Retry("down")] * 99
        self.is_delivered()

    def is_held(self) -> None:
        """The keeper has no turn."""
        self.player.clock.hold(2 * HEARTBEAT + 1)
        self.played += 2 * HEARTBEAT + 1

    def is_told_to_quit(self) -> None:
        pygame.event.post(pygame.event.Event(pygame.QUIT))

    def events(self) -> object:
        return pygame.event.get()

    def nothing(self) -> None:
        """Nothing comes before."""


Deed = Callable[[Scene], object]


def quits(scene: Scene) -> None:
    pygame.quit()


DEEDS: dict[str, tuple[Deed, Deed]] = {
    "install": (Scene.nothing, Scene.install),
    "install again": (Scene.nothing, Scene.install),
    "session": (Scene.nothing, lambda scene: scene.plugin.session),
    "repr": (Scene.nothing, lambda scene: repr(scene.plugin)),
    "status": (Scene.nothing, lambda scene: scene.plugin.status()),
    "end": (Scene.nothing, lambda scene: scene.plugin.end_session({"won": True})),
    "end while away": (Scene.is_away, lambda scene: scene.plugin.end_session()),
    "send": (Scene.nothing, lambda scene: gs_pygame.EndSessionRequest({}).send(lambda response: None)),
    "start": (Scene.ends, lambda scene: scene.plugin.start_session()),
    "set_player": (Scene.nothing, lambda scene: scene.plugin.set_player("Ada")),
    "consent pending": (Scene.nothing, lambda scene: scene.plugin.set_consent("pending")),
    "consent granted": (Scene.nothing, lambda scene: scene.plugin.set_consent("granted")),
    "flush": (Scene.is_not_delivered, lambda scene: scene.plugin.flush(0)),
    "close": (Scene.nothing, lambda scene: scene.plugin.close()),
    "close while away": (Scene.is_away, lambda scene: scene.plugin.close()),
    "process_event": (Scene.nothing, lambda scene: scene.plugin.process_event(pygame.event.Event(pygame.QUIT))),
    "update, away": (Scene.looks_away, lambda scene: scene.plugin.update()),
    "get": (Scene.nothing, Scene.events),
    "get, a quit": (Scene.is_told_to_quit, Scene.events),
    "get, away": (Scene.looks_away, Scene.events),
    "get, back": (Scene.has_been_away, Scene.events),
    "get, back late": (lambda scene: scene.has_been_away(2 * GRACE), Scene.events),
    "get, held": (Scene.is_held, Scene.events),
    "get, delivered": (Scene.is_delivered, Scene.events),
    "poll, away": (Scene.looks_away, lambda scene: pygame.event.poll()),
    "wait, a quit": (Scene.is_told_to_quit, lambda scene: pygame.event.wait(1)),
    "pump, away": (Scene.looks_away, lambda scene: pygame.event.pump()),
    "clear, back": (Scene.has_been_away, lambda scene: pygame.event.clear()),
    "flip, away": (Scene.looks_away, lambda scene: pygame.display.flip()),
    "update the display, back": (Scene.has_been_away, lambda scene: pygame.display.update()),
    "display.quit": (Scene.nothing, lambda scene: pygame.display.quit()),
    "pygame.quit": (Scene.nothing, quits),
}


@pytest.fixture(scope="module", autouse=True)
def dummies() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SDL_VIDEODRIVER", "dummy")
        patched.setenv("SDL_AUDIODRIVER", "dummy")
        yield
        pygame.quit()


CAN_REPLACE = sys.platform != "win32"
"""Whether a file that a frame has open can be replaced."""


def ready() -> None:
    if not pygame.display.get_init():
        pygame.init()
        pygame.display.set_mode((64, 64))
    pygame.event.clear()


def tried(folder: Path, name: str, interrupter: Interrupter) -> None:
    """A game that is interrupted in the deed `name`, and plays on."""
    before, deed = DEEDS[name]
    kept: BaseException | None = None  # with all of its frames, as a prompt keeps it
    ready()
    with testing.game(folder) as player:
        scene = Scene(player)
        if name != "install":
            scene.install()
            scene.plays(3)
            before(scene)
        try:
            interrupter.call(lambda: deed(scene))
        except KeyboardInterrupt as error:
            kept = error if CAN_REPLACE else error.with_traceback(None)
        swallowed = kept is None and interrupter.where != ""
        assert not swallowed or deed is quits or "__del__" in interrupter.where, "it was swallowed"
        if swallowed:  # by pygame.quit, from which pygame.display.quit is called; that is left undone
            pygame.quit()
        if _install._plugin is not None and not _install._plugin.closed:
            in_another_thread(_install._plugin)
        ready()
        if name.startswith("close"):
            deed(scene) if kept and not _install._plugin.closed else None  # type: ignore[union-attr]
            assert _install._plugin is not None
            assert _install._plugin.closed
        scene.looks_back()
        scene.install().set_consent("granted")
        scene.plugin.start_session()
        scene.plays(4)
        assert scene.plugin.session is not None
        assert scene.plugin.session.state == "active"
        assert scene.plugin.status().durable
        scene.ends()
        scene.plugin.close()
    _install._plugin = None
    with testing.game(folder) as later:
        scene.install()
        later.wait(1)
        ends = [*player.ends, *later.ends]
        status = scene.plugin.status()
        assert (status.waiting, status.ready, status.rejected, dict(status.dropped)) == (0, 0, 0, {})
        assert status.ended == len(ends)
    _install._plugin = None
    assert "abnormal" not in [end.reason for end in ends]
    assert len({end.session_id for end in ends}) == len(ends)
    assert sorted(end.number or 0 for end in ends) == list(range(1, len(ends) + 1))
    assert sum(end.active for end in ends) == pytest.approx(scene.played, abs=OUTSIDE)


def in_another_thread(plugin: SessionPlugin) -> None:
    """What the game's other thread asks is answered: no lock is kept, and no transaction is open."""
    answers: list[Any] = []

    def asks() -> None:
        plugin.set_player("Ada")
        answers.append(plugin.session)
        answers.append(plugin.status())
        engine = plugin._engine
        for outbox in (engine._storage.outbox.games, engine._storage.outbox.keepers) if engine else ():
            if not engine._stopped:  # type: ignore[union-attr]
                with outbox.transaction():
                    answers.append(outbox.installation_id)
        if engine and not engine._stopped:
            answers.append(engine._journal.write(lambda: engine._storage.outbox.games))
            engine.sending.delivery.have_helper()
            engine.sending.delivery.hear(engine._storage.outbox.games)

    thread = threading.Thread(target=asks, daemon=True)
    thread.start()
    thread.join(DEADLINE)
    kept = thread.is_alive()
    if kept:  # else the game's own end would wait for that thread, which waits for this one
        plugin._let_go()
        thread.join(DEADLINE)
    assert not kept, "a lock was kept"


def denied(folder: Path, interrupter: Interrupter) -> None:
    """A game that is interrupted while it takes back the consent. If that was heard at all, it is followed."""
    ready()
    with testing.game(folder) as player:
        scene = Scene(player)
        following = scene.install()._following
        assert following is not None
        scene.plays(3)
        with suppress(KeyboardInterrupt):
            interrupter.call(lambda: scene.plugin.set_consent("denied"))
        was_heard = following._choice.now() == "denied"
        player.clock.advance(2 * HEARTBEAT)
        pygame.event.get()
        assert (scene.plugin.session is None) == was_heard
        assert scene.plugin.status().last_error is None
        if was_heard:
            assert load(following._folder) == "denied"
            assert not is_left(following._folder)
        scene.plugin.set_consent("granted")
        player.clock.advance(HEARTBEAT)
        scene.plays(1)
        assert scene.plugin.session is not None
        assert scene.plugin.status().durable
    _install._plugin = None


@pytest.mark.parametrize("name", DEEDS)
def test_ctrl_c_at_every_point(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Whatever the game was doing, it plays on, and its sessions end once, as long as they were."""
    try_all(lambda folder, interrupter: tried(folder, name, interrupter), tmp_path, request)


def test_ctrl_c_amid_a_denial(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """What was heard of it is followed, and nothing is left of the player; a yes after it is heard, too."""
    try_all(denied, tmp_path, request)


def test_ctrl_c_amid_a_collection(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Of a lock that an interruption has left: Python swallows what comes up there, and no thread waits for it then."""

    def collected(folder: Path, interrupter: Interrupter) -> None:
        folder.mkdir()
        lock = FileLock(folder / "left.lock")
        with suppress(KeyboardInterrupt):
            interrupter.call(lock.__del__)
        lock._open = False
        opens = threading.Thread(target=lambda: FileLock(folder / "another.lock").close(), daemon=True)
        opens.start()
        opens.join(DEADLINE)
        assert not opens.is_alive(), "the guard was kept"

    try_all(collected, tmp_path, request)


def try_all(attempt: Callable[[Path, Interrupter], None], tmp_path: Path, request: pytest.FixtureRequest) -> None:
    counted = Interrupter()
    attempt(tmp_path / "0", counted)
    step = max(1, counted.points // INTERRUPTS)
    broken = []
    points = range(1 + SEED % step, counted.points + 1, step)
    for at in points:
        interrupter = Interrupter(at)
        try:
            attempt(tmp_path / str(at), interrupter)
        except Exception as error:  # noqa: BLE001 - all of them are looked for
            broken.append(f"{at}, {interrupter.where}: {error!r}"[:300])
            let_go()
        shutil.rmtree(tmp_path / str(at), ignore_errors=True)
    notes.note(request.node, "Ctrl-C", "points tried", len(points))
    notes.note(request.node, "Ctrl-C", "left it broken", len(broken))
    assert not broken, f"{len(broken)} of {len(points)}: {broken[:20]}"


def let_go() -> None:
    """Of a game that is broken."""
    for watch in list(exits._watching):
        with suppress(Exception):
            watch.forked()
    _install._plugin = None
