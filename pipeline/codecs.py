"""Payloads to 16 kHz samples, and samples to payloads.

A decoder serves one stream of a client, an encoder one stream of a server (or the reverse in the
client library). Both may be used again after `flush`, as if new; neither is safe for two threads
at once. Decoding takes about 1 ms per second of audio, and encoding Opus 5 to 12 ms: on an event
loop, give an encoder at most 100 ms of audio at a time. (``python -m benchmarks.codecs`` measures.)

Opus decodes straight to 16 kHz whatever the stream's rate, which is only the unit of its
positions. PCM and G.711 of other rates are resampled, which holds samples back until `flush` (see
`pipeline.resample`): positions stay right, because the first sample out stands for the first in.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol, Self, assert_never

import numpy as np

from pipeline import g711, libopus
from pipeline.engines import SAMPLE_RATE, Int16Audio
from pipeline.errors import AudioError
from pipeline.resample import Resampler, resampled_length
from protocol.audio import RATES, AudioFormat, Encoding

__all__ = ["AudioDecoder", "AudioEncoder", "EncodedFrame"]

_MAX_FRAME_MS: Final = 120
_MIN_FRAME_MS: Final = 2.5
_G711_RATE: Final = 8000
_OPUS_BITRATE: Final = 24_000
_CONCEALED_MS: Final = 100
_LITTLE_ENDIAN: Final = np.dtype("<i2")
"""Longer gaps are silent after this: what Opus invents has faded out by then."""


class EncodedFrame(NamedTuple):
    """One payload, ready to be sent.

    Attributes:
        payload: Exactly one Opus packet, PCM s16le, or G.711 octets.
        samples: Its duration on the wire at the format's rate, padding included: what the next
            frame's pts is ahead of this one's.
    """

    payload: bytes
    samples: int


# -- decoding -----------------------------------------------------------------------------------


class _Expander(Protocol):
    """Turns the payloads of one encoding into 16 kHz audio."""

    def decode(self, payload: bytes) -> Int16Audio: ...
    def fill(self, samples: int) -> Int16Audio: ...
    def flush(self) -> Int16Audio: ...
    def close(self) -> None: ...


class AudioDecoder:
    """Decodes one stream to int16 mono at 16 kHz.

    Args:
        format: The stream's format; its ``frame_ms`` is how long an empty DTX frame lasts.

    Raises:
        AudioError: If the format cannot be decoded: G.711 at another rate than 8000, Opus without
            libopus.
    """

    def __init__(self, format: AudioFormat) -> None:
        _check(format)
        self.format = format
        self._expander: _Expander = (
            _OpusExpander(format.rate) if format.codec is Encoding.OPUS else _PlainExpander(format)
        )

    def decode(self, payload: bytes, *, dtx: bool = False) -> Int16Audio:
        """Decode one frame.

        An empty payload stands for one ``frame_ms`` in which nothing was sent: comfort noise in
        Opus, silence elsewhere. (An END frame without payload has no samples: do not decode it.)

        Args:
            payload: The frame's payload; at most 120 ms.
            dtx: The frame's DTX flag; says nothing that an empty or tiny payload does not.

        Returns:
            Shape (samples,); where a resampler is at work, what is ready, possibly nothing.

        Raises:
            AudioError: If the payload is malformed or too long; the stream goes on as if it had
                not come.
        """
        if not payload:
            return self.insert_silence(self.format.frame_samples)
        return self._expander.decode(payload)

    def insert_silence(self, samples: int) -> Int16Audio:
        """Fill a gap of the time line.

        Opus conceals up to 100 ms of it; the rest, and all of it elsewhere, is silence.

        Args:
            samples: Length at the stream's rate. Over many gaps, roundings to 16 kHz cancel out.
        """
        if samples < 0:
            raise ValueError(f"cannot insert {samples} samples")
        return self._expander.fill(samples)

    def flush(self) -> Int16Audio:
        """End the stream and return what the resampler held back; the next stream may follow."""
        return self._expander.flush()

    def close(self) -> None:
        """Free native state early; may be called twice. Nothing may be decoded afterwards."""
        self._expander.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class _OpusExpander:
    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._decoder = libopus.OpusDecoder(SAMPLE_RATE)
        self._gaps = 0  # in the stream's samples
        self._filled = 0  # in ours

    def decode(self, payload: bytes) -> Int16Audio:
        return self._decoder.decode(payload)

    def fill(self, samples: int) -> Int16Audio:
        self._gaps += samples
        length = resampled_length(self._gaps, self._rate, SAMPLE_RATE) - self._filled
        self._filled += length
        concealed = self._conceal(min(length, SAMPLE_RATE * _CONCEALED_MS // 1000))
        return np.concatenate((concealed, np.zeros(length - len(concealed), np.int16)))

    def _conceal(self, samples: int) -> Int16Audio:
        whole = samples - samples % (SAMPLE_RATE // 400)  # libopus thinks in steps of 2.5 ms
        return self._decoder.conceal(whole) if whole else np.zeros(0, np.int16)

    def flush(self) -> Int16Audio:
        self._decoder.reset()
        self._gaps = self._filled = 0
        return np.zeros(0, np.int16)

    def close(self) -> None:
        self._decoder.close()


class _PlainExpander:
    """PCM and G.711: every sample stands for itself."""

    def __init__(self, format: AudioFormat) -> None:
        self._format = format
        self._resampler = Resampler(format.rate, SAMPLE_RATE)
        self._width = _bytes_per_sample(format.codec)
        self._longest = format.samples(_MAX_FRAME_MS) * self._width

    def decode(self, payload: bytes) -> Int16Audio:
        self._check_length(payload)
        return self._resampler.process(self._expand(payload))

    def _check_length(self, payload: bytes) -> None:
        codec = self._format.codec
        if len(payload) % self._width:
            raise AudioError(f"{codec} payload has {len(payload)} bytes, expected whole samples")
        if len(payload) > self._longest:
            raise AudioError(
                f"{codec} payload has {len(payload)} bytes, at most {self._longest} fit in "
                f"{_MAX_FRAME_MS} ms at {self._format.rate} Hz; send shorter frames"
            )

    def _expand(self, payload: bytes) -> Int16Audio:
        match self._format.codec:
            case Encoding.PCM_S16LE:
                return np.frombuffer(payload, _LITTLE_ENDIAN).astype(np.int16, copy=False)
            case Encoding.PCMU:
                return g711.decode_ulaw(payload)
            case Encoding.PCMA:
                return g711.decode_alaw(payload)
            case Encoding.OPUS:
                raise AssertionError("Opus has an expander of its own")
            case _ as unreachable:
                assert_never(unreachable)

    def fill(self, samples: int) -> Int16Audio:
        return self._resampler.process(np.zeros(samples, np.int16))

    def flush(self) -> Int16Audio:
        return self._resampler.flush()

    def close(self) -> None:
        pass


# -- encoding -----------------------------------------------------------------------------------


class AudioEncoder:
    """Cuts int16 mono audio into frames of one format.

    Args:
        format: What the frames are to be. Opus has frames of 2.5, 5, 10, 20, 40, 60, 80, 100 and
            120 ms only; another ``frame_ms`` gives the next shorter ones.
        source_rate: Hz of the audio that `encode` gets; resampled to the format's where it differs.
        max_payload: Bytes that a payload may have; frames are shortened until theirs fits.
            ``frame_samples`` tells what became of it.

    Raises:
        AudioError: If such frames cannot be made: G.711 at another rate than 8000, frames outside
            2.5 to 120 ms, no room for a single sample (Opus: 2.5 ms), Opus without libopus.
    """

    def __init__(
        self,
        format: AudioFormat,
        *,
        source_rate: int,
        max_payload: int = 4080,
    ) -> None:
        _check(format)
        self.format = format
        self.source_rate = source_rate
        self._resampler = Resampler(source_rate, format.rate)
        self._compressor: _Compressor = (
            _OpusCompressor(format, max_payload)
            if format.codec is Encoding.OPUS
            else _PlainCompressor(format, max_payload)
        )
        self._pending: Int16Audio = np.zeros(0, np.int16)

    @property
    def frame_samples(self) -> int:
        """Samples in every frame, at the format's rate."""
        return self._compressor.frame_samples

    def encode(self, audio: Int16Audio) -> list[EncodedFrame]:
        """Take the next samples, shape (samples,) at the source rate; return the frames filled."""
        return self._cut(self._resampler.process(audio))

    def flush(self) -> list[EncodedFrame]:
        """End the stream: return the rest, its last frame padded with silence; none if no rest.

        Altogether `resampled_length` samples have then been sent, plus that padding. Opus lags by
        6.5 ms, so as much of the end goes unheard where the padding is shorter: end in silence.
        The next stream may follow, with a receiver that starts anew.
        """
        frames = self._cut(self._resampler.flush())
        if len(self._pending):
            padding = self.frame_samples - len(self._pending)
            frames += self._cut(np.zeros(padding, np.int16))
        self._compressor.reset()
        return frames

    def _cut(self, audio: Int16Audio) -> list[EncodedFrame]:
        size = self.frame_samples
        waiting = np.concatenate((self._pending, audio))
        whole = len(waiting) - len(waiting) % size
        self._pending = waiting[whole:]
        frames = waiting[:whole].reshape(-1, size)
        return [EncodedFrame(self._compressor.encode(frame), size) for frame in frames]

    def close(self) -> None:
        """Free native state early; may be called twice. Nothing may be encoded afterwards."""
        self._compressor.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class _Compressor(Protocol):
    """Turns frames of one fixed size into payloads."""

    @property
    def frame_samples(self) -> int: ...
    def encode(self, frame: Int16Audio) -> bytes: ...
    def reset(self) -> None: ...
    def close(self) -> None: ...


