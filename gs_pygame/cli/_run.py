"""`gs-pygame run`: an unmodified script or module, with the plugin installed before its first line. Where the game
installs one itself, that one plays, with the game's own settings."""

from __future__ import annotations

import argparse
import builtins
import importlib.abc
import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, ModuleType

from .._base.errors import ConfigurationError
from .._install import install_unless_the_game_does
from .._settings import Settings

AUTHOR = "gs_pygame"
"""Of a game whose author is not told."""


HELP = "Play an unmodified game with the plugin."


def main(words: list[str]) -> int:
    """Become the game. Its exit code, and its exceptions, pass through; 2 if it or a setting is wrong."""
    arguments = _parser().parse_args(words)
    if not arguments.game:
        print("gs-pygame run: the target is missing: game.py, or -m and a module", file=sys.stderr)
        return 2
    target, *its_words = arguments.game
    try:
        start = _module(target) if arguments.module else _script(target)
        settings = Settings(
            app=arguments.app or (target.replace(".", "-") if arguments.module else Path(target).stem),
            author=arguments.author,
            endpoint=arguments.endpoint,
            background_grace=arguments.grace,
            data_dir=arguments.data_dir,
        )
        install_unless_the_game_does(settings)
    except (ConfigurationError, ImportError, OSError, SyntaxError) as error:
        print(f"gs-pygame run: {error}", file=sys.stderr)
        return 2
    sys.argv = [sys.argv[0], *its_words]
    start()
    return 0


def _parser() -> argparse.ArgumentParser:
    """The options of `run`; all after the target belongs to the game."""
    parser = argparse.ArgumentParser(
        prog="gs-pygame run",
        usage="%(prog)s [options] (game.py | -m module) [arguments of the game ...]",
        description=f"{HELP} Options stand before the game; what is not given is asked of the environment "
        "(GS_PYGAME_ENDPOINT, GS_PYGAME_SECRET, ...).",
        epilog="Examples: gs-pygame run game.py --level 3; gs-pygame run --grace 30 -m pygame.examples.stars. The "
        "exit code is the game's own; 2 if it cannot be started.",
    )
    parser.add_argument("--app", help="the game's name; it names the folder on disk (default: the target's name)")
    parser.add_argument("--author", default=AUTHOR, help="names the folder on disk, too (default: %(default)s)")
    parser.add_argument("--endpoint", help="the server's address (GS_PYGAME_ENDPOINT)")
    parser.add_argument("--grace", type=float, metavar="SECONDS", help="how long a player may be away (default: 300)")
    parser.add_argument("--data-dir", metavar="DIR", help="keep the sessions here (GS_PYGAME_DATA_DIR)")
    parser.add_argument("-m", dest="module", action="store_true", help="the target is a module, not a file")
    # One positional: argparse would take a "--" away that stands between two.
    parser.add_argument(
        "game", nargs=argparse.REMAINDER, metavar="target", help="the game: a file, or with -m a module"
    )
    return parser


def _script(name: str) -> Callable[[], None]:
    """A file, as `python name` would run it."""
    path = os.path.join(os.getcwd(), name)
    code = compile(Path(path).read_bytes(), path, "exec", dont_inherit=True)

    def start() -> None:
        sys.argv[0] = name
        _look_first_in(os.path.dirname(os.path.realpath(path)))
        main = ModuleType("__main__")
        main.__file__ = path
        _execute(code, main)

    return start


def _module(name: str) -> Callable[[], None]:
    """A module, as `python -m name` would run it. The package that it is in is imported when it starts, no earlier."""
    _look_first_in(os.getcwd())
    if importlib.util.find_spec(name.partition(".")[0]) is None:
        raise ImportError(f"no module named {name}")

    def start() -> None:
        sys.argv[0] = "-m"
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(f"{name}.__main__")
        code = None
        if spec is not None and isinstance(spec.loader, importlib.abc.InspectLoader):
            code = spec.loader.get_code(spec.name)
        if spec is None or code is None:
            sys.exit(f"gs-pygame run: no module named {name} can be run")
        sys.argv[0] = spec.origin or name
        main = ModuleType("__main__")
        main.__file__ = spec.origin
        main.__spec__ = spec
        main.__loader__ = spec.loader
        main.__package__ = spec.parent
        _execute(code, main)

    return start


def _look_first_in(folder: str) -> None:
    """For imports; unless Python was told (-P, -I) that the first place is none of a program's own."""
    if not getattr(sys.flags, "safe_path", sys.flags.isolated):
        sys.path[0] = folder


def _execute(code: CodeType, main: ModuleType) -> None:
    """The module stays in place afterwards: threads and exit handlers of the game still need it."""
    main.__dict__["__builtins__"] = builtins
    sys.modules["__main__"] = main
    exec(code, main.__dict__)
