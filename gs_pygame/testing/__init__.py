"""Test how a game behaves when the player leaves: no screen, no network, no waiting.

    from gs_pygame.testing import ended

    def test_alt_tab(gs_player):                                    # a fixture of the pytest plugin that comes along
        gs_player.plays(my_game.main, [10, gs_player.leaves, 60, gs_player.returns, 5])
        assert gs_player.ends == [ended("background", active=10), ended("quit", active=5)]

`main` is the whole game, with its own `gs_pygame.install(...)` and its own loop. While it is played, what it waits with
takes no time: in its thread `pygame.time`, `time` and asyncio's loops go by `gs_player.clock`. It is played under
SDL's dummy driver, or with the marker `gs_window` in a real window on a virtual display.

Without pytest, `with testing.game(folder) as player:` is the same player. With a network that fails as it is told:

    from gs_pygame.testing import FaultServer, replies

    with FaultServer() as server:
        server.script(replies.answer(503), replies.silence)
        my_game.play(endpoint=server.url)

Everything here may be used in a game's own tests; none of it is imported by a game.
"""

from . import replies
from ._clock import FakeClock
from ._contract import destination_contract
from ._desktops import DESKTOPS, Desktop
from ._destination import FakeDestination
from ._ended import SeenEnd, containing, ended
from ._fault_server import FaultServer
from ._player import Player, game
from ._wire import Reply, Request, Wire

__all__ = [
    "DESKTOPS",
    "Desktop",
    "FakeClock",
    "FakeDestination",
    "FaultServer",
    "Player",
    "Reply",
    "Request",
    "SeenEnd",
    "Wire",
    "containing",
    "destination_contract",
    "ended",
    "game",
    "replies",
]
