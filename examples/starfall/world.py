"""The rules of the game: what falls, what is caught, what hurts. No display, no clock, the same for the same seed."""

from __future__ import annotations

import math
import random
from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto

WIDTH, HEIGHT = 960, 540
STEP = 1 / 60
PLAYER_Y = 428.0
GROUND_Y = 476.0
MARGIN = 60.0
MAX_LIVES = 3
SHINE_SECONDS = 6.0

TOP_SPEED = 620.0
ACCELERATION = 5200.0
CATCH_WIDTH, CATCH_HEIGHT = 56.0, 30.0
HURT_WIDTH, HURT_HEIGHT = 44.0, 26.0
GRAZE_WIDTH = 92.0
STARS_PER_LEVEL = 30
CATCHES_PER_MULTIPLIER = 6
MAX_MULTIPLIER = 8


class Kind(Enum):
    STAR = auto()
    COMET = auto()
    HEART = auto()
    ROCK = auto()


class What(Enum):
    """Something that happened in a step; the effects, the sounds and the bot's tests live on these."""

    CAUGHT = auto()
    MISSED = auto()
    HIT = auto()
    SHATTERED = auto()
    GRAZED = auto()
    LANDED = auto()
    LEVEL = auto()
    SHINE = auto()
    DULL = auto()
    OVER = auto()


@dataclass
class Faller:
    kind: Kind
    x: float
    y: float
    vx: float
    vy: float
    look: int = 0
    grazed: bool = False

    def seconds_to(self, y: float) -> float:
        return (y - self.y) / self.vy


@dataclass(frozen=True)
class Happening:
    what: What
    x: float
    y: float
    points: int = 0
    kind: Kind | None = None


