"""A run without a window: the bot plays, the session is ended and sent, the server is asked what it got."""

from __future__ import annotations

from datetime import datetime, timezone

from .game import Game
from .server import Server

SEND_PATIENCE = 5.0


def play(game: Game, server: Server, seconds: float) -> int:
    """The exit code: 0 if the session just played is at the server."""
    begun = datetime.now(timezone.utc)
    game.run(bot_seconds=seconds)
    plugin = game.sessions.plugin
    session = plugin.session
    plugin.end_session()
    plugin.flush(SEND_PATIENCE)
    received = server.sessions(after=begun)
    print(f"{'number':>6}  {'reason':<10}  active")
    for row in received:
        print(f"{row['number']:>6}  {row['reason']:<10}  {row['activeMs'] / 1000:.1f} s")
    arrived = session is not None and any(row["id"] == session.id for row in received)
    print("The session has arrived." if arrived else "The session has NOT arrived.")
    return 0 if arrived else 1
