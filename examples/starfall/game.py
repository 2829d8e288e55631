"""The loop: keys in, the world a step on, a picture out. Title, play, pause, end."""

from __future__ import annotations

import os
import signal
import time
import warnings
from collections.abc import Callable
from enum import Enum, auto
from pathlib import Path

import pygame

from . import bot
from .constellation import TITLE_Y, Constellation, Y
from .draw import Painter
from .effects import Effects
from .overlay import GRACE, Overlay
from .pads import Pads, Wish
from .save import Save
from .screens import Screens
from .server import Server
from .sessions import Sessions
from .sound import Sound
from .tour import Tour
from .world import HEIGHT, STEP, WIDTH, What, World

Connect = Callable[[Callable[[], dict[str, object]]], Sessions]
FRAMES = 60
FLAP = 0.3  # going to full screen and back loses the focus for so long
KILL_NOTICE = 1.0
BANNER_SECONDS = 9.0
STATUS_EVERY = 0.25
ASSETS = Path(__file__).resolve().parents[2] / "assets" / "starfall"
SOUNDS = {
    What.MISSED: "miss", What.HIT: "hit", What.SHATTERED: "shatter", What.GRAZED: "graze",
    What.LEVEL: "level", What.SHINE: "shine", What.OVER: "over",
}  # fmt: skip


class Scene(Enum):
    TITLE = auto()
    PLAY = auto()
    PAUSED = auto()
    OVER = auto()


