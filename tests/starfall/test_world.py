"""The rules of the example game: fair, bounded, and the same for the same seed."""

from __future__ import annotations

import pytest

from examples.starfall.bot import steer
from examples.starfall.world import (
    GROUND_Y,
    HURT_WIDTH,
    MARGIN,
    MAX_LIVES,
    MAX_MULTIPLIER,
    PLAYER_Y,
    SHINE_SECONDS,
    STEP,
    TOP_SPEED,
    WIDTH,
    Faller,
    Happening,
    Kind,
    What,
    World,
)

SEEDS = range(5)


def play(world: World, seconds: float, move: float | None = None) -> list[Happening]:
    """Let the bot play, or hold one direction."""
    happened: list[Happening] = []
    for _ in range(int(seconds / STEP)):
        happened += world.step(steer(world) if move is None else move)
    return happened


def drop(world: World, kind: Kind, dx: float = 0.0) -> list[Happening]:
    """Drop one thing on the player, with nothing else in the sky, until it is gone."""
    faller = Faller(kind, world.x + dx, PLAYER_Y - 60, 0, 300)
    world.fallers = [faller]
    happened: list[Happening] = []
    while faller in world.fallers:
        world.fallers = [faller]
        happened += world.step(0)
    return happened


def whats(happened: list[Happening]) -> list[What]:
    return [happening.what for happening in happened]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_seed_and_moves_give_the_same_play(seed: int) -> None:
    """Two worlds of one seed, played alike, stay alike to the last spark."""
    one, two = World(seed), World(seed)
    assert play(one, 40) == play(two, 40)
    assert (one.score, one.level, one.lives, one.fallers) == (two.score, two.level, two.lives, two.fallers)


def test_another_seed_gives_another_play() -> None:
    """The seed is really used."""
    assert play(World(1), 20) != play(World(2), 20)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_star_can_be_reached_from_the_one_before(seed: int) -> None:
    """A player who catches one star always has the time to run to the next: no star is a trap."""
    world = World(seed)
    world.lives = 10**6
    before: tuple[float, float] | None = None
    seen: set[int] = set()
    kept: list[Faller] = []  # alive, so that no id is used twice
    for _ in range(int(90 / STEP)):
        world.step(0)
        for faller in world.fallers:
            if faller.kind is Kind.STAR and id(faller) not in seen:
                seen.add(id(faller))
                kept.append(faller)
                lands = world.time + faller.seconds_to(PLAYER_Y)
                if before is not None:
                    run = abs(faller.x - before[1]) - 56
                    assert run <= TOP_SPEED * (lands - before[0])
                before = lands, faller.x
    assert len(seen) > 60


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("move", [-1.0, 1.0])
def test_the_player_stays_in_the_field(seed: int, move: float) -> None:
    """Leaning on a key for long ends at the margin, not outside."""
    world = World(seed)
    play(world, 5, move)
    assert world.x == (MARGIN if move < 0 else WIDTH - MARGIN)


def test_catching_scores_and_builds_the_multiplier() -> None:
    """The sixth catch in a row doubles what a star is worth; the multiplier stops at its limit."""
    world = World(1)
    for _ in range(5):
        assert drop(world, Kind.STAR)[0].points == 10
    assert drop(world, Kind.STAR)[0].points == 20
    assert world.multiplier == 2
    world.combo = 1000
    assert world.multiplier == MAX_MULTIPLIER


def test_a_missed_star_halves_the_row_and_costs_no_life() -> None:
    """Missing is a pity, not a wound."""
    world = World(1)
    world.combo = 20
    assert What.MISSED in whats(drop(world, Kind.STAR, dx=200))
    assert (world.combo, world.lives) == (10, MAX_LIVES)


def test_a_rock_costs_one_life_and_then_spares_the_player_for_a_moment() -> None:
    """Two rocks at once cost one heart."""
    world = World(1)
    assert whats(drop(world, Kind.ROCK)) == [What.HIT]
    assert whats(drop(world, Kind.ROCK)) == [What.LANDED]
    assert (world.lives, world.combo, world.shine) == (MAX_LIVES - 1, 0, 0.0)


def test_a_close_rock_is_rewarded_once() -> None:
    """Daring pays: a rock that passes close gives points, one time."""
    world = World(1)
    assert whats(drop(world, Kind.ROCK, dx=HURT_WIDTH + 10)) == [What.GRAZED, What.LANDED]
    assert (world.score, world.lives) == (5, MAX_LIVES)


def test_the_last_rock_ends_the_play_for_good() -> None:
    """After the end nothing moves and nothing counts."""
    world = World(1)
    world.lives = 1
    assert whats(drop(world, Kind.ROCK)) == [What.HIT, What.OVER]
    score = world.score
    assert play(world, 5) == []
    assert (world.over, world.score) == (True, score)


def test_a_full_moon_shatters_rocks_and_wears_off() -> None:
    """A full bar makes rocks harmless for a few seconds."""
    world = World(1)
    world.shine = 0.99
    assert whats(drop(world, Kind.STAR)) == [What.CAUGHT, What.SHINE]
    assert whats(drop(world, Kind.ROCK)) == [What.SHATTERED]
    assert What.DULL in whats(play(world, SHINE_SECONDS + 0.1))
    assert (world.lives, world.shining) == (MAX_LIVES, 0.0)


def test_a_heart_heals_but_never_above_the_most() -> None:
    """Hearts fill up to the limit."""
    world = World(1)
    world.lives = MAX_LIVES - 1
    drop(world, Kind.HEART)
    drop(world, Kind.HEART)
    assert world.lives == MAX_LIVES


@pytest.mark.parametrize("seed", SEEDS)
def test_the_tension_rises(seed: int) -> None:
    """Levels come one by one, and each is faster."""
    world = World(seed)
    world.lives = 10**6
    speeds, levels = [world.speed], []
    for happening in play(world, 90):
        if happening.what is What.LEVEL:
            levels.append(happening.points)
    speeds.append(world.speed)
    assert levels == list(range(2, world.level + 1))
    assert world.level >= 4
    assert speeds[1] > speeds[0]


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_stays_in_the_world_for_ever(seed: int) -> None:
    """What falls is caught or lands; the list does not grow."""
    world = World(seed)
    world.lives = 10**6
    play(world, 120)
    assert len(world.fallers) < 60
    assert all(faller.y <= GROUND_Y for faller in world.fallers)
