"""The level of speech: measured over what sounds, evened out, trimmed and faded. Pure.

Voices differ by 5 dB and more, and one that scales each sentence to its peak blows a short quiet
clause up: so a voice gets one fixed gain, by what it said of a reference.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from pipeline.engines import Float32Audio, Int16Audio

__all__ = ["FADE_S", "MAX_GAIN", "active_rms", "finished", "gain_for", "soft_clipped", "sounding"]

FADE_S: Final = 0.005
MAX_GAIN: Final = 100.0

_FRAME_S: Final = 0.010  # for measuring where sound begins and ends
_MARGIN_S: Final = 0.010  # silence left at each end of a sentence
_SILENCE: Final = 0.01  # -40 dB below the sentence's peak
_CEILING: Final = 10 ** (-1 / 20)  # -1 dBFS: headroom for lossy codecs
_KNEE: Final = 0.7


def sounding(audio: Float32Audio, rate: int) -> tuple[int, int]:
    """Return the first and the last (exclusive) sample that is within 40 dB of the peak."""
    frame = round(_FRAME_S * rate)
    margin = round(_MARGIN_S * rate)
    padded = np.pad(np.abs(audio), (0, -len(audio) % frame)).reshape(-1, frame).max(axis=1)
    loud = np.flatnonzero(padded > padded.max(initial=0) * _SILENCE)
    if not len(loud):
        return 0, 0
    first, last = int(loud[0]) * frame - margin, (int(loud[-1]) + 1) * frame + margin
    return max(first, 0), min(last, len(audio))


def active_rms(audio: Float32Audio, rate: int) -> float:
    """Return the root mean square over the frames that are within 40 dB of the loudest."""
    frame = round(_FRAME_S * rate)
    frames = audio[: len(audio) // frame * frame].reshape(-1, frame)
    power = np.mean(np.square(frames, dtype=np.float64), axis=1)
    active = power[power > power.max(initial=0) * _SILENCE**2]
    return float(np.sqrt(active.mean())) if len(active) else 0.0


def gain_for(level: float, dbfs: float) -> float:
    """Return the factor that brings a level, as `active_rms` gives it, to ``dbfs``."""
    return min(10 ** (dbfs / 20) / level, MAX_GAIN)


def soft_clipped(audio: Float32Audio) -> Float32Audio:
    """Bend what is above the knee, in place, so that nothing exceeds -1 dBFS."""
    over = np.abs(audio) > _KNEE
    room = _CEILING - _KNEE
    bent = np.sign(audio[over]) * (_KNEE + room * np.tanh((np.abs(audio[over]) - _KNEE) / room))
    audio[over] = bent
    return audio


def finished(raw: Float32Audio, rate: int, gain: float) -> tuple[Int16Audio, int]:
    """Trim, level and fade one sentence; also return how many samples went at its start."""
    first, last = sounding(raw, rate)
    audio = soft_clipped(raw[first:last] * np.float32(gain))
    _fade(audio, round(FADE_S * rate))
    return np.rint(audio * 32767).astype(np.int16), first


def _fade(audio: Float32Audio, samples: int) -> None:
    """Fade both ends in place, along a raised cosine."""
    samples = min(samples, len(audio) // 2)
    if samples:
        ramp = (0.5 - 0.5 * np.cos(np.pi * (np.arange(samples) + 0.5) / samples)).astype(np.float32)
        audio[:samples] *= ramp
        audio[-samples:] *= ramp[::-1]
