"""Rooms: what walls add to speech.

A room is noise that dies away exponentially, after a direct sound of its own strength: the
statistical model of late reverberation (Polack 1988; Habets 2007, chapter 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.engines import SAMPLE_RATE, Float32Audio

__all__ = ["TAIL_SAMPLES", "Room", "reverberated"]

TAIL_SAMPLES: Final = 3000
"""How much longer reverberation makes speech; what comes after is left out."""

_SIXTY_DECIBELS: Final = 6.9
"""Natural logarithm of 1000."""
_FIRST_ECHO_SECONDS: Final = 0.002
_LONGEST_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Room:
    """A room, and how far away one speaks in it.

    Attributes:
        seconds: Until the echo has died away by 60 dB.
        level: Of all echoes together, relative to the direct sound, as root of the energy.
    """

    seconds: float
    level: float


def reverberated(audio: Float32Audio, room: Room, random: np.random.Generator) -> Float32Audio:
    """Return speech as it sounds in a room.

    Args:
        audio: 16 kHz.
        room: See there.
        random: Draws where the walls are.

    Returns:
        The direct sound unchanged and in its place, with the echoes; `TAIL_SAMPLES` longer.
    """
    echoes = _echoes(room, random)
    padded = np.pad(audio, (0, TAIL_SAMPLES))
    return padded + _convolved(padded, echoes)[: len(padded)]


def _convolved(one: Float32Audio, other: Float32Audio) -> Float32Audio:
    size = 1 << (len(one) + len(other) - 1).bit_length()  # a power of two is quick to transform
    product = np.fft.rfft(one, size) * np.fft.rfft(other, size)
    return np.fft.irfft(product, size).astype(np.float32)


def _echoes(room: Room, random: np.random.Generator) -> Float32Audio:
    samples = int(SAMPLE_RATE * min(room.seconds, _LONGEST_SECONDS))
    time = np.arange(samples) / SAMPLE_RATE
    echoes = random.standard_normal(samples) * np.exp(-_SIXTY_DECIBELS * time / room.seconds)
    echoes[: int(_FIRST_ECHO_SECONDS * SAMPLE_RATE)] = 0
    echoes *= room.level / np.sqrt(np.sum(echoes**2))
    return echoes.astype(np.float32)
