"""What is said of an exception that ended the game: its type, and where in the game's own files it came up.

No words of the exception's, no values, and no path outside the game's folder: any of them may be about the player.
"""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

LONGEST = 200
"""Characters of each that are said."""

_LIBRARIES = {"site-packages", "dist-packages"}
_NOT_THE_GAMES = {*sys.stdlib_module_names, "pygame", "gs_pygame"} - {"__main__"}


def crash_details(kind: type[BaseException], trace: TracebackType | None, game: Path | None) -> dict[str, str]:
    """`exception`, and if it came by a file of the game's, `frame`: file, line and function of the innermost one.

    `game`: what `game_folder` said while the game ran.
    """
    is_plain = kind.__module__ in ("builtins", "__main__")
    name = kind.__qualname__ if is_plain else f"{kind.__module__}.{kind.__qualname__}"
    frame = next(_own_frames(trace, game), None)
    return {"exception": _text(name), **({"frame": _text(frame)} if frame else {})}


def _text(said: str) -> str:
    """Names of files and of classes may have halves of surrogate pairs, which no server takes."""
    return said[:LONGEST].encode(errors="replace").decode()


def _own_frames(trace: TracebackType | None, game: Path | None) -> Iterator[str]:
    """The innermost first: there may be thousands, and an exit has no time."""
    traces = []
    while trace is not None:
        traces.append(trace)
        trace = trace.tb_next
    for trace in reversed(traces):
        code = trace.tb_frame.f_code
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        file = _own_file(code.co_filename, module, game)
        if file:
            yield f"{file}:{trace.tb_lineno} in {code.co_name}"


def _own_file(filename: str, module: str, game: Path | None) -> str | None:
    """The file as it is named from the game's folder; None if it is not the game's."""
    path = Path(filename)
    if not path.is_absolute():  # of a frozen game, whose files have no folder
        is_known = module.partition(".")[0] in _NOT_THE_GAMES or ".." in path.parts or filename.startswith("<")
        return None if is_known else path.as_posix()
    if game is None or _LIBRARIES.intersection(path.parts) or path.is_relative_to(sysconfig.get_path("stdlib")):
        return None
    return path.relative_to(game).as_posix() if path.is_relative_to(game) else None


def game_folder() -> Path | None:
    """Of its main script, or of the package that was run; when a script is over, Python has forgotten its name."""
    main = sys.modules.get("__main__")
    file, package = getattr(main, "__file__", None), getattr(main, "__package__", None) or ""
    if not file:
        return None
    return Path(file).absolute().parents[package.count(".") + 1 if package else 0]
