"""Real speech for tests: the starter voice, straight through Piper."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import piper

from pipeline.engines import SAMPLE_RATE, Int16Audio

STARTER = Path(__file__).parents[2] / "starter" / "models"


@functools.cache
def _voice() -> piper.PiperVoice:
    return piper.PiperVoice.load(STARTER / "voice" / "starter.onnx")


@functools.cache
def say(text: str, *, before: float = 0.5, after: float = 0.0) -> Int16Audio:
    """Speak a sentence at 16 kHz, with seconds of silence around it."""
    parts = [np.zeros(round(before * SAMPLE_RATE), np.int16)]
    parts += [chunk.audio_int16_array for chunk in _voice().synthesize(text)]
    parts += [np.zeros(round(after * SAMPLE_RATE), np.int16)]
    audio = np.concatenate(parts)
    audio.flags.writeable = False
    return audio
