"""`gs-pygame serve`. Needs argparse alone until it runs: the server is an extra, and may be missing."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

HELP = "Run a GameSparks-compatible server on this computer."
DEFAULT_DATABASE = "sqlite:///gs_pygame_sessions.sqlite3"

_EXTRA = {"starlette", "uvicorn", "sqlalchemy", "jinja2", "websockets", "argon2", "quickjs"}


def main(words: list[str]) -> int:
    """Serve until stopped. The exit code: 0 when stopped, 2 when it could not start, said in one sentence."""
    arguments = _parser().parse_args(words)
    try:
        from ._config import ServerConfig
        from ._database import ServerError
        from ._serve import serve
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        print("gs-pygame serve needs its extra: pip install 'gs-pygame[server]'", file=sys.stderr)
        return 2
    config = ServerConfig(
        **vars(arguments),
        api_key=os.environ.get("GS_PYGAME_API_KEY") or None,
        secret=os.environ.get("GS_PYGAME_SECRET") or None,
        admin_token=os.environ.get("GS_PYGAME_ADMIN_TOKEN") or None,
    )
    try:
        serve(config)
    except ServerError as error:
        print(f"gs-pygame serve: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    """No option takes a secret: others could read it in the list of processes."""
    parser = argparse.ArgumentParser(
        prog="gs-pygame serve",
        description=f"{HELP} Needs the extra: server. Where the environment has GS_PYGAME_API_KEY or "
        "GS_PYGAME_SECRET, requests with another key or secret are refused; else any is accepted, as long as only this "
        "computer can reach it. GS_PYGAME_ADMIN_TOKEN opens the page from elsewhere.",
        epilog="Example: gs-pygame serve --port 0 --database sqlite:///sessions.sqlite3. The exit code is 0 when it "
        "was stopped, 2 if it could not start.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="an address of this computer (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8765, help="0 takes a free one (default: %(default)s)")
    parser.add_argument(
        "--database",
        default=DEFAULT_DATABASE,
        metavar="URL",
        help="sqlite:///FILE, or postgresql://USER@HOST/NAME with the extra postgresql (default: %(default)s)",
    )
    parser.add_argument(
        "--public-url",
        metavar="https://HOST",
        help="its address for other computers, behind a proxy or a load balancer",
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
    return parser


def _minutes(text: str) -> float:
    """In seconds."""
    minutes = float(text)
    if not 0 < minutes < float("inf"):
        raise ValueError(text)
    return minutes * 60
