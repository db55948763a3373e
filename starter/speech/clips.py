"""Clips of speech: brought to 16 kHz, to one level, and without the silence around."""

from __future__ import annotations

from typing import Final

import numpy as np
import soxr

from pipeline.engines import SAMPLE_RATE, Float32Audio
from starter.speech.speaker import Speech

__all__ = ["SHORTEST_SAMPLES", "at_level", "sampled", "trimmed"]

SHORTEST_SAMPLES: Final = 1600
"""What has fewer samples above the threshold of `trimmed` is no word."""

_AUDIBLE: Final = 0.01
_BEFORE, _AFTER = 160, 320
_LEVEL: Final = 0.1
_PEAK: Final = 0.98


def sampled(speech: Speech, size: float = 1.0) -> Float32Audio:
    """Return speech at 16 kHz.

    Args:
        speech: At any rate.
        size: Of the speaker: 1.1 is longer, deeper, and of a larger throat.
    """
    if speech.rate == SAMPLE_RATE and size == 1.0:
        return speech.samples
    rate = round(SAMPLE_RATE * size)
    return np.asarray(soxr.resample(speech.samples, speech.rate, rate, "LQ"), np.float32)


def trimmed(audio: Float32Audio) -> Float32Audio | None:
    """Return what lies between the first and the last audible sample (-40 dB of the peak).

    10 ms before and 20 ms after it are kept. None, if too little of it is audible.
    """
    loudness = np.abs(audio)
    audible = np.flatnonzero(loudness > _AUDIBLE * loudness.max(initial=0.0))
    if len(audible) < SHORTEST_SAMPLES:
        return None
    return audio[max(0, audible[0] - _BEFORE) : audible[-1] + _AFTER]


def at_level(audio: Float32Audio) -> Float32Audio:
    """Return speech at a root mean square of 0.1, or lower where its peaks would be cut."""
    rms = float(np.sqrt(np.mean(np.square(audio, dtype=np.float64))))
    peak = float(np.abs(audio).max(initial=0.0))
    factor = min(_LEVEL / max(rms, 1e-9), _PEAK / max(peak, 1e-9))
    return audio * np.float32(factor)
