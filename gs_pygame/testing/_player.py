"""A player that plays, leaves and comes back, as a test tells them to."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace

import pygame

from .. import _install
from .._base.messages import Reason
from .._engine import Engine
from .._plugin import SessionPlugin
from .._settings import Settings
from ._calls import by_the_players_clock, with_the_players_eyes
from ._clock import FakeClock
from ._desktops import DESKTOPS, Beat, Deed
from ._destination import FakeDestination
from ._ended import SeenEnd
from ._heard import Heard
from ._play import PATIENCE, Crash, Curtain, Play, Step
from ._window import RealWindow

FRAME = 0.1
"""Seconds of the fake clock from one call of `frame` to the next."""


def _get_events() -> None:
    pygame.event.get()


class Player:
    """Moves a fake clock, and does to the game what its system (`desktop`) then tells it.

    A game whose test can call one turn of its loop is given as `frame`; `wait(seconds)` calls it while time passes, and
    so does everything the player does. A game with a loop of its own is given to `plays`. Either way no second of it is
    waited for.

    `desktop`: one of `DESKTOPS`; may be changed at any time. `ends`: what was delivered, in order. `clock` and
    `destination` are the plugin's. `focused` and `visible`: how things stand; unused in a real window (`window`).
    `exit_code`: of the last process, as a shell sees it; None while it runs, and of one that was killed.
    All methods are for the game's thread.
    """

    def __init__(
        self,
        clock: FakeClock | None = None,
        destination: FakeDestination | None = None,
        frame: Callable[[], object] = _get_events,
        desktop: str = "x11",
        window: RealWindow | None = None,
    ) -> None:
        self.clock = clock or FakeClock()
        self.destination = destination or FakeDestination()
        self.frame = frame
        self.desktop = desktop
        self.focused = True
        self.visible = True
        self.exit_code: int | None = None
        self.heard = Heard()
        self._window = window
        self._plugins: list[PlayedSessionPlugin] = []
        self._coming: deque[tuple[float, Beat]] = deque()  # what the system has yet to say, and when (active clock)
        self._play: Play | None = None

    @property
    def desktop(self) -> str:
        """The system that the game is played on. Raises ValueError when it is set to one that is not in DESKTOPS."""
        return self._desktop

    @desktop.setter
    def desktop(self, name: str) -> None:
        if name not in DESKTOPS:
            raise ValueError(f"desktop is {name!r}; allowed is {', '.join(DESKTOPS)}")
        self._desktop = name

    @property
    def ends(self) -> list[SeenEnd]:
        """The ends that were delivered, in order."""
        return [SeenEnd.of(end) for end in self.destination.ends]

    def expects_warning(self, match: str) -> AbstractContextManager[None]:
        """Within it a warning of gs_pygame is meant in which `match`, a regular expression, is found; so are what
        `script_data` and `on_delivered` raise. Raises AssertionError if there was none.
        """
        return self.heard.expecting(match)

    def plugin(self, settings: Settings) -> SessionPlugin:
        """A plugin for this player: with this clock, this destination, and their eyes."""
        real = self._window is not None
        plugin = PlayedSessionPlugin(
            settings,
            self.destination,
            self.clock,
            focused=None if real else lambda: self.focused,
            visible=None if real else lambda: self.visible and self.desktop != "wayland",  # it does not tell
        )
        plugin.process_ends = self._play is not None
        self._plugins.append(plugin)
        return plugin

    # A game with a loop of its own

    def plays(self, main: Callable[[], object], script: Iterable[Step] = (), patience: float = PATIENCE) -> None:
        """Run `main`, a whole game with its own loop, and act `script` out meanwhile; then press the close button.

        A step of the script is a number (seconds of the game's time) or something to call: a deed of this player, or
        anything else; a generator will do. It is acted from inside the calls in which the game waits or looks for
        events, in this thread, and those go by `clock` meanwhile (see `gs_pygame.testing`).

        When `main` returns or calls sys.exit, the process has ended, and the script with it; what it raises is raised
        here as well, and so is SystemExit where the code is not 0. Raises AssertionError if deeds of a list were left
        undone, if the game still runs `patience` seconds after the close button, or if gs_pygame warned of something
        that was not expected; and whatever a step raises.
        """
        __tracebackhide__ = True
        if self._play is not None:
            raise RuntimeError("the game is being played already")
        self.focused = self.visible = True
        self.exit_code = None
        self._coming.clear()
        if pygame.display.get_init():
            pygame.event.clear()
        play = self._play = Play(script, patience, self.clock, self._let_pass, self.closes, self.kills)
        left: SystemExit | None = None
        try:
            main()
        except SystemExit as error:
            left = error
        except BaseException as error:
            if not play.over:
                self._end_process(error)
                self.exit_code = 1
                if error is not play.crash:
                    raise
            pygame.quit()  # a dead process has no window
        finally:
            played = play.since_it_began("active")
            self._play = None
            self._end_process(None)
        if play.over:
            self.exit_code, left = play.status, SystemExit(play.status)
        elif self.exit_code is None:
            self.exit_code = _code_of(left)
        play.verdict(played)
        self.heard.verdict()
        if left is not None and self.exit_code:
            raise left

    # A game that is played frame by frame

    def wait(self, seconds: float) -> None:
        """Let time pass, frame by frame, wherever the player is. Raises RuntimeError in a script of `plays`."""
        if self._play is not None:
            raise RuntimeError("in a script, write the seconds as a step of their own instead of calling wait()")
        until = self.clock.now().elapsed + seconds
        while (left := until - self.clock.now().elapsed) > 1e-9:
            self._let_pass(min(FRAME, left))
            self.frame()
        self.heard.verdict()

    # What a player does

    def leaves(self) -> None:
        """Alt-tab: another window gets the focus. A fullscreen game may go away as well."""
        self._does("leave")

    def minimises(self) -> None:
        """The window goes away."""
        self._does("minimise")

    def returns(self) -> None:
        """To the game: out of an icon if it is one; it is seen and has the focus again."""
        self._does("return" if self.visible else "restore")

    def shows_desktop(self) -> None:
        """All windows go away."""
        self._does("show desktop")

    def hides_desktop(self) -> None:
        """The windows are back. On X11 the game is without the focus until the player `returns`."""
        self._does("hide desktop")

    def is_interrupted(self) -> None:
        """Another window opens by itself and takes the focus, which goes, comes and goes within milliseconds."""
        self._does("interrupt")

    def switches_mode(self) -> None:
        """To fullscreen or back (`set_mode`, `toggle_fullscreen`): the window goes, and is back 0.2 s later."""
        self._does("switch mode")

    def closes(self) -> None:
        """The close button (on macOS Cmd-Q); the game may refuse."""
        self._does("close")

    def sleeps(self, seconds: float) -> None:
        """The lid is closed: the computer sleeps that long, then wakes."""
        self.clock.sleep(seconds)
        self.clock.advance(0)
        self._look()

    def crashes(self, error: type[Exception] | Exception) -> Callable[[], None]:
        """A deed for a script: in the call in which the game then is, `error` is raised, as by a fault of its own."""
        raised = error() if isinstance(error, type) else error

        def crashes() -> None:
            if self._play is not None:
                raise Crash(raised)
            self._end_process(raised)
            self.exit_code = 1

        return crashes

    def kills(self) -> None:
        """The game's process dies: nothing of it runs any more. Its next start in this folder finds what it left."""
        self.clock.forget_all()
        for plugin in self._plugins:
            plugin.dies()
        self._plugins.clear()
        if self._play is not None:
            raise Curtain

    # Inside

    def _let_pass(self, seconds: float) -> None:
        """Move the clock; what the system has yet to say is said when it is due."""
        if self._window is not None:
            self._window.settle()
        until = self.clock.now().active + seconds
        while self._coming and self._coming[0][0] <= until:
            due, beat = self._coming.popleft()
            self.clock.advance(max(0.0, due - self.clock.now().active))
            self._apply(beat)
        self.clock.advance(max(0.0, until - self.clock.now().active))

    def _does(self, deed: Deed) -> None:
        if self._window is not None:
            self._window.does(deed)
        else:
            if self._coming:  # one thing after the other
                self._let_pass(self._coming[-1][0] - self.clock.now().active)
            due = self.clock.now().active
            for beat in DESKTOPS[self.desktop].deeds[deed]:
                due += beat.after
                self._coming.append((due, beat))
        self._let_pass(0.0)
        self._look()
        self.clock.advance(0)

    def _look(self) -> None:
        """In a game with a loop of its own, the next look is its own."""
        if self._play is None:
            self.frame()

    def _apply(self, beat: Beat) -> None:
        self.focused = self.focused if beat.focused is None else beat.focused
        self.visible = self.visible if beat.visible is None else beat.visible
        for kind in (getattr(pygame, name, pygame.NOEVENT) for name in beat.events):
            if kind != pygame.NOEVENT:  # SDL 3 has no WINDOWTAKEFOCUS
                pygame.event.post(pygame.event.Event(kind))

    def _end_process(self, error: BaseException | None) -> None:
        """What the end of a game's process does, with or without an uncaught exception.

        What a process would deliver when the game has gone, is delivered at once.
        """
        for plugin in self._plugins:
            plugin.process_ends = True
            plugin.__exit__(type(error) if error else None, error, None)
        self._plugins.clear()

    def _playing(self) -> Play | None:
        """The play, if it is its game that asks."""
        return self._play if self._play is not None and self._play.here else None


@contextlib.contextmanager
def game(
    data_dir: str | os.PathLike[str],
    frame: Callable[[], object] = _get_events,
    desktop: str = "x11",
    window: RealWindow | None = None,
) -> Iterator[Player]:
    """Within it, `gs_pygame.install(...)` makes a plugin for a fake player, whose files lie in `data_dir`.

    On the way out the game's process has ended (reason `quit`), and what was ready is delivered. The arguments are
    those of Player. Raises ValueError for an unknown desktop, and AssertionError for a warning that was not expected.
    """
    player = Player(frame=frame, desktop=desktop, window=window)

    def make(settings: Settings) -> SessionPlugin:
        return player.plugin(replace(settings, data_dir=data_dir))

    real, _install.make_plugin = _install.make_plugin, make
    try:
        with contextlib.ExitStack() as replaced:
            replaced.enter_context(player.heard.listening())
            replaced.enter_context(by_the_players_clock(player._playing))
            if window is None:
                replaced.enter_context(with_the_players_eyes(lambda: player.focused, lambda: player.visible))
            try:
                yield player
            finally:
                player._end_process(None)
            player.heard.verdict()
    finally:
        _install.make_plugin = real


def _code_of(error: SystemExit | None) -> int:
    """What a process gives to who started it."""
    code = error.code if error else None
    return code if isinstance(code, int) else int(code is not None)


class PlayedSessionPlugin(SessionPlugin):
    """In a process that ends before the test does. `process_ends`: soon after this is closed."""

    process_ends = False
    _gone = False

    def _end(self, engine: Engine, reason: Reason) -> None:
        if (
            self.process_ends and self.settings.exit_delivery == "after"
        ):  # nothing else stands in for the process that delivers then
            self._gone = True
            self.settings = replace(self.settings, exit_delivery="wait")
        super()._end(engine, reason)

    def _tell(self) -> None:
        """A game that has gone is told of nothing; at its next start it is."""
        if not self._gone:
            super()._tell()

    def dies(self) -> None:
        """Leave everything on disk as SIGKILL would: no end is saved, no file removed, and every lock is free."""
        if self.closed or self._watch is None:
            return
        self._watch.forked()  # what it does in a child is right here: it lets go of pygame, and touches no file
        if self._inherited is not None:
            self._inherited.die()
