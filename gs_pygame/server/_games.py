"""Which game a request is of, by its key and secret."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from hmac import compare_digest

from ._config import Game

CALLS = re.compile(r"(?:/[^/]+)?/rs/|(?:/at)?/ws/")
"""How a path begins that games call; all others are for people and machines."""


class Games:
    """The games that a server is for."""

    def __init__(self, games: Sequence[Game]) -> None:
        self._games = tuple(games)

    def game_of(self, api_key: str | None, secret: str) -> str | None:
        """The game's name; None: it is nobody's. Without `api_key` the secret alone decides."""
        return self.game_that(api_key, lambda known: _equal(known, secret))

    def game_that(self, api_key: str | None, is_secret: Callable[[str], bool]) -> str | None:
        """The same, of a client that proves to know the secret: whether it is this one. How much of a key or secret is
        right cannot be told from the time it takes."""
        right = [
            (game.api_key is None or api_key is None or _equal(game.api_key, api_key))
            & (game.secret is None or is_secret(game.secret))
            for game in self._games
        ]
        return self._games[right.index(True)].name if any(right) else None


def _equal(one: str, other: str) -> bool:
    return compare_digest(one.encode(), other.encode())
