"""What a device's microphone hears: silence without pause, and utterances when due. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks.peers.terms import FRAME_BYTES, FRAME_S, FRAME_SAMPLES, RATE
from gateway.client.demo import bundled
from gateway.client.wav import Recording

__all__ = ["UTTERANCES", "MicrophoneTrack", "Spoken", "Utterance", "utterances"]

UTTERANCES: Final = ("name", "story", "sky", "sum")
"""Bundled recordings of 1.1 to 1.9 s."""
_SILENCE: Final = bytes(FRAME_BYTES)


@dataclass(frozen=True, slots=True)
class Utterance:
    """A recording, cut into frames.

    Attributes:
        name: Of the recording.
        frames: Payloads of 20 ms.
        onset: First sample above -50 dBFS.
        end: One past the last.
    """

    name: str
    frames: tuple[bytes, ...]
    onset: int
    end: int

    @property
    def speech_s(self) -> float:
        """From onset to end."""
        return (self.end - self.onset) / RATE


@dataclass(frozen=True, slots=True)
class Spoken:
    """An utterance that was said, in seconds of the device's clock (ground truth).

    Attributes:
        onset_at: When the first sample of speech was captured.
        end_at: When the last one was.
    """

    onset_at: float
    end_at: float


def utterances(names: tuple[str, ...] = UTTERANCES) -> tuple[Utterance, ...]:
    """Read bundled recordings.

    Raises:
        ValueError: One is not at 16 kHz.
    """
    return tuple(_cut(name, bundled(name)) for name in names)


def _cut(name: str, recording: Recording) -> Utterance:
    if recording.rate != RATE:
        raise ValueError(f"{name} has {recording.rate} Hz, expected {RATE}")
    samples = recording.samples
    whole = np.concatenate([samples, np.zeros(-len(samples) % FRAME_SAMPLES, np.int16)])
    content = whole.astype("<i2").tobytes()
    frames = tuple(content[at : at + FRAME_BYTES] for at in range(0, len(content), FRAME_BYTES))
    return Utterance(name, frames, *recording.speech())


class MicrophoneTrack:
    """Frames in order; a frame is captured, and due, when its last sample is.

    Args:
        begun_at: When the first sample is captured, in seconds of the device's clock.
    """

    def __init__(self, begun_at: float) -> None:
        self._begun_at = begun_at
        self._taken = 0
        self._waiting: deque[bytes] = deque()

    @property
    def due_at(self) -> float:
        """When the next frame is."""
        return self._begun_at + (self._taken + 1) * FRAME_S

    def say(self, utterance: Utterance) -> Spoken:
        """Speak from the next frame that nothing is said in."""
        begin = self._begun_at + (self._taken + len(self._waiting)) * FRAME_S
        self._waiting.extend(utterance.frames)
        return Spoken(begin + utterance.onset / RATE, begin + utterance.end / RATE)

    def take(self) -> bytes:
        """The next frame's payload."""
        self._taken += 1
        return self._waiting.popleft() if self._waiting else _SILENCE
