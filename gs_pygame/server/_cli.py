"""`gs-pygame serve`. Needs argparse alone until it runs: the server is an extra, and may be missing."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from .._disk.private import make_folder
from .._settings import Settings
from ._config import DAY

HELP = "Run a GameSparks-compatible server on this computer."

_EXTRA = {
    *("starlette", "uvicorn", "sqlalchemy", "jinja2", "websockets", "argon2", "quickjs"),
    *("prometheus_client", "tomli"),
}
_ENVIRONMENT = {
    "api_key": "GS_PYGAME_API_KEY",
    "secret": "GS_PYGAME_SECRET",
    "admin_token": "GS_PYGAME_ADMIN_TOKEN",
}


def main(words: list[str]) -> int:
    """Serve until stopped, or back up. The exit code: 0 when stopped or done, 2 when it could not start, said in one
    sentence."""
    options = vars(_parser().parse_args(words))
    try:
        from ._backup import back_up
        from ._config import ServerConfig
        from ._config_file import read_config
        from ._schema import ServerError
        from ._serve import serve
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        print("gs-pygame serve needs its extra: pip install 'gs-pygame[server]'", file=sys.stderr)
        return 2
    file, backup = options.pop("config", None), options.pop("backup", None)
    settings: dict[str, Any] = {}
    try:
        settings |= read_config(file) if file is not None else {}
        settings |= {field: os.environ[name] for field, name in _ENVIRONMENT.items() if os.environ.get(name)}
        settings |= options
        is_told = "database" in settings
        config = ServerConfig(**settings if is_told else {**settings, "database": _made()})
        if backup is not None:
            back_up(config.database, backup)
        else:
            serve(config, lambda _port: None if is_told else _say_where())
    except ServerError as error:
        print(f"gs-pygame serve: {error}", file=sys.stderr)
        return 2
    return 0


def _kept_in() -> Path:
    """The file in the user's data folder, for who named no database."""
    return Settings(author="gs-pygame", app="serve").folder / "sessions.sqlite3"


def _made() -> str:
    """That database, in a folder that is there. Raises ServerError."""
    from ._schema import ServerError

    folder = _kept_in().parent
    try:
        make_folder(folder)
    except OSError as error:
        raise ServerError(f"{folder} cannot be made ({error.strerror}): name a database by --database") from None
    return f"sqlite:///{_kept_in()}"


def _say_where() -> None:
    print(f"gs-pygame serve: the sessions are kept in {_kept_in()}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    """No option takes a secret: others could read it in the list of processes. What is not given is not there."""
    parser = argparse.ArgumentParser(
        prog="gs-pygame serve",
        argument_default=argparse.SUPPRESS,
        description=f"{HELP} Needs the extra: server. Where the environment has GS_PYGAME_API_KEY or "
        "GS_PYGAME_SECRET, requests with another key or secret are refused; else any is accepted, as long as only this "
        "computer can reach it. GS_PYGAME_ADMIN_TOKEN opens the page from elsewhere.",
        epilog="Example: gs-pygame serve --port 0 --database sqlite:///sessions.sqlite3. An option wins over the "
        "environment, that over the file of --config. The exit code is 0 when it was stopped, 2 if it could not start.",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="TOML with these settings, and several games")
    parser.add_argument("--host", help="an address of this computer (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, help="0 takes a free one (default: 8765)")
    parser.add_argument(
        "--database",
        metavar="URL",
        help="sqlite:///FILE, or postgresql://USER@HOST/NAME with the extra postgresql (default: a file in your data "
        "folder; it says which)",
    )
    parser.add_argument("--workers", type=int, metavar="N", help="processes that serve (default: 1)")
    parser.add_argument(
        "--public-url",
        metavar="https://HOST",
        help="its address for other computers, behind a proxy or a load balancer",
    )
    parser.add_argument(
        "--proxy",
        action="append",
        dest="proxies",
        metavar="ADDRESS",
        help="whose X-Forwarded-For is believed, besides this computer's own; may be given several times",
    )
    parser.add_argument(
        "--cloud-code",
        type=Path,
        metavar="FOLDER",
        help="JavaScript that requests and responses go through, like EndSessionRequest.js",
    )
    parser.add_argument(
        "--end-after",
        type=_minutes,
        metavar="MINUTES",
        help="after a disconnect, when a session ends by itself (default: never)",
    )
    parser.add_argument(
        "--retention",
        type=_days,
        metavar="DAYS",
        help="how long sessions and events are kept (default: for ever)",
    )
    parser.add_argument(
        "--access-log", action="store_true", help="a line of JSON on stderr for each request, without its path"
    )
    parser.add_argument(
        "--backup",
        type=Path,
        metavar="FILE",
        help="copy the database to a new file, while a server uses it, instead of serving",
    )
    return parser


def _minutes(text: str) -> float:
    """In seconds."""
    return _positive(text) * 60


def _days(text: str) -> float:
    """In seconds."""
    return _positive(text) * DAY


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError(text)
    return number
