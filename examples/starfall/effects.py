"""What makes it feel alive: sparks, rising numbers, shaking, flashes. Looks only, no rules."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

from .letters import CORAL, CREAM, GOLD, MINT, Colour
from .world import PLAYER_Y, WIDTH, Happening, Kind, What, World

ICE: Colour = (150, 220, 255)
PINK: Colour = (255, 128, 168)
TINTS = {Kind.STAR: GOLD, Kind.COMET: ICE, Kind.HEART: PINK, Kind.ROCK: CORAL}
MOST_SPARKS = 320


@dataclass
class Spark:
    x: float
    y: float
    vx: float
    vy: float
    life: float
    size: int
    tint: Colour
    fall: float = 260.0
    age: float = 0.0


@dataclass
class Note:
    """A word or a number that rises and fades."""

    text: str
    x: float
    y: float
    height: int
    tint: Colour
    life: float = 0.7
    age: float = 0.0


@dataclass
class Effects:
    sparks: list[Spark] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    trauma: float = 0.0
    flash: float = 0.0
    flash_tint: Colour = CREAM
    freeze: float = 0.0
    pop: float = 0.0
    mood: str = "calm"
    mood_for: float = 0.0

    def shake(self) -> tuple[float, float]:
        amount = 16 * self.trauma**2
        return random.uniform(-amount, amount), random.uniform(-amount, amount)

    def feel(self, happening: Happening, world: World) -> None:
        x, y = happening.x, happening.y
        if happening.what is What.CAUGHT and happening.kind:
            tint = TINTS[happening.kind]
            self._burst(x, y, tint, 12 if happening.kind is Kind.STAR else 26, 190)
            self.notes.append(Note(f"+{happening.points}", x, y - 20, 15 + min(8, world.multiplier), tint))
            self.pop = 1.0
            self._feel_like("glad", 0.45)
        elif happening.what is What.GRAZED:
            self.notes.append(Note(f"CLOSE +{happening.points}", x, y - 30, 12, MINT))
            self._burst(x, y, MINT, 5, 120)
        elif happening.what is What.SHATTERED:
            self._burst(x, y, GOLD, 16, 300)
            self._burst(x, y, CORAL, 8, 220)
            self.notes.append(Note(f"+{happening.points}", x, y - 20, 18, CREAM))
            self.trauma = max(self.trauma, 0.35)
        elif happening.what is What.HIT:
            self._burst(x, y, CORAL, 40, 340)
            self.trauma, self.freeze = 1.0, 0.09
            self.flash, self.flash_tint = 0.5, CORAL
            self._feel_like("hurt", 1.2)
        elif happening.what is What.LANDED:
            self._burst(x, y, CORAL, 7, 120)
        elif happening.what is What.MISSED:
            self._burst(x, y, (120, 110, 190), 5, 90)
        elif happening.what is What.LEVEL:
            self.notes.append(Note(f"LEVEL {happening.points}", x, y, 34, CREAM, life=1.5))
            self.flash, self.flash_tint = 0.16, CREAM
        elif happening.what is What.SHINE:
            self.notes.append(Note("FULL MOON!", WIDTH / 2, 224, 30, GOLD, life=1.4))
            self._burst(x, y, GOLD, 60, 420)
            self.flash, self.flash_tint = 0.45, GOLD

    def update(self, seconds: float, world: World) -> None:
        self.trauma = max(0.0, self.trauma - seconds * 1.8)
        self.flash = max(0.0, self.flash - seconds * 1.4)
        self.pop = max(0.0, self.pop - seconds * 6)
        self.mood_for -= seconds
        if self.mood_for <= 0:
            self.mood = "glad" if world.shining else "calm"
        for faller in world.fallers:
            if faller.kind is not Kind.HEART and random.random() < seconds * 24:
                self._trail(faller.x, faller.y, TINTS[faller.kind])
        if world.shining and random.random() < seconds * 50:
            self._trail(world.x + random.uniform(-60, 60), PLAYER_Y + random.uniform(-40, 20), GOLD)
        for spark in self.sparks:
            spark.age += seconds
            spark.vy += spark.fall * seconds
            spark.x += spark.vx * seconds
            spark.y += spark.vy * seconds
        for note in self.notes:
            note.age += seconds
            note.y -= 46 * seconds * (1 - note.age / note.life)
        self.sparks = [spark for spark in self.sparks if spark.age < spark.life][-MOST_SPARKS:]
        self.notes = [note for note in self.notes if note.age < note.life]

    def _feel_like(self, mood: str, seconds: float) -> None:
        self.mood, self.mood_for = mood, seconds

    def _burst(self, x: float, y: float, tint: Colour, count: int, speed: float) -> None:
        for _ in range(count):
            angle, push = random.uniform(0, math.tau), speed * random.uniform(0.2, 1.0)
            life, size = random.uniform(0.3, 0.75), random.choice((6, 10, 10, 16))
            self.sparks.append(Spark(x, y, push * math.cos(angle), push * math.sin(angle) - 40, life, size, tint))

    def _trail(self, x: float, y: float, tint: Colour) -> None:
        drift = random.uniform(-14, 14)
        self.sparks.append(Spark(x + drift, y - 6, drift, -random.uniform(10, 60), 0.6, 10, tint, fall=0.0))
