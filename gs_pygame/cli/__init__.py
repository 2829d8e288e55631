"""The command line: `gs-pygame` and `python -m gs_pygame`.

`run` and `serve` are plain: they need no extra `tools`, and a game that is run has no library of ours around it. All
other commands are in `_app`, which needs typer and rich.
"""

from __future__ import annotations

import io
import sys

from .._version import __version__
from ..server import _cli as _serve
from . import _run

PLAIN = {"run": (_run.main, _run.HELP), "serve": (_serve.main, _serve.HELP)}
"""The commands that parse their own words, and the help on each."""

NEEDS_TOOLS = {
    "status": "Show what lies in a game's outbox, and what has become of its sessions.",
    "flush": "Deliver what is ready, now.",
    "export": "Write out the ends that an outbox holds, as JSON lines or CSV.",
    "doctor": "Find out what may keep sessions from being delivered.",
    "purge": "Remove what a game keeps on this computer, for good.",
}
"""For who has not got the extra."""


def main(argv: list[str] | None = None) -> int:
    """Run one command; its exit code.

    0: it is done, and all is well. 1: it could not be done, or not all of it, or all is not well. 2: the call's words
    are wrong, or something it needs is not installed. A game that is run has its own.
    """
    words = sys.argv[1:] if argv is None else argv
    if words == ["--version"]:
        print(f"gs_pygame {__version__}")
        return 0
    if words and words[0] in PLAIN:
        command, _ = PLAIN[words[0]]
        return command(words[1:])
    try:
        from ._app import app
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        if words in ([], ["--help"]):
            print(_plain_help())
            return 0
        print(
            "gs-pygame: run and serve work as they are (--help after them tells how); every other command needs the "
            "extra tools: pip install 'gs-pygame[tools]'",
            file=sys.stderr,
        )
        return 2
    if isinstance(sys.stdout, io.TextIOWrapper):  # a folder's name may be nothing that it can show
        sys.stdout.reconfigure(errors="backslashreplace")
    app(words, prog_name="gs-pygame")  # ends by SystemExit
    return 0


def _plain_help() -> str:
    plain = [f"  {name:7}{about}" for name, (_, about) in PLAIN.items()]
    rest = [f"  {name:7}{about}" for name, about in NEEDS_TOOLS.items()]
    return "\n".join(
        [
            "usage: gs-pygame COMMAND ... (--help after a command tells more)",
            "",
            *plain,
            "",
            "These need the extra tools, pip install 'gs-pygame[tools]':",
            "",
            *rest,
        ]
    )
