"""Contexts of random length: what follows an utterance when it is decoded.

Parley decodes an utterance and about a second, faster-whisper 30 s. A network that has seen only
one of the two learns to rely on the mass of the padding, and misreads the other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from starter.recognizer.network import Padding

__all__ = ["Contexts"]


@dataclass(frozen=True, slots=True)
class Contexts:
    """Draws the length of a context, and the positions that stand for it.

    Attributes:
        longest: Positions of the longest context.
        full: Share of the longest.
        shortest: Fewest positions behind the sound; the number is drawn log-uniformly.
        samples: Most positions that are computed for the padding.
    """

    longest: int = 1500
    full: float = 0.35
    shortest: int = 15
    samples: int = 16

    def draw(self, sound: int, random: np.random.Generator, offset: float = 0.0) -> Padding:
        """Draw what follows `sound` positions, the one that still sees some of it not counted.

        Args:
            sound: Positions of a batch's longest row.
            random: Where the draw comes from.
            offset: Added to the bias: below zero, the padding counts for less than it is.
        """
        first = sound + 1
        end = self._end(first, random)
        if end - first <= self.samples:
            return Padding(torch.arange(first, max(first, end)))
        positions = torch.from_numpy(random.integers(first, end, self.samples))
        return Padding(positions, math.log((end - first) / self.samples) + offset)

    def _end(self, first: int, random: np.random.Generator) -> int:
        if random.random() < self.full:
            return self.longest
        more = math.exp(random.uniform(math.log(self.shortest), math.log(self.longest)))
        return min(self.longest, first + int(more))
