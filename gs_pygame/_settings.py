"""What an author may set, where it may come from, and what is wrong with it."""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from ._base.errors import ConfigurationError
from ._base.messages import Consent, EndSessionResponse, Session, dump_script_data, is_text
from ._player.lifecycle import MIN_GRACE
from .destinations import Destination, GameSparks
from .destinations._telling import Known, known

ScriptData = Mapping[str, Any] | Callable[[], Mapping[str, Any]]
Destinations = Destination | str | Sequence[Destination | str]
OnDelivered = Callable[[Session, EndSessionResponse], None]

DEFAULT_GRACE = 300.0
"""Seconds; what Adobe's, Snowplow's and Amplitude's SDKs have for apps. Who plays at a desk looks at a chat or a wiki
many times an evening, and since ends are backdated a long grace costs only delay."""

_ENVIRONMENT = {
    "endpoint": "GS_PYGAME_ENDPOINT",
    "api_key": "GS_PYGAME_API_KEY",
    "secret": "GS_PYGAME_SECRET",
    "player_id": "GS_PYGAME_PLAYER_ID",
    "data_dir": "GS_PYGAME_DATA_DIR",
    "background_grace": "GS_PYGAME_BACKGROUND_GRACE",
}
SWITCHES = ("GS_PYGAME_DISABLED", "DO_NOT_TRACK")
_OFF = frozenset({"", "0", "false", "no", "off"})
_CHOICES: dict[str, tuple[str, ...]] = {
    "background_on": ("focus", "minimize"),
    "consent": ("granted", "pending", "denied"),
    "exit_delivery": ("after", "wait", "next-start"),
    "duration_unit": ("ms", "s"),
}
_NAME = re.compile("[a-z0-9_-]{1,32}")
_OURS = "gs_pygame"  # the folder's name


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a plugin; the arguments of `gs_pygame.install`, which documents them.

    None stands for "not given": the environment is asked next, then the default holds.
    """

    app: str | None = None
    author: str | None = None
    endpoint: str | None = None
    api_key: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)
    credential: str = "device"
    player_id: str | None = None
    app_version: str | None = None
    background_grace: float | None = None
    background_on: Literal["focus", "minimize"] = "focus"
    script_data: ScriptData | None = None
    consent: Consent = "granted"
    on_delivered: OnDelivered | None = None
    exit_delivery: Literal["after", "wait", "next-start"] = "after"
    data_dir: str | os.PathLike[str] | None = None
    enabled: bool = True
    hook: bool = True
    allow_insecure: bool = False
    duration_unit: Literal["ms", "s"] = "ms"
    destination: Destinations | None = None
    crash_details: bool = True

    @property
    def grace(self) -> float:
        """Seconds, once resolved."""
        return DEFAULT_GRACE if self.background_grace is None else self.background_grace

    def resolved(self, environ: Mapping[str, str]) -> Settings:
        """These settings with the environment's share; disabled ones are left as they are, right or wrong."""
        if not self.enabled or any(is_on(environ.get(switch, "")) for switch in SWITCHES):
            return replace(self, enabled=False)
        found: dict[str, Any] = {
            name: environ[variable]
            for name, variable in _ENVIRONMENT.items()
            if getattr(self, name) is None and environ.get(variable)
        }
        if self.destination is not None:
            found.pop("endpoint", None)
        if "background_grace" in found:
            found["background_grace"] = _to_seconds(found["background_grace"])
        return replace(self, **found)

    def validate(self) -> None:
        """Raises ConfigurationError that names the setting, what was given, and what is allowed."""
        self.require_folder()
        self._validate_words()
        _ = self.destinations

    def require_folder(self) -> None:
        """Raises ConfigurationError if what names the folder on disk is wrong."""
        if self.data_dir is None:
            for name in ("app", "author"):
                _require_name(name, getattr(self, name))
        else:
            _require("data_dir", self.data_dir, _is_path(self.data_dir), "a folder's path, as text or pathlib.Path")

    def _validate_words(self) -> None:
        for name, allowed in _CHOICES.items():
            _require(name, getattr(self, name), getattr(self, name) in allowed, " or ".join(map(repr, allowed)))
        for name in ("app", "credential", "player_id", "app_version", "api_key", "secret"):
            value = getattr(self, name)
            given = "a value of another kind" if name in ("api_key", "secret") else value
            missing = value is None and name != "credential"
            _require(name, given, missing or is_text(value), "a non-empty string")
        _require(
            "background_grace",
            self.grace,
            type(self.grace) in (int, float) and MIN_GRACE <= self.grace <= sys.float_info.max,
            f"a number of seconds, at least {MIN_GRACE} (windows flap when others open)",
        )
        on_delivered = self.on_delivered
        _require("on_delivered", on_delivered, on_delivered is None or callable(on_delivered), "a function or None")
        if self.script_data is not None and not callable(self.script_data):
            try:
                dump_script_data(self.script_data)
            except ValueError as error:
                raise ConfigurationError(str(error)) from None

    @property
    def destinations(self) -> tuple[Known, ...]:
        """All that ends go to. Raises ConfigurationError."""
        given = self.destination
        if given is None:
            return (known(self.gamesparks),)
        if self.endpoint is not None:
            raise ConfigurationError(
                "endpoint and destination are both set: pass the first as one of "
                "destination=[GameSparks(endpoint), ...], or leave one of them out"
            )
        each = tuple(map(known, given if isinstance(given, (list, tuple)) else [given]))
        _require("destination", given, each != (), "a destination, or a list of at least one")
        for one in each:
            _require_destination(one)
        names = [one.name for one in each]
        _require(
            "destination", names, len(set(names)) == len(names), "a list in which each has another name: pass name="
        )
        return each

    @property
    def gamesparks(self) -> GameSparks:
        """What the endpoint and what belongs to it are short for. Raises ConfigurationError."""
        if self.endpoint is None or self.endpoint == "":
            raise ConfigurationError(
                "endpoint is not set. The hosted GameSparks service ended on 30 September 2022, so there is no "
                "default: run a server of your own (`gs-pygame serve` starts one at http://127.0.0.1:8765) and pass "
                "its address as endpoint=..., or set GS_PYGAME_ENDPOINT"
            )
        return GameSparks(
            self.endpoint, self.secret, self.credential, self.duration_unit, self.api_key, self.allow_insecure
        )

    @property
    def folder(self) -> Path:
        """Where everything lies on disk: in a folder of our own, since games zip, sync and delete theirs."""
        if self.data_dir is not None:
            return _from_home(Path(self.data_dir))
        return _user_data_dir() / str(self.author) / str(self.app)

    def as_asked(self) -> Settings:
        """These settings as they are now: a game may change its dictionary later."""
        return replace(self, script_data=dict(self.script_data)) if isinstance(self.script_data, Mapping) else self

    def differing(self, other: Settings) -> list[str]:
        """The names of the settings that differ. A function is the same one if it has the same name in the same module:
        a module that is loaded again, or a cell that is run again, makes all of its functions anew."""
        return [f.name for f in fields(self) if not _is_same(getattr(self, f.name), getattr(other, f.name))]


