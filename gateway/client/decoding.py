"""Payloads of the server's streams to samples, at the best rate that costs no delay.

`pipeline.codecs.AudioDecoder` serves recognition: everything comes out at 16 kHz, and a resampler
holds samples back. A loudspeaker wants what was sent, when it was sent: PCM stays at its own rate,
G.711 at 8 kHz, and only Opus is decoded there (to 16 kHz).
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pipeline import g711
from pipeline.codecs import AudioDecoder
from protocol.audio import AudioFormat, Encoding

__all__ = ["StreamDecoder"]

Int16Audio: TypeAlias = npt.NDArray[np.int16]

_OPUS_RATE = 16_000


class StreamDecoder:
    """Decodes one stream of the server.

    Attributes:
        format: What is on the wire.
        audio_rate: Hz of what `decode` returns.
    """

    def __init__(self, format: AudioFormat) -> None:
        self.format = format
        self._opus = AudioDecoder(format) if format.codec is Encoding.OPUS else None
        self.audio_rate = _OPUS_RATE if self._opus is not None else format.rate

    def decode(self, payload: bytes) -> tuple[Int16Audio, int]:
        """The samples of one payload, and its duration in samples at the stream's rate.

        Raises:
            AudioError: The payload is malformed.
        """
        audio = self._expand(payload)
        return audio, len(audio) * self.format.rate // self.audio_rate

    def _expand(self, payload: bytes) -> Int16Audio:
        if self._opus is not None:
            return self._opus.decode(payload)
        match self.format.codec:
            case Encoding.PCMU:
                return g711.decode_ulaw(payload)
            case Encoding.PCMA:
                return g711.decode_alaw(payload)
            case _:
                whole = len(payload) - len(payload) % 2
                return np.frombuffer(payload[:whole], "<i2").astype(np.int16)

    def close(self) -> None:
        """Free native state."""
        if self._opus is not None:
            self._opus.close()
