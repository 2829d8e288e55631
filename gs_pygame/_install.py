"""The global plugin: `install`, and what speaks to the installed one."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ._base.clocks import Instant
from ._base.errors import AlreadyInstalledError, NotInstalledError
from ._base.messages import Consent, EndSessionResponse, Reason
from ._plugin import SessionPlugin
from ._settings import Destinations, OnDelivered, ScriptData, Settings

_plugin: SessionPlugin | None = None
_asked: Settings | None = None  # what _plugin was asked for; a test's plugin may have been given other settings
_making: tuple[SessionPlugin | None] | None = None  # while one is made: the newest one of before

make_plugin: Callable[[Settings], SessionPlugin] = SessionPlugin
"""What install() makes a plugin with; `gs_pygame.testing.game` puts another in its place."""


def install(
    *,
    app: str | None = None,
    author: str | None = None,
    endpoint: str | None = None,
    api_key: str | None = None,
    secret: str | None = None,
    credential: str = "device",
    player_id: str | None = None,
    app_version: str | None = None,
    background_grace: float | None = None,
    background_on: Literal["focus", "minimize"] = "focus",
    script_data: ScriptData | None = None,
    consent: Consent = "granted",
    on_delivered: OnDelivered | None = None,
    exit_delivery: Literal["after", "wait", "next-start"] = "after",
    data_dir: str | os.PathLike[str] | None = None,
    enabled: bool = True,
    hook: bool = True,
    allow_insecure: bool = False,
    duration_unit: Literal["ms", "s"] = "ms",
    destination: Destinations | None = None,
    crash_details: bool = True,
) -> SessionPlugin:
    """Begin a session and have it end by itself when the player leaves. Before or after `pygame.init()`; any thread.

    Arguments:
        app, author: name the folder on disk (`appdirs.user_data_dir("gs_pygame")/author/app`); not needed with
            `data_dir`.
        endpoint: the server's address, https unless it is on this computer. `{api_key}` in it is filled in.
        api_key, secret, credential: as the GameSparks portal gave them. A secret in a shipped game is no secret.
        player_id: who plays; None for an anonymous installation id.
        app_version: sent along.
        background_grace: seconds that a player may be away and still come back to the same session; 300 unless set,
            at least 0.5.
        background_on: "focus": away when no window of the game has the focus. "minimize": only when none is visible.
        script_data: goes along with each end: a dictionary, or a function (called on the game's thread when the player
            leaves, before anything is decided and under no lock: it may do anything); JSON of at most 64 KB.
        consent: "granted", "pending" (kept, not sent) or "denied" (nothing is kept). A choice made with
            `set_consent` is remembered and wins.
        on_delivered: `f(session, response)`, called on the game's thread, at a later start too.
        exit_delivery: what becomes of the last end at exit. "after": a small process delivers it when the game has
            gone, at most 10 s long. "wait": the exit waits up to 2 s for it. "next-start": the next start delivers it.
        data_dir: the folder itself, instead of the one that `app` and `author` name.
        enabled: False: does nothing and checks nothing.
        hook: False: the game calls `process_event` and `update` itself.
        allow_insecure: let an endpoint be http on another computer.
        destination: where ends go, instead of `endpoint`: one of `gs_pygame.destinations`, an object of your own, a
            name like "mygame.sessions:Sheet", or a list of these, each of which gets every end.
        crash_details: send the exception's type, and the file, line and function of the game where it came up, along
            with the end of a session that a crash ended; never its words, values, or paths outside the game.
        duration_unit: the unit of the server's `sessionDuration`: "ms" or "s". It was never documented.

    Unset settings are asked of the environment: GS_PYGAME_ENDPOINT, _API_KEY, _SECRET, _PLAYER_ID, _DATA_DIR,
    _BACKGROUND_GRACE. GS_PYGAME_DISABLED=1 and DO_NOT_TRACK=1 always win.

    Called again with equal settings it returns the same plugin. Functions are equal if they have the same name in the
    same module, since one that is loaded again makes them anew; the newer one is called from then on. Raises
    ConfigurationError if a setting is wrong, PygameNotFoundError without a working pygame, and AlreadyInstalledError
    for other settings before `close()`.
    """
    global _plugin, _asked, _making
    settings = Settings(**locals())
    asked = settings.resolved(os.environ)
    _close_what_nobody_was_given()
    if _plugin is not None and _asked is not None and not _plugin.closed:
        if not isinstance(_plugin, _MakingWay):
            differing = _asked.differing(asked)
            if differing:
                raise AlreadyInstalledError(
                    f"gs_pygame is installed already, with other values of {', '.join(differing)}: "
                    "call close() on the first plugin before you install another"
                )
            _plugin._adopt(asked)
            return _plugin
        if asked.enabled:
            asked.validate()
        _plugin._close("explicit")
    _asked = asked.as_asked()
    _making = (SessionPlugin._newest,)
    _plugin = make_plugin(settings)
    _making = None
    return _plugin


def _close_what_nobody_was_given() -> None:
    """By an install() that was interrupted."""
    global _making
    made = SessionPlugin._newest
    if _making is not None and made is not None and made is not _plugin and made is not _making[0]:
        made.close()
    _making = None


def install_unless_the_game_does(settings: Settings) -> None:
    """Install a plugin that makes way for the first one that `install` is asked for. Raises as that does."""
    global _plugin, _asked
    _plugin = _MakingWay(settings)
    _asked = settings


class _MakingWay(SessionPlugin):
    """Keeps no session before somebody plays: a game that has installed its own by then has one session."""

    def _begin(self, since: Instant) -> None:
        assert self._adapter is not None
        self._adapter.signals = _Beginning(lambda: super(_MakingWay, self)._begin(since))


class _Beginning:
    """Takes the window's signals until there is an engine: `begin` at the first that tells of play."""

    alert = True
    due = -math.inf
    inside: float | None = None

    def __init__(self, begin: Callable[[], None]) -> None:
        self.playing = self.back = begin

    def leave(self, reason: Reason) -> None:
        """Nobody has been there yet."""

    def unseen(self) -> None:
        """Nor does it matter how the window stands, nor how time passes."""

    seen = pulse_if_overdue = unseen


def installed() -> SessionPlugin:
    """The plugin of the last install(). Raises NotInstalledError before it and after close(), but not at the exit."""
    if _plugin is None or (_plugin.closed and not _plugin.left):
        raise NotInstalledError("no gs_pygame plugin is installed: call gs_pygame.install(...) first")
    return _plugin


@dataclass(frozen=True, slots=True)
class EndSessionRequest:
    """GameSparks' request: records the end of the current player's session.

    Sent through the installed plugin, so it is durable: it is on disk when `send` returns, and delivered when the
    server can be reached, in this run of the game or a later one. The same as `plugin.end_session(script_data)`.
    """

    script_data: Mapping[str, Any] = field(default_factory=dict)

    def send(self, callback: Callable[[EndSessionResponse], None] | None = None) -> None:
        """End the session; `callback` gets the answer on the game's thread if it comes while this process runs.

        The game's thread. Raises NotInstalledError before install().
        """
        installed()._end_session(self.script_data, callback)
