"""`gs-pygame serve`. Needs argparse alone until it runs: the server is an extra, and may be missing."""

from __future__ import annotations

import argparse
import sys

DEFAULT_DATABASE = "sqlite:///gs_pygame_sessions.sqlite3"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `serve` to `parser`."""
    parser.add_argument("--host", default="127.0.0.1", help="this computer's own address (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8765, help="0 takes a free one (default: %(default)s)")
    parser.add_argument(
        "--database",
        default=DEFAULT_DATABASE,
        metavar="sqlite:///FILE",
        help="where sessions are kept (default: %(default)s)",
    )
    parser.add_argument("--api-key", metavar="KEY", help="refuse requests under another API key")
    parser.add_argument("--secret", help="refuse requests with another secret (default: any is accepted)")


def run(args: argparse.Namespace) -> int:
    """Serve until stopped. Returns the exit code: 0 when stopped, 2 when it could not start, said in one sentence.

    Raises ImportError if the extra is not installed.
    """
    from ._serve import serve
    from ._store import ServerError

    try:
        serve(args.host, args.port, args.database, args.api_key, args.secret)
    except ServerError as error:
        print(f"gs-pygame serve: {error}", file=sys.stderr)
        return 2
    return 0