@dataclass
class World:
    """One play, from the first star to the last heart."""

    seed: int
    x: float = WIDTH / 2
    vx: float = 0.0
    score: int = 0
    combo: int = 0
    best_combo: int = 0
    caught: int = 0
    level: int = 1
    lives: int = MAX_LIVES
    shine: float = 0.0
    shining: float = 0.0
    unhurt_for: float = 99.0
    time: float = 0.0
    over: bool = False
    fallers: list[Faller] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._plan: deque[tuple[float, float]] = deque()
        self._lane = WIDTH / 2
        self._next_rock = 3.0
        self._next_comet = 14.0

    @property
    def multiplier(self) -> int:
        return min(MAX_MULTIPLIER, 1 + self.combo // CATCHES_PER_MULTIPLIER)

    @property
    def speed(self) -> float:
        return min(540.0, 175.0 + 20.0 * self.level)

    def step(self, move: float) -> list[Happening]:
        """Advance by one STEP; `move` is -1 (left) to 1 (right)."""
        if self.over:
            return []
        self.time += STEP
        self.unhurt_for += STEP
        self._move(max(-1.0, min(1.0, move)))
        self._spawn()
        happenings: list[Happening] = []
        if self.shining > 0:
            self.shining = max(0.0, self.shining - STEP)
            self.shine = self.shining / SHINE_SECONDS
            if self.shining == 0:
                happenings.append(Happening(What.DULL, self.x, PLAYER_Y))
        kept = []
        for faller in self.fallers:
            faller.x += faller.vx * STEP
            faller.y += faller.vy * STEP
            if not self._meet(faller, happenings):
                kept.append(faller)
        self.fallers = kept
        if self.caught >= STARS_PER_LEVEL * self.level:
            self._level_up(happenings)
        if self.over:
            happenings.append(Happening(What.OVER, self.x, PLAYER_Y))
        return happenings

    def _move(self, move: float) -> None:
        wanted = move * TOP_SPEED
        change = ACCELERATION * STEP
        self.vx += max(-change, min(change, wanted - self.vx))
        self.x += self.vx * STEP
        if not MARGIN <= self.x <= WIDTH - MARGIN:
            self.x = max(MARGIN, min(WIDTH - MARGIN, self.x))
            self.vx = 0.0

    def _meet(self, faller: Faller, happenings: list[Happening]) -> bool:
        """What a faller does to the player or the ground; True when it is gone."""
        dx, dy = abs(faller.x - self.x), abs(faller.y - PLAYER_Y)
        if faller.kind is Kind.ROCK:
            return self._meet_rock(faller, dx, dy, happenings)
        reach = 1.7 if self.shining else 1.0
        if dx < CATCH_WIDTH * reach and dy < CATCH_HEIGHT * reach:
            self._catch(faller, happenings)
            return True
        if faller.y > GROUND_Y:
            if faller.kind is Kind.STAR:
                self.combo //= 2
                happenings.append(Happening(What.MISSED, faller.x, GROUND_Y, kind=faller.kind))
            return True
        return not -120 < faller.x < WIDTH + 120

    def _meet_rock(self, rock: Faller, dx: float, dy: float, happenings: list[Happening]) -> bool:
        if dx < HURT_WIDTH and dy < HURT_HEIGHT:
            if self.shining:
                points = self._score(20)
                happenings.append(Happening(What.SHATTERED, rock.x, rock.y, points, rock.kind))
                return True
            if self.unhurt_for > 1.6:
                self.lives -= 1
                self.combo = 0
                self.shine = 0.0
                self.unhurt_for = 0.0
                self.over = self.lives == 0
                happenings.append(Happening(What.HIT, rock.x, rock.y, kind=rock.kind))
                return True
        elif not rock.grazed and rock.y > PLAYER_Y and HURT_WIDTH <= dx < GRAZE_WIDTH:
            rock.grazed = True
            points = self._score(5)
            happenings.append(Happening(What.GRAZED, rock.x, rock.y, points, rock.kind))
            self._glow(0.04, happenings)
        if rock.y > GROUND_Y:
            happenings.append(Happening(What.LANDED, rock.x, GROUND_Y, kind=rock.kind))
            return True
        return False

    def _catch(self, faller: Faller, happenings: list[Happening]) -> None:
        if faller.kind is Kind.HEART:
            self.lives = min(MAX_LIVES, self.lives + 1)
            points = self._score(25)
        else:
            self.caught += 1
            self.combo += 1
            self.best_combo = max(self.best_combo, self.combo)
            points = self._score(50 if faller.kind is Kind.COMET else 10)
        happenings.append(Happening(What.CAUGHT, faller.x, faller.y, points, faller.kind))
        self._glow(0.05, happenings)

    def _score(self, points: int) -> int:
        points *= self.multiplier
        self.score += points
        return points

    def _glow(self, amount: float, happenings: list[Happening]) -> None:
        if self.shining:
            return
        self.shine = min(1.0, self.shine + amount)
        if self.shine == 1.0:
            self.shining = SHINE_SECONDS
            happenings.append(Happening(What.SHINE, self.x, PLAYER_Y))

    def _level_up(self, happenings: list[Happening]) -> None:
        self.level += 1
        happenings.append(Happening(What.LEVEL, WIDTH / 2, 170, self.level))
        if self.lives < MAX_LIVES and self.level % 2 == 0:
            x = self._random.uniform(MARGIN * 2, WIDTH - MARGIN * 2)
            self.fallers.append(Faller(Kind.HEART, x, -40, 0, self.speed * 0.8))

    def _spawn(self) -> None:
        if not self._plan:
            self._plan_stars()
        while self._plan and self._plan[0][0] <= self.time:
            _, x = self._plan.popleft()
            self.fallers.append(Faller(Kind.STAR, x, -30, 0, self.speed))
        if self.time >= self._next_rock:
            self._next_rock = self.time + max(0.24, 1.6 * 0.86**self.level) * self._random.uniform(0.7, 1.3)
            self._throw_rock()
        if self.time >= self._next_comet:
            self._next_comet = self.time + self._random.uniform(11, 17)
            side = self._random.choice((-1, 1))
            x = WIDTH / 2 - side * self._random.uniform(300, 440)
            self.fallers.append(Faller(Kind.COMET, x, -40, side * self.speed * 0.9, self.speed * 1.5))

    def _plan_stars(self) -> None:
        """The next few stars, each within reach of the one before: a player who misses one could have had it."""
        beat = max(0.44, 0.98 - 0.05 * self.level)
        start = self.time + beat
        if self._random.random() < 0.62:
            self._lane = self._within(self._lane + self._random.uniform(-0.75, 0.75) * TOP_SPEED * beat)
            self._plan.append((start, self._lane))
            return
        gap, count = 0.19, self._random.randint(5, 8)
        drift = self._random.choice((-1, 1)) * self._random.uniform(30, 62)
        wave = self._random.choice((0.0, 50.0))
        for index in range(count):
            if not MARGIN < self._lane + drift < WIDTH - MARGIN:
                drift = -drift
            self._lane += drift
            x = self._within(self._lane + wave * math.sin(index * 1.1))
            self._plan.append((start + index * gap, x))

    def _throw_rock(self) -> None:
        """A rock never lands where and when a star does: that star would be a trap."""
        speed = self.speed * self._random.uniform(0.85, 1.25)
        aimed = self._random.random() < min(0.6, 0.06 * (self.level - 2))
        for _ in range(8):
            x = self._within(self.x if aimed else self._random.uniform(0, WIDTH))
            aimed = False
            lands = (PLAYER_Y + 30) / speed
            if all(
                abs(other.x - x) > 110 or abs(other.seconds_to(PLAYER_Y) - lands) > 0.3
                for other in self.fallers
                if other.kind is not Kind.ROCK
            ):
                self.fallers.append(Faller(Kind.ROCK, x, -30, 0, speed, look=self._random.randrange(3)))
                return

    @staticmethod
    def _within(x: float) -> float:
        return max(MARGIN, min(WIDTH - MARGIN, x))
