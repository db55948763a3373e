"""Changes of a log-mel spectrum: speakers, rooms, noise and channels that no voice here has.

Everything is done to raw log10 mel power, where a gain is an offset and a mixture the sum of powers
(phases are ignored); a training on waveforms would spend its time in Fourier transforms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from starter.speech.log_mel import BANDS, mel_filters, normalized

__all__ = ["Augmentation", "Spectrum", "mixed", "power_level", "silence_of"]

Spectrum = npt.NDArray[np.float32]
"""[frames, 80]."""

_LOG2_10 = np.float32(np.log2(10.0))
_HERTZ = np.linalg.lstsq(mel_filters().T, np.ones(201, np.float32), rcond=None)[0]
"""Width of each band: filters have the same area, so the power of all is value times width."""


def silence_of(spectrum: Spectrum) -> float:
    """Return the value of digital silence behind a normalized spectrum."""
    return float(max(-1.5, spectrum.max() - 2.0))


def power_level(raw: Spectrum) -> float:
    """Return log10 of the mean power of all bands together."""
    return float(np.log10((10.0 ** np.clip(raw, -12, 6) @ _HERTZ).mean() + 1e-12))


def mixed(raw: Spectrum, noise: Spectrum, decibels: float) -> Spectrum:
    """Add noise of the same length, so that the speech is that many decibels above it."""
    offset = power_level(raw) - power_level(noise) - decibels / 10
    found: Spectrum = np.logaddexp2(raw * _LOG2_10, (noise + offset) * _LOG2_10) / _LOG2_10
    return found


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Shares of the rows that are changed.

    Attributes:
        vocal_tract: Formants shifted, by at most a sixth.
        equalized: Spectral tilts and ripples.
        noisy: Noise is added.
        band_limited: Nothing above some 3 kHz.
        masked: Bands and moments blanked (SpecAugment, Park et al. 2019).
    """

    vocal_tract: float = 0.5
    equalized: float = 0.7
    noisy: float = 0.5
    band_limited: float = 0.08
    masked: float = 0.35

    def speaker(self, raw: Spectrum, random: np.random.Generator) -> Spectrum:
        """Change who speaks, and the way to the microphone."""
        if random.random() < self.vocal_tract:
            raw = _stretched(raw, random.uniform(0.84, 1.18))
        if random.random() < self.equalized:
            raw = raw + _equalizer(random)
        return raw

    def channel(self, raw: Spectrum, random: np.random.Generator) -> Spectrum:
        """Limit the band, change the level, normalize, and blank some of it."""
        if random.random() < self.band_limited:
            raw = raw.copy()
            raw[:, int(random.integers(52, 72)) :] -= 4.0
        quieter = np.maximum(raw + np.float32(random.uniform(-2.5, 0.6)), np.float32(-10))
        found = normalized(quieter)
        return _masked(found, random) if random.random() < self.masked else found


def _stretched(raw: Spectrum, factor: float) -> Spectrum:
    place = np.clip(np.arange(BANDS) * factor, 0, BANDS - 1.001)
    below = place.astype(int)
    part = (place - below).astype(np.float32)
    found: Spectrum = raw[:, below] * (1 - part) + raw[:, below + 1] * part
    return found


def _equalizer(random: np.random.Generator) -> npt.NDArray[np.float32]:
    place = np.linspace(-1, 1, BANDS)
    tilt = random.uniform(-0.8, 0.8) * place + random.uniform(-0.5, 0.5) * (2 * place**2 - 1)
    ripple = random.uniform(-0.3, 0.3) * np.cos(place * random.uniform(3, 12))
    return (tilt + ripple).astype(np.float32)


def _masked(spectrum: Spectrum, random: np.random.Generator) -> Spectrum:
    found, mean = spectrum.copy(), spectrum.mean()
    for _ in range(2):
        width = int(random.integers(0, 13))
        first = int(random.integers(0, BANDS - width))
        found[:, first : first + width] = mean
    for _ in range(2):
        length = int(random.integers(0, max(2, min(14, len(found) // 10))))
        first = int(random.integers(0, max(1, len(found) - length)))
        found[first : first + length] = mean
    return found
