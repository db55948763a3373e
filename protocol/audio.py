"""Audio formats of the wire, and conversions between bytes, samples and milliseconds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["RATES", "AudioFormat", "Encoding"]

RATES = (8000, 12000, 16000, 24000, 48000)
"""Sample rates that may be negotiated, in Hz: Opus's own set (RFC 6716 section 2.1.1)."""


class Encoding(StrEnum):
    """How the samples of a payload are encoded; all mono."""

    OPUS = "opus"
    PCM_S16LE = "pcm_s16le"
    PCMU = "pcmu"
    PCMA = "pcma"


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """The format of one audio stream.

    Attributes:
        codec: Encoding of a payload.
        rate: Sample rate in Hz, one of `RATES`; the unit of every pts of the stream.
        frame_ms: Usual duration of a frame in ms (2.5 to 120); a hint, receivers accept any.
    """

    codec: Encoding
    rate: int
    frame_ms: float = 20

    @property
    def frame_samples(self) -> int:
        """Samples in a frame of the usual duration."""
        return round(self.frame_ms * self.rate / 1000)

    def samples(self, milliseconds: float) -> int:
        """Whole samples in a duration."""
        return round(milliseconds * self.rate / 1000)

    def milliseconds(self, samples: int) -> float:
        """Duration of a number of samples."""
        return samples * 1000 / self.rate
