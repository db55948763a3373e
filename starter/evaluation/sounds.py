"""Sounds that are not speech: silence, noises, tones and music of this module's own making."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from pipeline.engines import SAMPLE_RATE, Float32Audio

__all__ = ["SOUNDS", "babble", "sound"]

_Track: TypeAlias = npt.NDArray[np.float64]
_Maker: TypeAlias = Callable[[np.random.Generator, int], _Track]

_FFT: Final = 4000
_SCALE: Final = (0, 2, 4, 7, 9, 12, 14, 16)
"""A pentatonic scale in semitones: whatever is drawn from it sounds like a tune."""


def _silence(random: np.random.Generator, samples: int) -> _Track:
    return random.normal(0, 1e-5, samples)


def _white(random: np.random.Generator, samples: int) -> _Track:
    return random.normal(0, 1, samples)


def _coloured(random: np.random.Generator, samples: int, slope: float) -> _Track:
    size = -(-samples // _FFT) * _FFT  # transforms of prime lengths take seconds
    spectrum = np.fft.rfft(random.normal(0, 1, size))
    spectrum[1:] /= np.arange(1, spectrum.size) ** slope
    spectrum[0] = 0
    track: _Track = np.fft.irfft(spectrum, size)[:samples]
    return track


def _pink(random: np.random.Generator, samples: int) -> _Track:
    return _coloured(random, samples, 0.5)


def _brown(random: np.random.Generator, samples: int) -> _Track:
    return _coloured(random, samples, 1.0)


def _wind(random: np.random.Generator, samples: int) -> _Track:
    """Pink noise that swells and fades, as in front of a microphone out of doors."""
    seconds = _seconds(samples)
    swell = 0.6 + 0.4 * np.sin(2 * np.pi * random.uniform(0.2, 0.8) * seconds)
    return _coloured(random, samples, 0.8) * swell


def _hum(random: np.random.Generator, samples: int) -> _Track:
    base, seconds = random.choice([50, 60]), _seconds(samples)
    waves = [np.sin(2 * np.pi * base * n * seconds) / n for n in (1, 2, 3, 5, 7)]
    return _together(waves)


def _keys(random: np.random.Generator, samples: int) -> _Track:
    track = np.zeros(samples)
    for at in random.integers(0, max(1, samples - 800), samples // 3000):
        track[at : at + 400] += random.normal(0, 1, 400) * np.exp(-np.arange(400) / 60)
    return track + random.normal(0, 0.003, samples)


def _tone(random: np.random.Generator, samples: int) -> _Track:
    track: _Track = np.sin(2 * np.pi * random.uniform(150, 2500) * _seconds(samples))
    return track


def _sweep(random: np.random.Generator, samples: int) -> _Track:
    low, high = random.uniform(100, 600), random.uniform(800, 3500)
    phase = 0.5 + 0.5 * np.sin(2 * np.pi * random.uniform(0.1, 0.7) * _seconds(samples))
    track: _Track = np.sin(2 * np.pi * np.cumsum(low + (high - low) * phase) / SAMPLE_RATE)
    return track


def _ringing(random: np.random.Generator, samples: int) -> _Track:
    """Two tones on and off, as a telephone or an alarm clock rings."""
    seconds, low = _seconds(samples), random.uniform(350, 900)
    on = (seconds % 0.8) < random.uniform(0.2, 0.5)
    track: _Track = on * (
        np.sin(2 * np.pi * low * seconds) + np.sin(2 * np.pi * 1.26 * low * seconds)
    )
    return track


def _chord(random: np.random.Generator, samples: int) -> _Track:
    root, seconds = random.uniform(110, 330), _seconds(samples)
    voices = [_note(root * ratio, seconds) for ratio in (1, 1.26, 1.5, 2)]
    return _together(voices) * (1 + 0.4 * np.sin(2 * np.pi * 2.2 * seconds))


def _tune(random: np.random.Generator, samples: int) -> _Track:
    """A melody over a bass, in notes of a plucked instrument, and a drum."""
    track, beat = np.zeros(samples), round(SAMPLE_RATE * random.uniform(0.18, 0.4))
    root = random.uniform(130, 260)
    for at in range(0, samples, beat):
        length = min(2 * beat, samples - at)
        seconds = _seconds(length)
        fading = np.exp(-3 * seconds)
        step = random.choice(_SCALE)
        track[at : at + length] += fading * _note(root * 2 ** (step / 12), seconds)
        if at // beat % 4 == 0:
            track[at : at + length] += fading * np.sin(np.pi * root * seconds)
        hit = min(600, samples - at)
        track[at : at + hit] += random.normal(0, 0.6, hit) * np.exp(-np.arange(hit) / 90)
    return track


def _note(hertz: float, seconds: _Track) -> _Track:
    waves = [np.sin(2 * np.pi * hertz * n * seconds) / n**1.5 for n in range(1, 7)]
    return _together(waves)


def _together(tracks: list[_Track]) -> _Track:
    mixed: _Track = np.sum(tracks, axis=0)
    return mixed


def _seconds(samples: int) -> _Track:
    return np.arange(samples) / SAMPLE_RATE


SOUNDS: Final[Mapping[str, _Maker]] = {
    "silence": _silence,
    "white noise": _white,
    "pink noise": _pink,
    "brown noise": _brown,
    "wind": _wind,
    "hum": _hum,
    "keys": _keys,
    "tone": _tone,
    "sweep": _sweep,
    "ringing": _ringing,
    "chord": _chord,
    "tune": _tune,
}
"""What makes each kind, in any level, from random numbers and a number of samples."""


def sound(kind: str, random: np.random.Generator, samples: int) -> Float32Audio:
    """Return a sound of a kind of `SOUNDS` at -45 to -15 dBFS; silence stays as it is."""
    track = SOUNDS[kind](random, samples)
    if kind != "silence":
        level = 10 ** (random.uniform(-45, -15) / 20)
        track = track * (level / max(1e-9, float(np.sqrt(np.mean(track**2)))))
    return np.clip(track, -1, 1).astype(np.float32)


def babble(
    voices: list[Float32Audio], random: np.random.Generator, samples: int, *, speakers: int
) -> Float32Audio:
    """Return several voices at once, each at the same level, in utterances drawn from a list."""
    track = np.zeros(samples, np.float32)
    for _ in range(speakers):
        at = -int(random.integers(0, SAMPLE_RATE))
        while at < samples:
            voice = voices[int(random.integers(len(voices)))]
            part = voice[max(0, -at) : samples - at]
            level = 1 / max(1e-6, float(np.sqrt(np.mean(voice**2))))
            track[max(0, at) : max(0, at) + len(part)] += part * np.float32(level)
            at += len(voice) + int(random.integers(0, SAMPLE_RATE // 4))
    return track / np.float32(np.sqrt(speakers))
