"""`python -m examples.starfall`: the game; `--headless SECONDS`: the same without a window, played by a bot."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import suppress
from pathlib import Path

import appdirs

import gs_pygame

from .server import PORT, SECRET, Remote, Server

START_PATIENCE = 15.0


def main() -> int:
    gs_pygame.freeze_support()
    parser = argparse.ArgumentParser(prog="python -m examples.starfall", description="Catch the stars, mind the rocks.")
    parser.add_argument("--headless", type=float, metavar="SECONDS", help="let a bot play so long, without a window")
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="where everything is kept")
    parser.add_argument("--port", type=int, default=PORT, help="of the game's own server (default: %(default)s)")
    parser.add_argument(
        "--server",
        metavar="URL",
        required=hasattr(sys, "frozen"),  # such a game has no Python to run its own with
        help="play against this one, such as `gs-pygame serve`, instead of the game's own",
    )
    options = parser.parse_args()

    own = options.data_dir.resolve() if options.data_dir else None
    folder = own or Path(appdirs.user_data_dir("Starfall", "gs_pygame"))
    with suppress(OSError):  # then nothing is kept, and the game can still be played
        folder.mkdir(parents=True, exist_ok=True)
    server = Remote(options.server) if options.server else Server(options.port, folder / "server.sqlite3")
    server.start()
    try:
        return _play(server, folder, own, options.headless)
    except KeyboardInterrupt:
        return 130
    finally:
        # a session ended by leaving is sent when the game has gone; the headless one has been sent by now
        server.stop() if options.headless is not None else server.goodbye()


def _play(server: Server, folder: Path, plugin_folder: Path | None, seconds: float | None) -> int:
    # SDL reads these when pygame starts, so they come before its import
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    if seconds is not None:
        os.environ["SDL_VIDEODRIVER"] = os.environ["SDL_AUDIODRIVER"] = "dummy"
    import pygame

    from . import headless
    from .game import Game
    from .sessions import Sessions

    if server.wait(START_PATIENCE):
        print(f"Your sessions: {server.address}/", flush=True)
    elif seconds is not None:
        return 1
    game = Game(server, folder / "starfall.json", lambda data: Sessions(server.address, SECRET, data, plugin_folder))
    if seconds is not None:
        return headless.play(game, server, seconds)
    game.run()
    pygame.quit()
    return 0


if __name__ == "__main__":
    sys.exit(main())
