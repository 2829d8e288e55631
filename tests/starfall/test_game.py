"""The whole game, played by the testing kit: pause and silence on focus loss, gamepads, the high score, the stars."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pygame
import pytest

from examples.starfall.game import Game, Scene
from examples.starfall.save import Save
from examples.starfall.sessions import Sessions
from examples.starfall.world import Happening, What, World
from gs_pygame import testing

SERVER: Any = SimpleNamespace(address="http://127.0.0.1:9", running=True)
Script = Callable[[Game], Iterator[float]]


class Stage:
    """A player of the testing kit before the game, and a place for what it keeps."""

    def __init__(self, player: testing.Player, folder: Path) -> None:
        self.player = player
        self.save = folder / "starfall.json"

    def game(self) -> Game:
        """One that begins."""

        def connect(data: Callable[[], dict[str, object]]) -> Sessions:
            return Sessions(SERVER.address, "secret", data, None)

        return Game(SERVER, self.save, connect)

    def plays(self, script: Script) -> Game:
        """The game as the script, which yields seconds, left it."""
        games: list[Game] = []

        def main() -> None:
            games.append(self.game())
            games[0].run()

        def steps() -> Iterator[float]:
            yield 0.1
            yield from script(games[0])

        self.player.plays(main, steps())
        return games[0]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with testing.game(tmp_path / "plugin") as player:
        yield Stage(player, tmp_path)
    pygame.quit()


def press(key: int) -> float:
    """And the time in which a game does something about it."""
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key))
    return 0.1


def test_leaving_pauses_and_silences_the_game_until_the_player_goes_on(stage: Stage) -> None:
    """Away: paused, not a sound. Back: still paused, with music. Space: it is played on, in the same session."""
    seen: list[tuple[Scene, bool]] = []

    def script(game: Game) -> Iterator[float]:
        def look() -> None:
            seen.append((game._scene, game._sound.silent))

        yield press(pygame.K_SPACE)
        yield 2
        look()
        stage.player.leaves()
        yield 1
        look()
        stage.player.returns()
        yield 1
        look()
        yield press(pygame.K_SPACE)
        look()

    stage.plays(script)
    assert seen == [(Scene.PLAY, False), (Scene.PAUSED, True), (Scene.PAUSED, False), (Scene.PLAY, False)]
    assert [end.reason for end in stage.player.ends] == ["quit"]


def test_a_switch_to_full_screen_does_not_pause(stage: Stage) -> None:
    """The focus is gone for a moment only."""
    seen: list[Scene] = []

    def script(game: Game) -> Iterator[float]:
        yield press(pygame.K_SPACE)
        stage.player.switches_mode()
        yield 1
        seen.append(game._scene)

    stage.plays(script)
    assert seen == [Scene.PLAY]


def test_a_pad_starts_pauses_and_goes_on(stage: Stage) -> None:
    """A face button plays, Start pauses and goes on; pulling the pad out pauses as well."""
    seen: list[Scene] = []

    def script(game: Game) -> Iterator[float]:
        pad: Any = SimpleNamespace(get_numhats=lambda: 0, get_numaxes=lambda: 1, get_axis=lambda axis: 1.0)
        game._pads._pads[4] = pad
        for type_, fields in (
            (pygame.JOYBUTTONDOWN, {"button": 0}),
            (pygame.JOYBUTTONDOWN, {"button": 7}),
            (pygame.JOYBUTTONDOWN, {"button": 7}),
            (pygame.JOYDEVICEREMOVED, {"instance_id": 4}),
        ):
            pygame.event.post(pygame.event.Event(type_, **fields))
            yield 0.5
            seen.append(game._scene)

    game = stage.plays(script)
    assert seen == [Scene.PLAY, Scene.PAUSED, Scene.PLAY, Scene.PAUSED]
    assert game.world.x > 700


@pytest.mark.parametrize("leave", [pygame.K_ESCAPE, None])
def test_the_high_score_is_kept_whenever_a_play_is_left(stage: Stage, leave: int | None) -> None:
    """Paused and given up, or the window closed in the middle: the next start knows it."""

    def script(game: Game) -> Iterator[float]:
        yield press(pygame.K_SPACE)
        game.world.score = 770
        if leave:
            yield press(leave)

    stage.plays(script)
    assert Save.load(stage.save).best >= 770


def test_a_lower_score_changes_nothing(stage: Stage) -> None:
    """The best stays the best."""
    Save(5000, 2).store(stage.save)

    def script(game: Game) -> Iterator[float]:
        yield press(pygame.K_SPACE)
        yield 3
        yield press(pygame.K_ESCAPE)
        yield press(pygame.K_ESCAPE)

    assert stage.plays(script)._scene is Scene.TITLE
    assert Save.load(stage.save) == Save(5000, 2)


def test_the_end_of_a_play_can_be_seen_and_played_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last heart is lost: the end is shown for a moment, then Space plays again."""
    seen: list[Scene] = []

    def lose(world: World, move: float) -> list[Happening]:
        world.over = True
        return [Happening(What.HIT, world.x, 400), Happening(What.OVER, world.x, 400)]

    def script(game: Game) -> Iterator[float]:
        yield press(pygame.K_SPACE)
        with monkeypatch.context() as lost:
            lost.setattr(World, "step", lose)
            yield 0.5
        seen.append(game._scene)
        yield press(pygame.K_SPACE)
        seen.append(game._scene)
        yield 1
        yield press(pygame.K_SPACE)
        seen.append(game._scene)

    stage.plays(script)
    assert seen == [Scene.OVER, Scene.OVER, Scene.PLAY]


def test_the_sessions_are_shown_while_the_game_is_paused(stage: Stage) -> None:
    """Whatever F1 has switched off: the card, and the moon with its ring, look different while the player is away."""
    shown: list[bytes] = []

    def script(game: Game) -> Iterator[float]:
        def card() -> bytes:
            return pygame.display.get_surface().subsurface((664, 66, 280, 228)).copy().get_buffer().raw

        yield press(pygame.K_SPACE)
        yield press(pygame.K_F1)
        yield press(pygame.K_F1)
        yield press(pygame.K_p)
        shown.append(card())
        stage.player.leaves()
        yield 2
        shown.append(card())
        yield 1
        shown.append(card())

    stage.plays(script)
    assert len(set(shown)) == 3
