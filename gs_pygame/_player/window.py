"""What the game asks pygame, and what pygame says: samples and events in, signals out.

Truth is sampled: at every hooked call the adapter asks whether a window of ours has the focus. Events matter only for
what no sample shows (QUIT, which windows can be seen), and where the focus was never seen (dummy drivers, a seat
without a keyboard). It posts nothing, blocks nothing, sets no handlers, and changes no event.
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from types import GeneratorType
from typing import Any, Literal, Protocol

import pygame
import pygame.display
import pygame.event
import pygame.key

from .._base.boundary import Boundary
from .._base.messages import Reason
from .hooks import HoldingHook, Hook, QuitHook, WaitHook
from .sight import IN, OUT, Windows, has_lost_its_compositor, hides_what_is_seen

HOLDS_THE_GAME = sys.platform in ("win32", "darwin")
"""Whether the system keeps a game inside its call for as long as the player drags the title bar, or the window's edge.
Where it does not, a process that is stopped inside a call is a stopped one."""

_TELLING = OUT | IN | {pygame.QUIT, pygame.WINDOWFOCUSLOST}


class _Anything(dict[str, Any]):
    """Equal to whatever it is compared with: by a function in C, since pygame loses what is raised meanwhile."""

    __hash__ = None
    __eq__ = object.__instancecheck__


# An event equals one of its type whose dictionary is equal, so this one equals each QUIT. Looking for it among ten
# events takes 70 ns, where asking each for its type takes 420.
_ANY_QUIT = pygame.event.Event(pygame.QUIT, _Anything())
_QUIT_IS_FOUND = [pygame.event.Event(pygame.QUIT, {"a": 1})].count(_ANY_QUIT) == 1

Probe = Callable[[], bool]


class Signals(Protocol):
    """Where the signals go. From `due` on a hooked call must look closer than at the focus; at once if `alert`."""

    alert: bool
    due: float
    inside: float | None

    def leave(self, reason: Reason) -> None: ...
    def back(self) -> None: ...
    def playing(self) -> None: ...
    def unseen(self) -> None: ...
    def seen(self) -> None: ...
    def pulse_if_overdue(self) -> None: ...


class Adapter:
    """Watches the player through pygame. All methods: the game's thread.

    `focused` and `visible` are the probes, `pygame.key.get_focused` and `pygame.display.get_active` unless replaced.
    `seen` is called when a look found the display up, `farewell` after pygame.quit(). `now` is the clock's tick. What
    is more than a look at the focus crosses the `boundary`.
    `signals` is None while nothing is recorded.
    """

    def __init__(
        self,
        background_on: Literal["focus", "minimize"],
        seen: Callable[[], None],
        farewell: Callable[[], None],
        focused: Probe | None = None,
        visible: Probe | None = None,
        now: Callable[[], float] = time.monotonic,
        boundary: Boundary | None = None,
    ) -> None:
        self._boundary = boundary or Boundary(lambda: None)
        self.signals: Signals | None = None
        self._counts_visible = background_on == "minimize"
        self._seen = seen
        self._farewell = farewell
        self._now = now
        self._focused = focused or pygame.key.get_focused
        self._visible = visible or pygame.display.get_active
        self._sampled: bool | None = None  # the last sample; None: look closer at the next call
        self._knows_focus = False
        self._asked = False  # the game has asked for events: before that, SDL knows of no focus
        self._up = False  # the display
        self._told_to_quit = False
        self._only_quit_tells = False  # of what the events say, a sample says the rest
        self._windows = Windows()
        self._foreground = True
        self._hooks: list[Hook] = []

    # Hooks

    def hook(self) -> None:
        """Wrap the calls that every game makes."""
        self._hooks = [
            self._holding("get", self.after_events),
            self._holding("poll", self.after_event),
            WaitHook(pygame.event, "wait", self.after_event, self.sample, self._must_slice),
            self._holding("pump", self._after_pump),
            self._holding("clear", self._after_pump),
            Hook(pygame.display, "flip", self.sample),
            Hook(pygame.display, "update", self.sample),
            Hook(pygame.display, "quit", self._after_display_quit),
            QuitHook(pygame, "quit", self._after_quit, self._before_quit),
        ]
        for hook in self._hooks:
            hook.put()
        with suppress(pygame.error):  # the display is not initialised
            if self._focused():  # it may be lost before the first call, and the event be blocked
                self._know_focus()
            self._up = True

    def _holding(self, name: str, after: Callable[[Any], Any]) -> Hook:
        """A hook of an event function, inside which some systems hold the game."""
        if HOLDS_THE_GAME:
            return HoldingHook(pygame.event, name, after, self._goes_in, self._comes_out)
        return Hook(pygame.event, name, after)

    def unhook(self) -> None:
        """Put back what is still ours; where someone wrapped us, pass through from now on."""
        self.signals = None
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    # What the hooks call

    def sample(self, result: object = None) -> None:
        """Look whether the player is there, whatever a call's `result`. Under 0.1 us where nothing has changed."""
        signals = self.signals
        if signals is None:
            return
        try:
            focused = self._focused()
            if focused is not self._sampled or self._now() >= signals.due:
                self._guarded(self._look, focused)
        except pygame.error:  # the display is not initialised
            if self._up:
                self._guarded(self._lose_display)
        except Exception:  # noqa: BLE001 - logged
            self._boundary.fault()

    def after_events(self, events: Any) -> Any:
        """A game got `events`: pygame's list, or what a function gives that it put in the place of `get`. It gets what
        this returns in their stead, if anything."""
        kind = type(events)
        try:
            if kind is list and self._only_quit_tells:
                if _ANY_QUIT in events:
                    self._guarded(self._quit)
                else:  # as in nearly every frame: what `sample` would find, without calling it
                    signals = self.signals
                    if signals is None or (self._focused() is self._sampled and self._now() < signals.due):
                        return None
            elif kind is GeneratorType:
                return self._in_passing(events)
            else:
                self._asked = True
                if isinstance(events, (list, tuple)):  # a look at anything else might take something out of it
                    for event in events:
                        self._look_at(event)
        except pygame.error:  # the display is not initialised, as `sample` will find
            pass
        except Exception:  # noqa: BLE001 - logged
            self._boundary.fault()
        self.sample()
        return None

    def after_event(self, event: Any) -> None:
        """A game got one event, or NOEVENT, or what a function of its own gives."""
        try:
            self._look_at(event)
        except Exception:  # noqa: BLE001 - logged
            self._boundary.fault()
        self._asked = True
        self.sample()

    def _after_pump(self, result: object) -> None:
        self._asked = True
        self.sample()

    def _look_at(self, event: Any) -> None:
        type_ = getattr(event, "type", None)
        if isinstance(type_, int) and type_ in _TELLING:
            self._guarded(self._hear, event)

    def _in_passing(self, events: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        """The same generator, each of its events looked at when the game takes it."""
        step = functools.partial(events.send, None)
        while True:
            try:
                event = step()
            except StopIteration as over:
                return over.value
            self.after_event(event)
            try:
                step = functools.partial(events.send, (yield event))
            except GeneratorExit:
                events.close()
                raise
            except BaseException as thrown:  # noqa: BLE001 - into it
                step = functools.partial(events.throw, thrown)

    def _before_quit(self) -> None:
        self._guarded(self._quit)

    def _after_quit(self, result: object) -> None:
        self._guarded(self._lose_display)
        self._guarded(self._farewell)

    def _after_display_quit(self, result: object) -> None:
        if self._up:
            self._guarded(self._lose_display)

    def _goes_in(self) -> None:
        signals = self.signals
        if signals:
            signals.inside = self._now()

    def _comes_out(self) -> None:
        signals = self.signals
        if signals:
            if self._now() >= signals.due:
                self._guarded(signals.pulse_if_overdue)
            signals.inside = None

    def _must_slice(self) -> bool:
        signals = self.signals
        return signals is not None and (signals.alert or bool(pygame.event.get_blocked(pygame.WINDOWFOCUSLOST)))

    # Slow path

    def _look(self, focused: bool) -> None:
        signals = self.signals
        if signals:
            signals.pulse_if_overdue()
        self._up = True
        if self._told_to_quit and has_lost_its_compositor():
            self._move(False)
            return
        first = focused and not self._knows_focus
        here = focused or (self._counts_visible and self._in_sight())
        self._sampled = None  # an exception may come up before the signals are out
        if focused or self._knows_focus:
            self._move(here)
        elif self._foreground and signals:
            signals.playing()
        signals = self.signals  # play may have brought another
        if first:
            if signals:
                signals.seen()
            self._know_focus()
        elif signals and self._asked and not self._knows_focus and not here:
            signals.unseen()
        self._sampled = None if self._counts_visible and not focused else focused
        self._seen()

    def _know_focus(self) -> None:
        self._knows_focus = True
        self._only_quit_tells = _QUIT_IS_FOUND and not self._counts_visible

    def _in_sight(self) -> bool:
        """Whether the player can see a window of ours that has not the focus; no where that cannot be known."""
        return not hides_what_is_seen() and (self._visible() or self._windows.in_sight())

    def _lose_display(self) -> None:
        """Nobody plays without a window. There may be a next one."""
        self._move(False)
        self._told_to_quit = False
        self._sampled = None
        self._windows = Windows()
        self._up = False

    def _quit(self) -> None:
        signals = self.signals
        if signals:
            signals.leave("quit")
        self._told_to_quit = True

    def _hear(self, event: Any) -> None:
        type_ = event.type
        if type_ == pygame.QUIT:
            self._quit()
            return
        if self._counts_visible:
            self._windows.hear(event)
        if not self._knows_focus:
            if type_ in IN:
                self._move(True)
            elif type_ in OUT or (type_ == pygame.WINDOWFOCUSLOST and not self._counts_visible):
                self._move(False)

    def _move(self, foreground: bool) -> None:
        signals = self.signals
        if signals is None:
            return
        if foreground != self._foreground:
            try:
                self._foreground = foreground  # before the signal: script_data may have us look again
                if foreground:
                    signals.back()
                else:
                    signals.leave("background")
            except BaseException:
                self._foreground = not foreground  # a signal may come twice, but never not at all
                raise
        elif foreground:
            signals.playing()

    def _guarded(self, step: Callable[..., None], *values: object) -> None:
        """Promise 4: no Exception of the plugin's gets into the game."""
        self._boundary.cross(step, *values)


def version() -> str:
    """Which pygame this is: `pygame 2.6.1` or `pygame-ce 2.5.8`."""
    flavour = "pygame-ce" if getattr(pygame, "IS_CE", False) else "pygame"
    return f"{flavour} {pygame.version.ver}"
