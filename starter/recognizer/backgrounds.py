"""What is heard behind speech, and where there is none: spectra ready to be mixed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from starter.recognizer.augmentation import Spectrum, power_level
from starter.recognizer.sounds import NOISES, SOUNDS, made
from starter.recognizer.utterances import Utterance
from starter.speech.log_mel import log_mel

__all__ = ["Backgrounds"]

_NOISE_SECONDS = 30.0


class Backgrounds:
    """A collection of noises and sounds, made once, and crowds of the utterances' own voices.

    Args:
        utterances: Whom crowds are made of; it may grow.
        random: Where everything comes from.
        clips: Sounds of each kind of `SOUNDS`.
    """

    def __init__(
        self, utterances: Sequence[Utterance], random: np.random.Generator, clips: int = 24
    ) -> None:
        self._utterances, self._random = utterances, random
        self.white = _spectrum(log_mel(made(NOISES[0], _NOISE_SECONDS, random)))
        coloured = [
            _spectrum(log_mel(made(kind, _NOISE_SECONDS, random)))
            for kind in (*NOISES[1:], *NOISES[1:])
        ]
        self._noises = [self.white, *coloured]
        self._clips = [
            log_mel(made(kind, random.uniform(0.6, 7.0), random)).astype(np.float16)
            for kind in SOUNDS
            for _ in range(clips)
        ]

    def behind(self, frames: int) -> tuple[Spectrum, float]:
        """Draw what speech is mixed with, and how many decibels the speech is above it."""
        draw = self._random
        kind = draw.random()
        if kind < 0.3:
            louder = draw.uniform(5, 15) if draw.random() < 0.6 else draw.uniform(15, 45)
            return self._looped(self._noises[0], frames), louder
        if kind < 0.65:
            noise = self._noises[draw.integers(1, len(self._noises))]
            return self._looped(noise, frames), draw.uniform(5, 50)
        if kind < 0.92:
            return self.crowd(frames, int(draw.integers(2, 7))), draw.uniform(8, 40)
        clip = _spectrum(self._clips[draw.integers(len(self._clips))])
        return self._looped(clip, frames), draw.uniform(10, 40)

    def instead(self, most_frames: int) -> Spectrum:
        """Draw what is heard where nobody speaks: silence, a sound, or too many voices at once."""
        draw = self._random
        frames = min(most_frames, int(draw.integers(40, 700)))
        kind = draw.random()
        if kind < 0.12:
            return np.full((frames, 80), draw.choice([-10.0, draw.uniform(-9, -5)]), np.float32)
        if kind < 0.35:
            return self.crowd(frames, int(draw.integers(4, 9))) + np.float32(draw.uniform(-2, 0.3))
        if kind < 0.5:
            noise = self._noises[draw.integers(len(self._noises))]
            return self._looped(noise, frames) + np.float32(draw.uniform(-5, 0.3))
        clip = _spectrum(self._clips[draw.integers(len(self._clips))])
        return clip[: max(40, most_frames)] + np.float32(draw.uniform(-2, 0.3))

    def crowd(self, frames: int, voices: int) -> Spectrum:
        """Return so many voices at the same level, each beginning anywhere in its sentence."""
        draw = self._random
        total = np.zeros((frames, 80), np.float32)
        for _ in range(voices):
            chosen = self._utterances[int(draw.integers(len(self._utterances)))].features
            voice = _spectrum(chosen)
            total += 10.0 ** (self._looped(voice, frames) - power_level(voice))
        level = np.float32(draw.uniform(-0.5, 1.0))
        return np.asarray(np.log10(total + 1e-12) + level, np.float32)

    def _looped(self, spectrum: Spectrum, frames: int) -> Spectrum:
        place = (np.arange(frames) + int(self._random.integers(len(spectrum)))) % len(spectrum)
        found: Spectrum = spectrum[place]
        return found


def _spectrum(features: np.ndarray[tuple[int, ...], np.dtype[np.floating]]) -> Spectrum:
    return features.astype(np.float32)
