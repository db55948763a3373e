"""Voice activity by loudness alone: for quiet rooms, push-to-talk devices and measurements.

A block counts as speech when its root mean square lies far enough above the noise, which is
followed down at once and up slowly. It costs 4 us a block, knows no difference between a voice and
a door, and hears no speech below the noise: where either matters, take Silero.
"""

from __future__ import annotations

import math

import numpy as np

from pipeline.engines import Int16Audio, VoiceActivityDetector

__all__ = ["EnergyDetector", "EnergyModel", "load"]

_ABOVE_NOISE = 4.0
"""Speech is at least 12 dB above the noise."""
_LEAST = 80.0
"""RMS in int16 units below which nothing is speech: -52 dBFS."""
_RISE = 1.002
"""Growth of the noise estimate per block of 32 ms: 0.5 dB per second."""


def load(block: int = 512) -> EnergyModel:
    """There is nothing to load.

    Args:
        block: Samples per block at 16 kHz.

    Raises:
        ValueError: If it is not positive.
    """
    if block <= 0:
        raise ValueError(f"block is {block} samples, expected at least 1")
    return EnergyModel(block)


class EnergyModel:
    """Makes detectors; the counterpart of a loaded network."""

    __slots__ = ("_block",)

    def __init__(self, block: int) -> None:
        self._block = block

    def detector(self) -> VoiceActivityDetector:
        """A detector for one session, with a noise estimate of its own."""
        return EnergyDetector(self._block)


class EnergyDetector:
    """One session's detector; its probabilities are 0.0 and 1.0."""

    __slots__ = ("_block", "_noise")

    def __init__(self, block: int) -> None:
        self._block = block
        self._noise = _LEAST

    @property
    def block(self) -> int:
        """Samples that one call takes."""
        return self._block

    def probability(self, block: Int16Audio) -> float:
        """1.0 where the block is loud, else 0.0.

        Raises:
            ValueError: If the block has another number of samples than `block` says.
        """
        if block.shape != (self._block,):
            raise ValueError(f"block has shape {block.shape}, expected ({self._block},)")
        samples = block.astype(np.float32)
        loudness = math.sqrt(float(np.dot(samples, samples)) / self._block)
        self._noise = min(loudness, self._noise * _RISE)
        return float(loudness >= max(_LEAST, self._noise * _ABOVE_NOISE))

    def reset(self) -> None:
        """Forget how loud the noise is."""
        self._noise = _LEAST
