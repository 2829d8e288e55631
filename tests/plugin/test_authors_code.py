"""What the author's own functions may do when the plugin calls them: anything. It costs no session, and no length."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pygame
import pytest
from core_kit import ENDPOINT, run

import gs_pygame
from gs_pygame import SessionPlugin, Settings, _install, testing
from gs_pygame.testing import FakeDestination, Player

GRACE = 1.0
DEADLINE = 5.0


class Author:
    """A game and its author's function, which does `deed` once, when it is told to."""

    def __init__(self, player: Player) -> None:
        self.player = player
        self.deed: Callable[[], object] | None = None
        self.calls = 0
        self.told: list[int | None] = []

    def script_data(self) -> dict[str, int]:
        self.calls += 1
        self._does()
        return {"calls": self.calls}

    def on_delivered(self, session: gs_pygame.Session, response: object) -> None:
        self.told.append(session.number)
        self._does()

    def _does(self) -> None:
        deed, self.deed = self.deed, None
        if deed:
            deed()

    def install(self) -> SessionPlugin:
        return gs_pygame.install(
            app="Starfall",
            author="Example Studio",
            endpoint=ENDPOINT,
            background_grace=GRACE,
            script_data=self.script_data,
            on_delivered=self.on_delivered,
        )

    @property
    def plugin(self) -> SessionPlugin:
        assert _install._plugin is not None
        return _install._plugin

    # Deeds

    def raises(self) -> None:
        raise KeyError("no level yet")

    def exits(self) -> None:
        sys.exit("fatal")

    def is_interrupted(self) -> None:
        raise KeyboardInterrupt

    def blocks(self) -> None:
        self.player.clock.advance(3)

    def pumps(self) -> None:
        pygame.event.pump()
        pygame.event.get()

    def pumps_back(self) -> None:
        """Situation 9: the player is there again when it pumps."""
        self.player.focused = True
        pygame.event.pump()

    def flips(self) -> None:
        pygame.display.flip()
        pygame.display.update()

    def ends(self) -> None:
        self.plugin.end_session({"by": "the function"})

    def ends_and_starts(self) -> None:
        self.plugin.end_session()
        self.plugin.start_session()

    def closes(self) -> None:
        self.plugin.close()

    def denies(self) -> None:
        self.plugin.set_consent("denied")

    def denies_and_grants(self) -> None:
        self.plugin.set_consent("denied")
        self.plugin.set_consent("granted")

    def flushes(self) -> None:
        self.plugin.flush(0.5)

    def installs(self) -> None:
        self.install()

    def asks(self) -> None:
        self.plugin.status()
        assert repr(self.plugin)
        self.plugin.set_player("Ada")


DEEDS = [
    Author.raises,
    Author.exits,
    Author.is_interrupted,
    Author.blocks,
    Author.pumps,
    Author.pumps_back,
    Author.flips,
    Author.ends,
    Author.ends_and_starts,
    Author.closes,
    Author.denies,
    Author.denies_and_grants,
    Author.flushes,
    Author.installs,
    Author.asks,
]

PLACES: dict[str, Callable[[Author], object]] = {
    "leave": lambda author: author.player.leaves(),
    "quit": lambda author: author.player.closes(),
    "pygame.quit": lambda author: pygame.quit(),
    "end_session": lambda author: author.plugin.end_session(),
    "close": lambda author: author.plugin.close(),
}


def at_the_next_start(author: Author, folder: Path) -> list[Any]:
    """The ends that are delivered then."""
    _install._plugin = None
    with testing.game(folder) as later:
        author.player = later
        author.install()
        later.wait(1)
        return list(later.ends)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("deed", DEEDS)
