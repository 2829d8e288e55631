"""The game's sounds and its music, computed sample by sample and written as WAV; used by make_assets.py."""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Callable
from pathlib import Path

RATE = 16000
MUSIC_RATE = 11025
Tone = Callable[[float], float]


def _note(semitones: float) -> float:
    """Hertz of a note so many semitones above the A of 220."""
    return float(220.0 * 2 ** (semitones / 12))


def _bell(hertz: float, decay: float) -> Tone:
    """A music box: a clear tone with one partial that dies sooner."""

    def tone(t: float) -> float:
        if t < 0:
            return 0.0
        body = math.sin(math.tau * hertz * t) + 0.32 * math.sin(math.tau * hertz * 3.01 * t) * math.exp(-t * decay)
        return min(1.0, t * 300) * math.exp(-t * decay) * body

    return tone


def _sweep(start: float, end: float, seconds: float, decay: float) -> Tone:
    def tone(t: float) -> float:
        phase = start * t + (end - start) * t * t / (2 * seconds)
        return min(1.0, t * 200) * math.exp(-t * decay) * math.sin(math.tau * phase)

    return tone


def _noise(seed: int, decay: float, soft: float) -> Tone:
    rng = random.Random(seed)
    state = 0.0

    def tone(t: float) -> float:
        nonlocal state
        state += soft * (rng.uniform(-1, 1) - state)
        return state * math.exp(-t * decay) * 3

    return tone


def _chime(notes: list[int], gap: float, decay: float) -> Tone:
    bells = [(i * gap, _bell(_note(n), decay)) for i, n in enumerate(notes)]
    return lambda t: sum(bell(t - start) for start, bell in bells if t >= start)


def _samples(tone: Tone, seconds: float, volume: float, rate: int) -> list[float]:
    count = int(seconds * rate)
    return [math.tanh(tone(i / rate) * volume) * min(1.0, (count - i) / 300) for i in range(count)]


def _mu_law(sample: float) -> int:
    """G.711: eight bits that keep soft passages clean, where plain eight-bit samples hiss."""
    value = min(int(abs(sample) * 32000), 32635) + 132
    exponent = max(0, value.bit_length() - 8)
    return ~((0x80 if sample < 0 else 0) | exponent << 4 | (value >> (exponent + 3)) & 0x0F) & 0xFF


def _write(path: Path, samples: list[float], rate: int = RATE) -> None:
    data = bytes(map(_mu_law, samples))
    head = struct.pack("<HHIIHHH", 7, 1, rate, rate, 1, 8, 0)
    chunks = b"WAVE" + b"fmt " + struct.pack("<I", len(head)) + head
    chunks += b"fact" + struct.pack("<II", 4, len(samples))
    chunks += b"data" + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    path.write_bytes(b"RIFF" + struct.pack("<I", len(chunks)) + chunks)


def _music() -> list[float]:
    """Eight bars of a waltz, wrapped round: what still rings at the end rings on at the start."""
    beat, bars = 0.42, 8
    length = int(beat * 3 * bars * MUSIC_RATE)
    samples = [0.0] * length
    chords = [(-12, 0, 4, 7), (-15, -3, 0, 4), (-7, 5, 9, 12), (-5, 2, 7, 11)] * 2
    melody = [16, None, 19, 12, 14, 16, 17, None, 21, 19, None, 14]
    melody += [16, None, 24, 21, 19, 16, 17, 16, 14, 12, None, None]

    def add(semitones: float, at: float, volume: float, decay: float) -> None:
        tone = _bell(_note(semitones - 2), decay)
        start = int(at * MUSIC_RATE)
        for i in range(int(min(3.2, 7 / decay) * MUSIC_RATE)):
            samples[(start + i) % length] += volume * tone(i / MUSIC_RATE)

    for bar, chord in enumerate(chords):
        at = bar * 3 * beat
        add(chord[0], at, 0.26, 1.6)
        for step in range(6):
            add(chord[1 + (step, step, 3 - step, 1)[min(3, step % 4)] % 3], at + step * beat / 2, 0.1, 3.0)
    for index, semitones in enumerate(melody):
        if semitones is not None:
            add(semitones, index * beat, 0.2, 2.2)
    return [math.tanh(s) for s in samples]


def write_all(folder: Path) -> None:
    scale = [12, 14, 16, 19, 21, 24, 26, 28]
    for index, semitones in enumerate(scale):
        _write(folder / f"catch{index}.wav", _samples(_bell(_note(semitones), 13.0), 0.26, 0.5, RATE))
    crash = _noise(2, 9.0, 0.2)
    thump = _sweep(150, 40, 0.5, 7.0)
    _write(folder / "hit.wav", _samples(lambda t: crash(t) + thump(t), 0.5, 0.9, RATE))
    crack = _noise(5, 14.0, 0.6)
    ping = _bell(_note(24), 14.0)
    _write(folder / "shatter.wav", _samples(lambda t: 0.6 * crack(t) + ping(t), 0.25, 0.5, RATE))
    _write(folder / "graze.wav", _samples(_sweep(500, 1300, 0.14, 12.0), 0.14, 0.3, RATE))
    _write(folder / "miss.wav", _samples(_sweep(330, 190, 0.2, 9.0), 0.2, 0.3, RATE))
    _write(folder / "level.wav", _samples(_chime([12, 16, 19, 24], 0.08, 7.0), 0.6, 0.4, RATE))
    _write(folder / "shine.wav", _samples(_chime([12, 19, 24, 28, 31, 36], 0.06, 5.0), 0.8, 0.35, RATE))
    _write(folder / "over.wav", _samples(_chime([12, 9, 5, 0], 0.2, 4.0), 1.1, 0.45, RATE))
    _write(folder / "start.wav", _samples(_chime([7, 12, 19], 0.07, 8.0), 0.4, 0.4, RATE))
    _write(folder / "music.wav", _music(), MUSIC_RATE)