class Game:
    def __init__(self, server: Server, save_path: Path, connect: Connect) -> None:
        """`connect` installs the plugin, given the function that tells it the score."""
        pygame.display.init()
        pygame.font.init()
        pygame.display.set_caption("Starfall")
        pygame.display.set_icon(pygame.image.load(str(ASSETS / "star.png")))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "no fast renderer")  # slower to show, but all the same
            screen = pygame.display.set_mode((WIDTH, HEIGHT), pygame.SCALED)
        self.world = World(int(time.time()))
        self._played: tuple[str, World] | None = None  # by the player: in which session, and what
        self.sessions = connect(self._play_of_session)
        self._status = self.sessions.plugin.status()
        self._status_age = 0.0
        self._server = server
        self._network = server.running
        self._save_path = save_path
        self._save = Save.load(save_path)
        self._painter = Painter(screen, ASSETS)
        self._screens = Screens(self._painter, GRACE)
        self._overlay = Overlay(self._painter)
        self._constellation = Constellation(self._painter, GRACE)
        self._tour = Tour(self._save.tour)
        self._sound = Sound(ASSETS)
        self._pads = Pads()
        self._effects = Effects()
        self._scene = Scene.TITLE
        self._since = 0.0
        self._time = 0.0
        self._owed = 0.0
        self._kill_in: float | None = None
        self._first_number: int | None = None
        self._unfocused_for: float | None = None
        self._running = True
        self._by_bot = False

    @property
    def _away(self) -> bool:
        """Whether the window has lost the focus; never, where it has never had one (no real window)."""
        return self._unfocused_for is not None and self._unfocused_for > FLAP

    def _play_of_session(self) -> dict[str, object]:
        """What goes along with a session: the player's last play in it. What a bot shows behind the title is none."""
        session = self.sessions.plugin.session
        if self._played is None or session is None or self._played[0] != session.id:
            return {}
        world = self._played[1]
        return {"score": world.score, "level": world.level}

    def run(self, bot_seconds: float | None = None) -> None:
        """Until the player leaves; or, played by the bot, for so many seconds."""
        clock = pygame.time.Clock()
        self._by_bot = bot_seconds is not None
        ends = None if bot_seconds is None else time.monotonic() + bot_seconds
        if ends is not None:
            self._begin()
        while self._running:
            seconds = min(0.1, clock.tick(FRAMES) / 1000)
            for event in pygame.event.get():
                self._handle(event)
            self._update(seconds)
            self._draw()
            pygame.display.flip()
            if ends is not None and time.monotonic() >= ends:
                self._running = False
        if self._scene is Scene.PLAY:
            self._keep_best()

    def _begin(self) -> None:
        self.world, self._effects = World(int(time.time())), Effects()
        self._enter(Scene.PLAY)
        self._sound.play("start")

    def _enter(self, scene: Scene) -> None:
        if self._scene is Scene.PLAY:
            self._keep_best()
        self._scene, self._since, self._owed = scene, 0.0, 0.0
        self._sound.quiet(scene is Scene.PAUSED)

    def _keep_best(self) -> None:
        """Whenever a play is left, for good or not: nobody knows who comes back."""
        if self.world.score > self._save.best and not self._by_bot:
            self._save.best = self.world.score
            self._save.store(self._save_path)

    def _handle(self, event: pygame.event.Event) -> None:
        wish = self._pads.hear(event)
        if wish is Wish.GO_ON:
            self._go_on()
        elif wish is Wish.PAUSE and self._scene is Scene.PLAY:
            self._enter(Scene.PAUSED)
        elif wish is Wish.PAUSE and event.type == pygame.JOYBUTTONDOWN:
            self._go_on()
        elif event.type == pygame.QUIT:
            self._running = False
        elif event.type == pygame.KEYDOWN:
            if event.key == pygame.K_ESCAPE:
                self._back()
            elif event.key in (pygame.K_SPACE, pygame.K_RETURN):
                self._go_on()
            elif event.key == pygame.K_p and self._scene is Scene.PLAY:
                self._enter(Scene.PAUSED)
            elif event.key == pygame.K_p and self._scene is Scene.PAUSED:
                self._enter(Scene.PLAY)
            elif event.key in (pygame.K_f, pygame.K_F11):
                pygame.display.toggle_fullscreen()
            elif event.key == pygame.K_m:
                self._sound.toggle()
            elif event.key == pygame.K_F1:
                self._overlay.toggle()
            elif event.key == pygame.K_n:
                self._switch_network()
            elif event.key == pygame.K_k and self._kill_in is None:
                self._kill_in = KILL_NOTICE

    def _back(self) -> None:
        if self._kill_in is not None:
            self._kill_in = None
        elif self._scene is Scene.PLAY:
            self._enter(Scene.PAUSED)
        elif self._scene is Scene.TITLE:
            self._running = False
        else:
            self.world = World(int(time.time()))
            self._enter(Scene.TITLE)

    def _go_on(self) -> None:
        if self._scene is Scene.PAUSED:
            self._enter(Scene.PLAY)
        elif self._scene is Scene.TITLE or (self._scene is Scene.OVER and self._since > 0.8):
            self._begin()

    def _switch_network(self) -> None:
        if self._network:
            self._server.stop()
        else:
            self._server.start()
        self._network = self._server.running

    def _update(self, seconds: float) -> None:
        self._time += seconds
        self._since += seconds
        if pygame.key.get_focused():
            self._unfocused_for = 0.0
        elif self._unfocused_for is not None:
            self._unfocused_for += seconds
        self._sound.silence(self._away)
        if self._scene is Scene.PLAY and self._away:
            self._enter(Scene.PAUSED)
        if self._kill_in is not None:
            self._kill_in -= seconds
            if self._kill_in <= 0:
                # Windows has no SIGKILL; there any number ends the process as abruptly
                os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
        if self._by_bot and self._scene is Scene.OVER:
            self._begin()
        if self._scene is not Scene.PAUSED:
            self._play(seconds)
        self._painter.update(seconds, self.world.level)
        self._watch_sessions(seconds)

    def _play(self, seconds: float) -> None:
        self._effects.freeze = max(0.0, self._effects.freeze - seconds)
        self._effects.update(seconds, self.world)
        if self._scene is Scene.TITLE:
            self._effects.notes.clear()  # what is written there is enough to read
        if self._effects.freeze:
            return
        self._owed += seconds
        while self._owed >= STEP:
            self._owed -= STEP
            move = bot.steer(self.world) if self._by_bot or self._scene is Scene.TITLE else self._steer()
            for happening in self.world.step(move):
                self._effects.feel(happening, self.world)
                if self._scene is Scene.PLAY:
                    self._hear(happening.what)
        if self.world.over and self._scene is Scene.TITLE:
            self.world = World(int(time.time()))
        elif self.world.over and self._scene is Scene.PLAY:
            self._enter(Scene.OVER)

    def _steer(self) -> float:
        pressed = pygame.key.get_pressed()
        right = pressed[pygame.K_RIGHT] or pressed[pygame.K_d]
        left = pressed[pygame.K_LEFT] or pressed[pygame.K_a]
        return float(right) - float(left) or self._pads.move()

    def _hear(self, what: What) -> None:
        if what is What.CAUGHT:
            self._sound.play(f"catch{(self.world.combo - 1) % 8 if self.world.combo else 0}")
        elif what in SOUNDS:
            self._sound.play(SOUNDS[what])

    def _watch_sessions(self, seconds: float) -> None:
        session = self.sessions.plugin.session
        if self._first_number is None and session:
            self._first_number = session.number
        if session and self._scene is Scene.PLAY:
            self._played = session.id, self.world
        self._status_age += seconds
        if self._status_age >= STATUS_EVERY:
            self._status_age = 0.0
            self._status = self.sessions.plugin.status()
        self._tour.update(seconds, session, self._status, self.sessions.delivered, self._network)
        if self._tour.step != self._save.tour:
            self._save.tour = self._tour.step
            self._save.store(self._save_path)

    def _draw(self) -> None:
        session = self.sessions.plugin.session
        shake = self._effects.shake()
        paused = self._scene is Scene.PAUSED
        overlay = (session, self._status, self.sessions.delivered, self._network, self._tour, paused)
        self._painter.sky(self.world, self._time, shake)
        if self._scene is Scene.PLAY:
            # behind what falls: neither panel must ever hide a rock
            self._overlay.draw(*overlay)
            if self._time < BANNER_SECONDS:
                self._recovered()
        self._painter.world(self.world, self._effects, self._time, shake)
        if self._scene is Scene.TITLE:
            self._screens.title(self._time, self._save.best, self._server.address if self._server.running else None)
        else:
            self._painter.score(self.world, self._effects, self._save.best)
        if paused:
            self._screens.paused(self._away, session)
        elif self._scene is Scene.OVER:
            self._screens.over(self.world, self._save.best, self._since)
        if self._scene is not Scene.PLAY:
            self._overlay.draw(*overlay)
            y = TITLE_Y if self._scene is Scene.TITLE else Y
            self._constellation.draw(session, self._status, self.sessions.delivered, self._time, y)
        if self._scene is Scene.TITLE:
            self._recovered()
        if self._kill_in is not None:
            self._screens.killing()

    def _recovered(self) -> None:
        """What was delivered from before this run."""
        first = self._first_number or 0
        found = [(ended, answer) for ended, answer in self.sessions.delivered if ended.number and ended.number < first]
        if found:
            self._overlay.recovered(found, self._scene is Scene.TITLE)
