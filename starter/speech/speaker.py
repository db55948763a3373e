"""What every synthesizer is to the recipe: somebody who speaks a sentence in a manner."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np

from pipeline.engines import Float32Audio

__all__ = ["NEUTRAL", "SILENT", "Manner", "Request", "Speaker", "Speech"]


@dataclass(frozen=True, slots=True)
class Manner:
    """How a sentence is spoken, relative to the voice's own way.

    Synthesizers have different ranges: what lies outside is brought to the nearest that they can,
    and what a voice cannot vary stays as it is.

    Attributes:
        stretch: Duration of the sounds; 1.25 is slower.
        pitch: Height of the voice.
        range: How far the melody moves around it.
    """

    stretch: float = 1.0
    pitch: float = 1.0
    range: float = 1.0


NEUTRAL = Manner()
"""As the voice's makers meant it."""


class Speech(NamedTuple):
    """What was spoken.

    Attributes:
        samples: float32, mono, in [-1, 1]; silence or nothing where there was nothing to say.
        rate: Hz.
    """

    samples: Float32Audio
    rate: int


SILENT = Speech(np.zeros(0, np.float32), 16_000)

Request: TypeAlias = tuple[str, Manner]
"""A sentence, and how it shall be spoken."""


class Speaker(Protocol):
    """One voice of one synthesizer. Not for two threads at a time."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The voice's name as rows keep it, e.g. "flite:slt"."""

    @abstractmethod
    def speak(self, text: str, manner: Manner = NEUTRAL) -> Speech:
        """Speak one sentence.

        Raises:
            RecipeError: If the synthesizer fails.
        """

    def speak_all(self, requests: Sequence[Request]) -> list[Speech]:
        """Speak many sentences; cheaper than one by one where a process must be started."""
        return [self.speak(text, manner) for text, manner in requests]
