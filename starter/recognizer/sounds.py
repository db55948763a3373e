"""Sounds in which nobody speaks, made from nothing: noises, hums, tones, music-like, clicks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["NOISES", "SOUNDS", "Sound", "made"]

Sound: TypeAlias = npt.NDArray[np.float64]
"""Samples at 16 kHz."""
_RATE: Final = 16_000


def white(count: int, random: np.random.Generator) -> Sound:
    """Return noise with the same power at all frequencies."""
    return random.normal(0, 1, count)


def coloured(count: int, random: np.random.Generator) -> Sound:
    """Return noise whose power falls with frequency, as wind's, streets' and rooms' does."""
    spectrum = np.fft.rfft(random.normal(0, 1, count))
    frequency = np.arange(len(spectrum)) / len(spectrum)
    slope = random.uniform(0.3, 1.2)
    return np.fft.irfft(spectrum / np.maximum(frequency, 0.004) ** slope, count)


def band(count: int, random: np.random.Generator) -> Sound:
    """Return noise of one band, as fans and hisses make it."""
    spectrum = np.fft.rfft(random.normal(0, 1, count))
    frequency = np.linspace(0, 8000, len(spectrum))
    middle, width = random.uniform(200, 6000), random.uniform(100, 1500)
    return np.fft.irfft(spectrum * np.exp(-0.5 * ((frequency - middle) / width) ** 2), count)


def hum(count: int, random: np.random.Generator) -> Sound:
    """Return mains hum with harmonics, and some noise."""
    time, base = np.arange(count) / _RATE, random.choice([50.0, 60.0, 100.0, 120.0])
    tones = sum(np.sin(2 * np.pi * base * k * time) / k for k in range(1, random.integers(2, 7)))
    return np.asarray(tones + random.normal(0, random.uniform(0.005, 0.1), count))


def tone(count: int, random: np.random.Generator) -> Sound:
    """Return one steady or beeping tone."""
    time = np.arange(count) / _RATE
    found = np.sin(2 * np.pi * np.exp(random.uniform(np.log(80), np.log(4000))) * time)
    if random.random() < 0.4:
        found = found * (np.sin(2 * np.pi * random.uniform(0.5, 4) * time) > 0)
    return np.asarray(found)


def sweep(count: int, random: np.random.Generator) -> Sound:
    """Return a tone that rises and falls, as a siren does."""
    time = np.arange(count) / _RATE
    wave = np.sin(2 * np.pi * random.uniform(0.1, 2.0) * time)
    frequency = random.uniform(300, 1500) * 2 ** (random.uniform(0.1, 1.0) * wave)
    return np.asarray(np.sin(2 * np.pi * np.cumsum(frequency) / _RATE))


def chord(count: int, random: np.random.Generator) -> Sound:
    """Return several tones at once, steady or trembling."""
    time, base = np.arange(count) / _RATE, random.uniform(100, 700)
    found = np.zeros(count)
    for step in random.choice(25, random.integers(2, 6), replace=False):
        phase = random.uniform(0, 6)
        found += random.uniform(0.3, 1) * np.sin(2 * np.pi * base * 2 ** (step / 12) * time + phase)
    depth = random.choice([0.0, random.uniform(0, 0.6)])
    return np.asarray(found * (1 + depth * np.sin(2 * np.pi * random.uniform(0.5, 6) * time)))


def melody(count: int, random: np.random.Generator) -> Sound:
    """Return notes with harmonics that die away, one after the other, some as chords."""
    found, at, base = np.zeros(count), 0, random.uniform(100, 300)
    while at < count:
        length = min(count - at, int(_RATE * random.uniform(0.1, 0.7)))
        time, note = np.arange(length) / _RATE, base * 2 ** (random.integers(0, 25) / 12)
        fading = np.exp(-time * random.uniform(0.5, 8)) * np.minimum(1, time / 0.005)
        for ratio in (1.0, 1.26, 1.5)[: random.integers(1, 4)]:
            softness = random.uniform(0.7, 2)
            for number in range(1, random.integers(2, 9)):
                partial = np.sin(2 * np.pi * note * ratio * number * time)
                found[at : at + length] += fading * partial / number**softness
        at += length
    return found


def beat(count: int, random: np.random.Generator) -> Sound:
    """Return a melody with a drum."""
    tune = melody(count, random)
    every = int(_RATE * random.uniform(0.25, 0.8))
    place = np.arange(count) % every
    drum = 0.5 * np.abs(tune).max() * random.normal(0, 1, count) * np.exp(-place / 600)
    return np.asarray(tune + drum)


def clicks(count: int, random: np.random.Generator) -> Sound:
    """Return single clicks, knocks or keys."""
    found, at = np.zeros(count), int(random.integers(0, 4000))
    length, fall = 800, random.uniform(15, 200)
    while at < count - length:
        found[at : at + length] += random.normal(0, 1, length) * np.exp(-np.arange(length) / fall)
        at += int(random.integers(1200, 12_000))
    return found


NOISES: Final[tuple[Callable[[int, np.random.Generator], Sound], ...]] = (
    white, coloured, coloured, band, hum,
)  # fmt: skip
"""What speech is mixed with; white first."""
SOUNDS: Final[tuple[Callable[[int, np.random.Generator], Sound], ...]] = (
    *NOISES, tone, tone, sweep, chord, chord, melody, melody, beat, clicks,
)  # fmt: skip
"""What is heard where nobody speaks."""


def made(
    kind: Callable[[int, np.random.Generator], Sound],
    seconds: float,
    random: np.random.Generator,
) -> npt.NDArray[np.float32]:
    """Make a sound of some level between -50 dB and -4 dB of full scale, above a faint hiss."""
    count = int(seconds * _RATE)
    sound = kind(count, random)
    sound = sound / (np.abs(sound).max() + 1e-9) * 10 ** random.uniform(-2.5, -0.2)
    hiss = random.normal(0, 10 ** random.uniform(-5, -2.5), count)
    return np.asarray(sound + hiss, np.float32)
