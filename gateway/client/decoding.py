"""Payloads of the server's streams to samples that a loudspeaker can play.

PCM stays at its own rate. Opus and G.711 go through `pipeline.codecs.AudioDecoder`, which brings
them to 16 kHz; of G.711 its resampler holds up to 120 ms back, so that such a stream's audio (not
its positions, which are counted on the wire) comes that much late.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from pipeline.codecs import AudioDecoder
from protocol.audio import AudioFormat, Encoding

__all__ = ["StreamDecoder"]

Int16Audio: TypeAlias = npt.NDArray[np.int16]

_DECODED_RATE: Final = 16_000


class StreamDecoder:
    """Decodes one stream of the server.

    Attributes:
        format: What is on the wire.
        audio_rate: Hz of what `decode` returns.
    """

    def __init__(self, format: AudioFormat) -> None:
        self.format = format
        is_pcm = format.codec is Encoding.PCM_S16LE
        self._decoder = None if is_pcm else AudioDecoder(format)
        self.audio_rate = format.rate if is_pcm else _DECODED_RATE

    def decode(self, payload: bytes) -> tuple[Int16Audio, int]:
        """The samples of one payload that are ready, and its duration at the stream's rate.

        Raises:
            AudioError: The payload is malformed.
        """
        if self._decoder is None:
            whole = len(payload) - len(payload) % 2
            audio = np.frombuffer(payload[:whole], "<i2").astype(np.int16)
            return audio, len(audio)
        audio = self._decoder.decode(payload)
        if self.format.codec is Encoding.OPUS:
            return audio, len(audio) * self.format.rate // self.audio_rate
        return audio, len(payload)

    def samples(self, payload: bytes) -> int | None:
        """A payload's duration at the stream's rate; None where only decoding tells."""
        match self.format.codec:
            case Encoding.PCM_S16LE:
                return len(payload) // 2
            case Encoding.PCMU | Encoding.PCMA:
                return len(payload)
            case _:
                return None

    def flush(self) -> Int16Audio:
        """What was held back, at the end of the stream."""
        return np.zeros(0, np.int16) if self._decoder is None else self._decoder.flush()

    def close(self) -> None:
        """Free native state."""
        if self._decoder is not None:
            self._decoder.close()
