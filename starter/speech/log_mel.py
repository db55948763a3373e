"""Log-mel spectra as faster-whisper computes them, before its clamp.

What is kept is the logarithm alone, so that noise, level and channels can still be varied.
Whisper's last step (nothing more than 8 below the loudest, then (x + 4) / 4) is `normalized`.

Sources: Whisper (Radford et al. 2022), section 2.2; faster_whisper/feature_extractor.py 1.2; the
mel scale of Slaney's Auditory Toolbox (1998).
"""

from __future__ import annotations

import functools
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from pipeline.engines import Float32Audio

__all__ = ["BANDS", "FRAMES_PER_SECOND", "HOP", "LogMel", "log_mel", "mel_filters", "normalized"]

LogMel: TypeAlias = npt.NDArray[np.float16]
"""Shape (frames, bands): decimal logarithms of power."""

BANDS: Final = 80
HOP: Final = 160
FRAMES_PER_SECOND: Final = 100

_RATE: Final = 16_000
_WINDOW: Final = 400
_FLOOR: Final = 1e-10

_LINEAR_HZ: Final = 200 / 3
"""Hz for a mel, below 1 kHz."""
_KNEE_HZ: Final = 1000.0
_KNEE_MEL: Final = _KNEE_HZ / _LINEAR_HZ
_LOG_STEP: Final = np.log(6.4) / 27.0


def log_mel(audio: Float32Audio) -> LogMel:
    """Return the spectra of a sound: a frame for each 10 ms, and one more.

    Args:
        audio: Shape (samples,), 16 kHz mono, in [-1, 1]; more than 200 samples.

    Returns:
        Shape ((samples + 160) // 160, 80); never below -10.
    """
    padded = np.pad(np.asarray(audio, np.float32), (0, HOP))
    padded = np.pad(padded, _WINDOW // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::HOP][:-1]
    spectra = np.fft.rfft(frames * _hann(), axis=1)
    power = spectra.real**2 + spectra.imag**2
    mel = power.astype(np.float32) @ mel_filters().T
    logarithms: LogMel = np.log10(np.maximum(mel, np.float32(_FLOOR))).astype(np.float16)
    return logarithms


def normalized(spectra: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Return what a Whisper network is given: Whisper's clamp, then about -1 ... 1."""
    single = np.asarray(spectra, np.float32)
    loudest = single.max() if single.size else np.float32(0)
    return (np.maximum(single, loudest - np.float32(8)) + np.float32(4)) / np.float32(4)


@functools.cache
def _hann() -> npt.NDArray[np.float32]:
    return np.hanning(_WINDOW + 1)[:-1].astype(np.float32)


@functools.cache
def mel_filters() -> npt.NDArray[np.float32]:
    """Return the filters, shape (80, 201): triangles of equal area between 0 and 8 kHz."""
    bins = np.linspace(0, _RATE / 2, _WINDOW // 2 + 1)
    corners = _hertz(np.linspace(0, float(_mel(_RATE / 2)), BANDS + 2))
    widths = np.diff(corners)
    slopes = corners[:, None] - bins[None]
    rising = -slopes[:-2] / widths[:-1, None]
    falling = slopes[2:] / widths[1:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    area = 2.0 / (corners[2:] - corners[:-2])
    return (triangles * area[:, None]).astype(np.float32)


def _mel(hertz: float) -> float:
    if hertz < _KNEE_HZ:
        return hertz / _LINEAR_HZ
    return float(_KNEE_MEL + np.log(hertz / _KNEE_HZ) / _LOG_STEP)


def _hertz(mels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    above = _KNEE_HZ * np.exp(_LOG_STEP * (mels - _KNEE_MEL))
    return np.where(mels < _KNEE_MEL, mels * _LINEAR_HZ, above)
