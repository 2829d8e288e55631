"""The plugin: wires window, engine, exit and callbacks together, and is what a game holds."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar

from ._base.boundary import Boundary, called_by_the_game, calls_the_game
from ._base.clocks import Clock, Instant, SystemClock
from ._base.errors import PygameNotFoundError
from ._base.log import log
from ._base.messages import Consent, EndSessionResponse, Reason, Session, Status, about_json, is_text
from ._base.patience import WAIT_AT_EXIT
from ._delivery.erasing import Erasing
from ._disk import lock
from ._disk.consent import CONSENTS
from ._engine import Engine
from ._following import Following
from ._player.crash import crash_details, game_folder
from ._player.exits import Ended, ExitWatch, reason_of
from ._settings import Destinations, Settings

if TYPE_CHECKING:
    from ._player.window import Adapter, Probe

Answered = Callable[[EndSessionResponse], None]


class SessionPlugin:
    """Ends the player's session when they leave. `gs_pygame.install` makes one; this is the same without globals.

    A session begins with the construction. Methods are for the game's thread, whichever thread that is; none raises an
    Exception, and none but `flush` waits for the network. Raises ConfigurationError at construction and nowhere else.
    What is raised into the game's thread meanwhile (Ctrl-C), and what script_data or a callback raises that is no
    Exception (sys.exit), goes on into the game; the session's end is saved before.

    `destination` replaces the setting of that name, `clock` the computer's clocks, `focused` and `visible` the
    questions to pygame whether the player is there (`pygame.key.get_focused`, `pygame.display.get_active`).
    """

    _newest: ClassVar[SessionPlugin | None] = None
    """The last one that was made, or nearly so: whoever wanted it may have been interrupted."""

    def __init__(
        self,
        settings: Settings,
        destination: Destinations | None = None,
        clock: Clock | None = None,
        *,
        focused: Probe | None = None,
        visible: Probe | None = None,
    ) -> None:
        if destination is not None:
            settings = replace(settings, destination=destination, endpoint=None)
        self.settings = settings.resolved(os.environ)
        self.closed = False
        self.left = False
        self._following: Following | None = None
        self._answered: dict[str, Answered] = {}
        self._boundary = Boundary(self._let_go)
        self._closing: Reason = "quit"
        self._adapter: Adapter | None = None
        self._watch: ExitWatch | None = None
        self._erasing: Erasing | None = None
        self._game_folder = game_folder()
        if self.settings.enabled:
            self.settings.validate()
            _require_pygame()
            self._set_up(clock, focused, visible)

    @called_by_the_game(None)
    def _set_up(self, clock: Clock | None, focused: Probe | None, visible: Probe | None) -> None:
        from ._player.window import Adapter, version

        clock = SystemClock() if clock is None else clock
        self._adapter = adapter = Adapter(
            self.settings.background_on,
            self._tell,
            self._farewell,
            focused,
            visible,
            clock.tick,
            self._boundary,
        )
        about = about_json(self.settings.app, self.settings.app_version, version())
        folder = self.settings.folder
        with suppress(FileNotFoundError):  # there is no working directory
            folder = folder.absolute()  # a game may change it later
        self._erasing = erasing = Erasing(folder, self.settings.destinations, clock)
        self._watch = watch = ExitWatch(self._leave, self._forked)
        self._following = Following(
            folder,
            self.settings.consent,
            clock,
            adapter,
            lambda choice, changed: Engine(clock, folder, self.settings, about, choice, changed, watch.goes_on),
            lambda engine: self._end(engine, self._closing),
            erasing.requests,
            erasing.look,
        )
        SessionPlugin._newest = self
        watch.start()  # before there is a session that it might have to end
        self._begin(clock.now())
        if self.settings.hook:
            adapter.hook()

    @called_by_the_game("<SessionPlugin>")
    def __repr__(self) -> str:
        return f"<{type(self).__name__} {'closed' if self.closed else self.session}>"

    def __enter__(self) -> SessionPlugin:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave_by(kind, trace)

    # What a game may ask

    @property
    @called_by_the_game(None)
    def session(self) -> Session | None:
        """A snapshot of the open session; None if there is none."""
        engine = self._engine
        return engine.session() if engine else None

    @called_by_the_game(Status())
    def status(self) -> Status:
        """The state of the queue. Reads the outbox (0.3 ms, and 0.2 ms for each thousand ends): not for every frame."""
        engine = self._engine
        status = engine.status() if engine else Status()
        trouble = self._following.trouble if self._following else None
        return replace(status, last_error=status.last_error or trouble)

    # What a game may do

    def end_session(self, script_data: dict[str, Any] | None = None) -> None:
        """End the session now, with `script_data` beside what the settings send along. It is on disk on return.

        The next session begins with `start_session()`, or when the player leaves the window and returns.
        """
        self._end_session(script_data, None)

    @called_by_the_game(None)
    def _end_session(self, script_data: Mapping[str, Any] | None, callback: Answered | None) -> None:
        engine = self._engine
        session_id = engine.exit("explicit", script_data) if engine else None
        if session_id and callback:
            self._answered[session_id] = callback

    @called_by_the_game(None)
    def start_session(self) -> None:
        """Begin a session; without effect while one is open."""
        engine = self._engine
        if engine:
            engine.start()

    @called_by_the_game(None)
    def set_player(self, id: str) -> None:
        """From now on this player plays, in the open session too. Ends already on disk keep their player."""
        if not is_text(id):
            log.error("gs_pygame: set_player(%r) is ignored: allowed is a non-empty string", id)
        elif engine := self._engine:
            engine.set_player(id)

    @called_by_the_game(None)
    def set_consent(self, choice: Consent) -> None:
        """The player's own choice; kept on disk, and stronger than the setting at later starts. Every running copy of
        the game follows it within a second.

        `granted`: kept and sent. `pending`: kept, not sent. `denied`: what was kept is erased, and nothing is kept.
        What cannot be erased now is tried again every second, and at the next start; until then `status().last_error`
        says so, and no yes holds.
        """
        if choice not in CONSENTS:
            log.error("gs_pygame: set_consent(%r) is ignored: allowed is one of %s", choice, CONSENTS)
        elif self._following:
            self._following.choose(choice)

    @called_by_the_game(False)
    def flush(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds; True when everything that was ready has been delivered (or rejected)."""
        if not isinstance(timeout, (int, float)) or math.isnan(timeout):
            log.error("gs_pygame: flush(%r) does not wait: allowed is a number of seconds", timeout)
            timeout = 0.0
        engine = self._engine
        delivered = engine.sending.flush(timeout) if engine else True
        self._tell()
        return delivered

    def close(self) -> None:
        """End the session and let go of pygame. Idempotent; takes at most 50 ms unless `exit_delivery` is "wait"."""
        self._close("quit")

    # For install(hook=False)

    @called_by_the_game(None)
    def process_event(self, event: Any) -> None:
        """Tell the plugin of one event that the game got."""
        if self._adapter and hasattr(event, "type"):
            self._adapter.after_event(event)

    @called_by_the_game(None)
    def update(self) -> None:
        """Have the plugin look whether the player is there; once a frame."""
        if self._adapter:
            self._adapter.sample()

    # Inside

    @property
    def _engine(self) -> Engine | None:
        return self._following.engine if self._following else None

    def _begin(self, since: Instant) -> None:
        assert self._following is not None
        self._following.begin(since)
        if self._erasing:
            self._erasing.look()

    @called_by_the_game(None)
    def _adopt(self, settings: Settings) -> None:
        """The same settings again, whose functions may be newer."""
        self.settings = replace(self.settings, script_data=settings.script_data, on_delivered=settings.on_delivered)
        engine = self._engine
        if engine:
            engine.set_script_data(settings.script_data)

    @called_by_the_game(None)
    def _farewell(self) -> None:
        """pygame.quit() was called: some games leave by os._exit next, which nobody is told of."""
        engine = self._engine
        if engine and self.settings.exit_delivery == "after":
            engine.sending.farewell()

    def _tell(self) -> None:
        """Hand receipts to the game, on the game's thread."""
        engine = self._engine
        if engine is None:
            return
        receipts = engine.receipts.take()
        try:
            while receipts:
                answered = self._answered.pop(receipts[0].end.session_id, None)
                if answered:
                    self._call_back(answered, receipts[0].response)
                receipt = receipts.pop(0)
                if self.settings.on_delivered:
                    self._call_back(self.settings.on_delivered, receipt.end.snapshot(), receipt.response)
        finally:
            if receipts:
                engine.receipts.give_back(receipts)

    @staticmethod
    @calls_the_game
    def _call_back(function: Callable[..., object], *arguments: object) -> None:
        try:
            function(*arguments)
        except Exception:  # noqa: BLE001 - logged
            log.exception("gs_pygame: a callback for a delivered session raised; the game goes on")

    @called_by_the_game(None)
    def _leave(self, ended: Ended) -> None:
        """The program ends; what of it runs from here on may still ask for something, in vain."""
        self.left = True
        self._leave_by(*ended)

    @called_by_the_game(None)
    def _leave_by(self, kind: type[BaseException] | None, trace: TracebackType | None) -> None:
        reason, engine = reason_of(kind), self._engine
        try:
            if kind and engine and reason == "crash" and self.settings.crash_details:
                engine.crashed(crash_details(kind, trace, self._game_folder))
        finally:  # a class of the game's may raise when it is asked for its name
            self._close(reason)

    @called_by_the_game(None)
    def _close(self, reason: Reason) -> None:
        if self.closed:
            return
        if self._adapter is None or self._watch is None or self._following is None:
            self.closed = True
            return
        self._closing = reason
        self._adapter.unhook()
        self._following.stop()
        if self._erasing:
            self._erasing.stop()
        try:
            while self._engine:  # script_data may have the player deny, and consent again
                self._end(self._engine, reason)
        finally:
            if self._engine is None:  # else an exception came up before: it is closed later, at the exit if need be
                self._watch.stop()
                self._following.leave()
                self.closed = True

    def _end(self, engine: Engine, reason: Reason) -> None:
        """Raises what script_data and callbacks raise; then, too, all is done."""
        engine.may_keep()  # another copy may have heard a no since the last beat
        how = self.settings.exit_delivery
        try:
            if how != "wait":
                engine.sending.stop(all_of_us=how == "next-start")
            engine.exit(reason)
            if how == "wait":  # by the helper that is there, since it is warm; and it is gone when the game is
                engine.sending.flush(WAIT_AT_EXIT)
                self._tell()
        finally:
            if engine.session_id is None:
                engine.stop(after=how == "after")
                if self._following and self._following.engine is engine:
                    self._following.engine = None

    def _let_go(self) -> None:
        """An exception has come up in here: nothing is held any more."""
        lock.let_go()
        if self._following:
            self._following.let_go()
        if self._engine:
            self._engine.let_go()

    def _forked(self) -> None:
        """A forked child is not the game: it leaves the session, and every file, to its parent."""
        if self._adapter:
            self._adapter.unhook()
        self.closed = True
        self._inherited = self._following.leave() if self._following else None
        if self._inherited:
            self._inherited.forked()


def _require_pygame() -> None:
    """Raises PygameNotFoundError."""
    try:
        import pygame

        if not hasattr(pygame, "init"):  # what an uninstall of one of two flavours leaves behind
            raise ImportError
        import gs_pygame._player.window  # noqa: F401
    except ImportError as error:
        raise PygameNotFoundError(
            "no working pygame was found: install one of them with `pip install pygame` or "
            "`pip install pygame-ce` (if both were installed, uninstall both first)"
        ) from error