def _is_same(one: Any, other: Any) -> bool:
    with suppress(Exception):  # of an object of the game's
        if one == other:
            return True
    return callable(one) and callable(other) and _name_of(one) == _name_of(other)


def _name_of(function: Any) -> tuple[str, str]:
    """Of a function, of what a partial calls, or of the class of anything else that can be called."""
    while isinstance(function, functools.partial):
        function = function.func
    named = function if hasattr(function, "__qualname__") else type(function)
    return named.__module__, named.__qualname__


def _user_data_dir() -> Path:
    """Of gs_pygame. appdirs takes an empty or relative XDG_DATA_HOME as it is, which is to be ignored (XDG Base
    Directory Specification); it leaves the author out except on Windows, so that author and app come after it."""
    import appdirs

    found = _from_home(Path(appdirs.user_data_dir(_OURS, False)))
    return found if found.is_absolute() else _from_home(Path("~/.local/share", _OURS))


def _from_home(path: Path) -> Path:
    """`path`, whose ~ is the user's home; without a home it lies where nothing can."""
    try:
        return path.expanduser()
    except RuntimeError:
        return Path(os.devnull, "no home directory", *path.parts[1:])


def is_on(switch: str) -> bool:
    """What an environment variable says that is a switch."""
    return switch.strip().lower() not in _OFF


def _to_seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigurationError(
            f"GS_PYGAME_BACKGROUND_GRACE is {text!r}; allowed is a number of seconds, at least {MIN_GRACE}"
        ) from None


def _require(name: str, given: object, ok: bool, allowed: str) -> None:
    if not ok:
        raise ConfigurationError(f"{name} is {given!r}; allowed is {allowed}")


def _require_destination(known: Known) -> None:
    """Of its name, files are named. What it says of itself may be secret."""
    destination = known.destination
    given = f"one of {type(destination).__name__}"

    def require(ok: bool, allowed: str) -> None:
        if not ok:
            raise ConfigurationError(f"destination is {given}; allowed is {allowed}")

    require(not isinstance(destination, type), "an object, and not its class")
    for method in ("deliver", "close"):
        require(callable(getattr(destination, method, None)), f"one that has {method}()")
    name = getattr(destination, "name", None)
    ok = isinstance(name, str) and _NAME.fullmatch(name)
    require(bool(ok), "one whose name is of at most 32 small letters, digits, - and _")
    size = getattr(destination, "batch_size", None)
    require(type(size) is int and size > 0, "one whose batch_size is at least 1")


def _is_path(value: object) -> bool:
    """A path as text. Halves of surrogate pairs may stand for bytes that are no UTF-8; on Windows they are themselves,
    which its files may have in their names, and SQLite's not."""
    try:
        path = os.fspath(value) if isinstance(value, (str, os.PathLike)) else None
        if not isinstance(path, str):
            return False
        written = path.encode() if sys.platform == "win32" else os.fsencode(path)
        return path != "" and b"\0" not in written
    except UnicodeEncodeError:
        return False


def _require_name(name: str, value: Any) -> None:
    if value is None:
        raise ConfigurationError(f"{name} is not set: pass {name}=..., which names the folder on the player's computer")
    ok = is_text(value) and value.strip() not in ("", ".", "..") and not set(value) & set('/\\:*?"<>|\0')
    _require(name, value, ok, "a name that can be a folder's (it says where the game's sessions are kept on disk)")