def test_script_data_may_do_anything(
    deed: Callable[[Author], object], place: str, tmp_path: Path, screen: None
) -> None:
    """Wherever it is called, whatever it does: each second of play is in one session, which ended once; what it raises
    that is no Exception goes on into the game."""
    with testing.game(tmp_path) as player:
        author = Author(player)
        author.install()
        player.wait(10)
        author.deed = lambda: deed(author)
        raised = ""
        try:
            PLACES[place](author)
        except BaseException as error:  # noqa: BLE001 - which it is, is what is asked
            raised = type(error).__name__
        assert raised == {"exits": "SystemExit", "is_interrupted": "KeyboardInterrupt"}.get(deed.__name__, "")
        assert author.deed is None
        pygame.init()
        pygame.display.set_mode((64, 64))
        if place == "close" or deed is Author.closes:
            assert author.plugin.closed
            player.focused = True
            author.install()
        player.returns()
        author.plugin.start_session()
        player.wait(5)
        author.plugin.close()
    ends = [*player.ends, *at_the_next_start(author, tmp_path)]
    played = {Author.denies: 0, Author.denies_and_grants: 5}.get(deed, 15)  # type: ignore[call-overload]
    assert "abnormal" not in [end.reason for end in ends]
    assert len({end.session_id for end in ends}) == len(ends)
    counts = 3 if deed is Author.blocks and place == "quit" else 0  # a quit that was refused was no leaving
    assert sum(end.active for end in ends) == pytest.approx(played + counts, abs=0.2)


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("callback", ["on_delivered", "send"])
def test_a_callback_may_do_anything(
    deed: Callable[[Author], object], callback: str, tmp_path: Path, screen: None
) -> None:
    """It is called once for each end, whatever it does for one of them; and the sessions go on."""
    with testing.game(tmp_path) as player:
        author = Author(player)
        plugin = author.install()
        answers: list[object] = []

        def answered(response: object) -> None:
            answers.append(response)
            author._does()

        for _ in range(3):
            player.clock.advance(5)
            gs_pygame.EndSessionRequest().send(answered if callback == "send" else None)
            plugin.start_session()
        player.clock.advance(1)
        author.deed = lambda: deed(author)
        with suppress(SystemExit, KeyboardInterrupt):
            player.frame()
        assert author.deed is None
        if not plugin.closed:
            player.frame()
        assert author.told[:3] == [1, 2, 3]
        assert len(answers) == (3 if callback == "send" else 0)
        author.plugin.close()
    ends = [*player.ends, *at_the_next_start(author, tmp_path)]
    assert "abnormal" not in [end.reason for end in ends]
    assert len({end.session_id for end in ends}) == len(ends)
    assert len(author.told) == len(set(author.told)) or deed is Author.denies_and_grants


def test_the_games_lock_in_two_threads(tmp_path: Path, screen: None) -> None:
    """Situation 10: one thread takes the events, and script_data the game's lock; another one holds that lock, and asks
    the plugin. Neither waits for the other."""
    lock, holds, asks = threading.Lock(), threading.Event(), threading.Event()
    here = True

    def script_data() -> dict[str, Any]:
        asks.set()
        with lock:
            return {"level": 1}

    plugin = SessionPlugin(
        Settings(data_dir=tmp_path / "data", hook=False, script_data=script_data, exit_delivery="next-start"),
        FakeDestination(),
        focused=lambda: here,
    )

    def other() -> None:
        with lock:
            holds.set()
            asks.wait(DEADLINE)
            assert plugin.session is not None
            plugin.status()
            plugin.set_player("Ada")
            plugin.update()

    plugin.update()
    thread = threading.Thread(target=other, daemon=True)
    thread.start()
    assert holds.wait(DEADLINE)
    here = False
    began = time.monotonic()
    leaving = threading.Thread(target=plugin.update, daemon=True)
    leaving.start()
    leaving.join(DEADLINE)
    thread.join(DEADLINE)
    assert not leaving.is_alive()
    assert not thread.is_alive()
    assert time.monotonic() - began < DEADLINE / 2
    assert plugin.status().waiting == 1
    plugin.close()


@pytest.mark.parametrize("raised", ["KeyboardInterrupt", "SystemExit(3)", "ValueError"])
def test_what_script_data_raises_at_the_exit(raised: str, tmp_path: Path) -> None:
    """Situation 13: the session has its length, and its end is a quit."""
    game = """
        import sys, time, pygame
        from gs_pygame import SessionPlugin, Settings
        from gs_pygame.testing import FakeDestination
        def data():
            raise %s
        SessionPlugin(Settings(data_dir=sys.argv[1], hook=False, script_data=data), FakeDestination())
        time.sleep(0.3)
        """
    assert run(game % raised, tmp_path / "data").returncode == 0
    player = Player(frame=lambda: None)
    with player.plugin(Settings(data_dir=tmp_path / "data", hook=False)):
        player.clock.advance(1)
        ((reason, active),) = [(end.reason, end.active) for end in player.ends]
    assert reason == "quit"
    assert 0.25 < active < 5
