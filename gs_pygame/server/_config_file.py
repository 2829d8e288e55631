"""Settings from a TOML file. They are named like the options, with `_` for `-`; and there may be several games:

database = "postgresql://sessions@db.example.com/sessions"
public_url = "https://sessions.example.com"
workers = 2

[games.starfall]
api_key = "..."
secret = "..."
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ._config import DAY, Game
from ._schema import ServerError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_KINDS: dict[str, tuple[type | tuple[type, ...], str]] = {
    "database": (str, "a text"),
    "host": (str, "a text"),
    "port": (int, "a whole number"),
    "api_key": (str, "a text"),
    "secret": (str, "a text"),
    "games": (dict, "a table of games, like [games.starfall]"),
    "public_url": (str, "a text"),
    "proxies": (list, "a list of addresses"),
    "admin_token": (str, "a text"),
    "cloud_code": (str, "a text"),
    "end_after": ((int, float), "a number of minutes"),
    "retention": ((int, float), "a number of days"),
    "workers": (int, "a whole number"),
    "access_log": (bool, "true or false"),
}
_OF_A_GAME = ("api_key", "secret")
_SECRETS = ("database", "secret", "admin_token", "games")  # a database's URL may have a password


def read_config(path: Path) -> dict[str, Any]:
    """What the file sets, as ServerConfig has it. Warns on stderr if others can read secrets in it.

    Raises ServerError: it cannot be read, or says something that is not known or of another kind.
    """
    try:
        found = tomllib.loads(path.read_text("utf-8"))
        mode = path.stat().st_mode
    except OSError as error:
        raise ServerError(f"the configuration {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ServerError(f"the configuration {path} is no TOML: {error}") from None
    _check_names(path, "", found, _KINDS)
    for name, value in found.items():
        kind, said = _KINDS[name]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise ServerError(f"{name} in {path} must be {said}")
    if sys.platform != "win32" and mode & 0o077 and any(name in found for name in _SECRETS):
        print(f"gs-pygame serve: others can read the secrets in {path}: chmod 600 {path}", file=sys.stderr, flush=True)
    return {name: _value(path, name, value) for name, value in found.items()}


def _value(path: Path, name: str, value: Any) -> object:
    if name == "games":
        return tuple(_game(path, name, fields) for name, fields in value.items())
    if name == "proxies":
        return tuple(str(proxy) for proxy in value)
    if name == "cloud_code":
        return Path(value)
    if name == "end_after":
        return value * 60
    if name == "retention":
        return value * DAY
    return value


def _game(path: Path, name: str, fields: object) -> Game:
    where = f"games.{name}"
    if not isinstance(fields, dict):
        raise ServerError(f"{where} in {path} must be a table, with a secret and an api_key")
    _check_names(path, f"{where}.", fields, dict.fromkeys(_OF_A_GAME))
    if not all(isinstance(value, str) and value for value in fields.values()) or "secret" not in fields:
        raise ServerError(f"{where} in {path} must have a secret, and may have an api_key, each a text")
    return Game(name, **fields)


def _check_names(path: Path, where: str, found: Mapping[str, object], known: Mapping[str, object]) -> None:
    for name in found:
        if name not in known:
            raise ServerError(f"{path} sets {where}{name}, which is not known; known are {', '.join(known)}")
