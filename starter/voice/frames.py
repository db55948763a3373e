"""What a frame of speech holds: the common language of analysis, network and vocoder.

Every 5 ms: 30 cepstra of the logarithmic amplitude over a mel axis, the logarithm of the pitch,
whether the voice sounds, and which share of the amplitude is noise in each of four bands.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = [
    "APERIODICITY",
    "BANDS",
    "CEPSTRA",
    "HOP",
    "PITCH",
    "SAMPLE_RATE",
    "SIZE",
    "VOICING",
    "mel_position",
]

SAMPLE_RATE: Final = 16_000
"""Hz."""
HOP: Final = 80
"""Samples from one frame to the next: twice as many blur the bursts of t, k and p."""
CEPSTRA: Final = 30
"""Coefficients ``c``: the amplitude at a frequency is ``exp(sum(c[m] * cos(m * pi * position)))``,
with `mel_position`; they come first in a frame."""
PITCH: Final = CEPSTRA
"""Index of the natural logarithm of the pitch in Hz; interpolated where nothing is voiced."""
VOICING: Final = PITCH + 1
"""Index of the voicing: 1 where the voice sounds, else 0."""
BANDS: Final = ((0, 1000), (1000, 2000), (2000, 4000), (4000, 8000))
"""Hz, for the aperiodicity."""
APERIODICITY: Final = VOICING + 1
"""Index of the first band's aperiodicity: the share of noise in the amplitude, 0 to 1."""
SIZE: Final = APERIODICITY + len(BANDS)
"""Numbers in a frame."""


def mel_position(frequencies: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return where frequencies in Hz lie on the mel axis: 0 at 0 Hz, 1 at half the sample rate."""
    hertz = np.asarray(frequencies, np.float64)
    return np.asarray(np.log1p(hertz / 700) / math.log1p(SAMPLE_RATE / 2 / 700), np.float64)
