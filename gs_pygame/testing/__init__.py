"""Test how a game behaves when the player leaves: no screen, no network, no waiting.

    from gs_pygame import testing

    def test_alt_tab(tmp_path):
        with testing.game(tmp_path) as player:
            my_game.start()                 # calls gs_pygame.install(...)
            player.wait(10)
            player.leaves()
            player.wait(60)
        assert player.ends[0].reason == "background"

Everything here may be used in a game's own tests; none of it is imported by a game.
"""

from ._clock import FakeClock
from ._destination import FakeDestination
from ._player import Player, game

__all__ = ["FakeClock", "FakeDestination", "Player", "game"]
