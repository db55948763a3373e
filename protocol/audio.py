"""Audio formats of the wire, and conversions between bytes, samples and milliseconds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = [
    "MAX_FRAME_MS",
    "MIN_FRAME_MS",
    "OPUS_FRAME_MS",
    "RATES",
    "AudioFormat",
    "Encoding",
    "opus_samples",
    "payload_samples",
]

RATES = (8000, 12000, 16000, 24000, 48000)
"""Sample rates that may be negotiated, in Hz: Opus's own set (RFC 6716 section 2.1.1)."""

MIN_FRAME_MS = 2.5
"""Shortest usual frame, in ms."""

MAX_FRAME_MS = 120
"""Longest payload of any encoding, in ms; Opus's own bound (RFC 6716 section 3.2.5, R5)."""

OPUS_FRAME_MS: tuple[float, ...] = (2.5, 5, 10, 20, 40, 60, 80, 100, 120)
"""Durations in ms that one Opus packet can have when its encoder uses frames of one size."""


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


_SILK_MS = (10, 20, 40, 60)
_HYBRID_MS = (10, 20)
_CELT_MS = (2.5, 5, 10, 20)


def _opus_frame_ms(toc: int) -> float:
    """Duration of one frame in ms by the configuration number (RFC 6716 table 2)."""
    configuration = toc >> 3
    if configuration < 12:
        return _SILK_MS[configuration % 4]
    if configuration < 16:
        return _HYBRID_MS[configuration % 2]
    return _CELT_MS[configuration % 4]


def _opus_frames(packet: bytes) -> int:
    """How many frames a packet holds (RFC 6716 section 3.2)."""
    code = packet[0] & 0b11
    if code < 3:
        return (1, 2, 2)[code]
    if len(packet) < 2:
        raise ValueError("Opus packet of code 3 ends before its frame count")
    count = packet[1] & 0b0011_1111
    if count == 0:
        raise ValueError("Opus packet of code 3 announces no frame at all")
    return count


def opus_samples(packet: bytes, rate: int) -> int:
    """Duration of an Opus packet in samples at a rate.

    Reads the table-of-contents byte and, for code 3, the frame count (RFC 6716 sections 3.1 and
    3.2); the frames themselves are not looked at.

    Raises:
        ValueError: If the packet is empty, cannot be cut into frames, or lasts above 120 ms.
    """
    if not packet:
        raise ValueError("Opus packet is empty")
    count = _opus_frames(packet)
    milliseconds = count * _opus_frame_ms(packet[0])
    if milliseconds > MAX_FRAME_MS:
        raise ValueError(
            f"Opus packet lasts {milliseconds:g} ms ({count} frames), at most {MAX_FRAME_MS}"
        )
    if packet[0] & 0b11 == 1 and len(packet) % 2 == 0:
        raise ValueError(
            f"Opus packet of code 1 has {len(packet) - 1} bytes for two frames of equal size"
        )
    return round(milliseconds * rate / 1000)


def payload_samples(payload: bytes, audio: AudioFormat) -> int:
    """Duration of one frame's payload in samples at the rate of its stream.

    Raises:
        ValueError: If it is not a payload of this format: empty, half a sample, above 120 ms.
    """
    if audio.codec is Encoding.OPUS:
        return opus_samples(payload, audio.rate)
    width = 2 if audio.codec is Encoding.PCM_S16LE else 1
    samples, rest = divmod(len(payload), width)
    if rest:
        raise ValueError(f"PCM payload has {len(payload)} bytes, which is not whole samples")
    if not samples:
        raise ValueError("audio payload is empty")
    if samples * 1000 > MAX_FRAME_MS * audio.rate:
        raise ValueError(
            f"audio payload lasts {audio.milliseconds(samples):g} ms, at most {MAX_FRAME_MS}"
        )
    return samples