class _OpusCompressor:
    def __init__(self, format: AudioFormat, max_payload: int) -> None:
        durations = [
            ms
            for ms in libopus.FRAME_MS
            if ms <= format.frame_ms and ms * _OPUS_BITRATE / 8000 <= max_payload
        ]
        if not durations:
            raise AudioError(
                f"an Opus payload may have {max_payload} bytes, which is not enough for "
                f"{libopus.FRAME_MS[0]} ms at {_OPUS_BITRATE} bit/s; raise max_binary"
            )
        self._encoder = libopus.OpusEncoder(format.rate, durations[-1], bitrate=_OPUS_BITRATE)
        self._max_payload = min(max_payload, libopus.MAX_PACKET_BYTES)
        self.frame_samples = self._encoder.frame_samples

    def encode(self, frame: Int16Audio) -> bytes:
        return self._encoder.encode(frame, self._max_payload)

    def reset(self) -> None:
        self._encoder.reset()

    def close(self) -> None:
        self._encoder.close()


class _PlainCompressor:
    def __init__(self, format: AudioFormat, max_payload: int) -> None:
        room = max_payload // _bytes_per_sample(format.codec)
        if room < 1:
            raise AudioError(f"a payload of {max_payload} bytes holds no sample; raise max_binary")
        self._codec = format.codec
        self.frame_samples = min(format.frame_samples, room)

    def encode(self, frame: Int16Audio) -> bytes:
        match self._codec:
            case Encoding.PCM_S16LE:
                return frame.astype(_LITTLE_ENDIAN, copy=False).tobytes()
            case Encoding.PCMU:
                return g711.encode_ulaw(frame)
            case Encoding.PCMA:
                return g711.encode_alaw(frame)
            case Encoding.OPUS:
                raise AssertionError("Opus has a compressor of its own")
            case _ as unreachable:
                assert_never(unreachable)

    def reset(self) -> None:
        pass

    def close(self) -> None:
        pass


def _check(format: AudioFormat) -> None:
    if format.rate not in RATES:
        raise AudioError(f"audio at {format.rate} Hz, expected one of {RATES}")
    if format.codec in (Encoding.PCMU, Encoding.PCMA) and format.rate != _G711_RATE:
        raise AudioError(f"{format.codec} at {format.rate} Hz, expected {_G711_RATE}")
    if not _MIN_FRAME_MS <= format.frame_ms <= _MAX_FRAME_MS:
        raise AudioError(
            f"frames of {format.frame_ms:g} ms, expected {_MIN_FRAME_MS} to {_MAX_FRAME_MS}"
        )


def _bytes_per_sample(codec: Encoding) -> int:
    return 2 if codec is Encoding.PCM_S16LE else 1
