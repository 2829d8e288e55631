"""Test how a game behaves when the player leaves: no screen, no network, no waiting.

    from gs_pygame import testing

    def test_alt_tab(tmp_path):
        with testing.game(tmp_path) as player:
            my_game.start()                 # calls gs_pygame.install(...)
            player.wait(10)
            player.leaves()
            player.wait(60)
        assert player.ends[0].reason == "background"

Or with a real network that fails as it is told:

    from gs_pygame.testing import FaultServer, replies

    with FaultServer() as server:
        server.script(replies.answer(503), replies.silence)
        my_game.play(endpoint=server.url)

Everything here may be used in a game's own tests; none of it is imported by a game.
"""

from . import replies
from ._clock import FakeClock
from ._destination import FakeDestination
from ._fault_server import FaultServer
from ._player import Player, game
from ._wire import Reply, Request, Wire

__all__ = ["FakeClock", "FakeDestination", "FaultServer", "Player", "Reply", "Request", "Wire", "game", "replies"]
