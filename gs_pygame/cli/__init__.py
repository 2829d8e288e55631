"""The command line: `gs-pygame` and `python -m gs_pygame`."""

from __future__ import annotations

import argparse
import sys

from .. import __version__
from ..server import _cli as serve
from . import _run as run
from . import _status as status

_EXTRA = {"starlette", "uvicorn", "sqlalchemy", "jinja2"}


def main(argv: list[str] | None = None) -> int:
    """Run one command; its exit code. 2: the call's words are wrong, or something it needs is not installed."""
    parser = argparse.ArgumentParser(prog="gs-pygame", description="gs_pygame: the end of every session, delivered.")
    parser.add_argument("--version", action="version", version=f"gs_pygame {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    run_parser = commands.add_parser(
        "run",
        help="play an unmodified game with the plugin",
        usage="%(prog)s [options] (game.py | -m module) [arguments of the game ...]",
        description="Play an unmodified game with the plugin. Options stand before the game; what is not given is "
        "asked of the environment (GS_PYGAME_ENDPOINT, GS_PYGAME_SECRET, ...).",
    )
    run.add_arguments(run_parser)
    run_parser.set_defaults(execute=run.run)
    serve_parser = commands.add_parser(
        "serve", help="run a GameSparks-compatible server on this computer", description="Needs the extra: server."
    )
    serve.add_arguments(serve_parser)
    serve_parser.set_defaults(execute=serve.run)
    status_parser = commands.add_parser(
        "status",
        help="what lies in a game's outbox on this computer",
        description="Show what lies in a game's outbox, and what has become of its sessions: --app and --author as in "
        "install(), or --data-dir.",
    )
    status.add_arguments(status_parser)
    status_parser.set_defaults(execute=status.run)
    arguments = parser.parse_args(argv)
    try:
        return int(arguments.execute(arguments))
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA or arguments.command != "serve":
            raise
        print("gs-pygame serve needs its extra: pip install 'gs-pygame[server]'", file=sys.stderr)
        return 2
