"""Sounds and music. Without an audio device, or without a mixer in this build of pygame, the game is simply silent."""

from __future__ import annotations

from pathlib import Path

import pygame

NAMES = ("hit", "shatter", "graze", "miss", "level", "shine", "over", "start", *(f"catch{i}" for i in range(8)))


class Sound:
    def __init__(self, folder: Path) -> None:
        self.on = True
        self.silent = False
        self._sounds: dict[str, pygame.mixer.Sound] = {}
        self._music: pygame.mixer.Sound | None = None
        try:
            pygame.mixer.init(44100, -16, 2, 512)
            pygame.mixer.set_num_channels(16)
            pygame.mixer.set_reserved(1)
            self._sounds = {name: pygame.mixer.Sound(str(folder / f"{name}.wav")) for name in NAMES}
            self._music = pygame.mixer.Sound(str(folder / "music.wav"))
        except (pygame.error, NotImplementedError, AttributeError):
            self._sounds.clear()
            return
        for sound in self._sounds.values():
            sound.set_volume(0.5)  # of four at once, with the music, nothing is clipped
        pygame.mixer.Channel(0).play(self._music, loops=-1)
        self.quiet(False)

    def play(self, name: str) -> None:
        if self.on and not self.silent and name in self._sounds:
            self._sounds[name].play()

    def quiet(self, hushed: bool) -> None:
        """The music's volume: low while the game is paused, none when switched off."""
        if self._music:
            self._music.set_volume(0.0 if not self.on else 0.12 if hushed else 0.32)

    def silence(self, away: bool) -> None:
        """Not a sound while the player is away; what was begun goes on when they are back."""
        if away != self.silent and self._music:
            self.silent = away
            if away:
                pygame.mixer.pause()
            else:
                pygame.mixer.unpause()

    def toggle(self) -> None:
        self.on = not self.on
        self.quiet(False)
