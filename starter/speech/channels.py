"""What a connection does to speech: telephone lines and codecs, as the product itself uses them."""

from __future__ import annotations

from typing import Final

import numpy as np
import soxr

from pipeline.engines import SAMPLE_RATE, Float32Audio, Int16Audio
from pipeline.g711 import decode_ulaw, encode_ulaw
from pipeline.libopus import OpusDecoder, OpusEncoder

__all__ = ["over_opus", "over_telephone"]

_TELEPHONE_RATE: Final = 8_000
_FRAME_MS: Final = 20


def over_telephone(audio: Float32Audio) -> Float32Audio:
    """Return what is left of speech after G.711 µ-law at 8 kHz; as long, at 16 kHz."""
    narrow = soxr.resample(audio, SAMPLE_RATE, _TELEPHONE_RATE)
    decoded = _to_float(decode_ulaw(encode_ulaw(_to_int16(narrow))))
    wide = soxr.resample(decoded, _TELEPHONE_RATE, SAMPLE_RATE)
    return _fitted(wide, len(audio))


def over_opus(audio: Float32Audio, bitrate: int) -> Float32Audio:
    """Return what is left of speech after Opus in frames of 20 ms; as long, and in its place.

    Args:
        audio: 16 kHz.
        bitrate: Bits per second.

    Raises:
        AudioError: If there is no libopus.
    """
    with OpusEncoder(SAMPLE_RATE, _FRAME_MS, bitrate=bitrate) as encoder:
        late, size = encoder.lookahead, encoder.frame_samples
        missing = -(len(audio) + late) % size
        frames = _to_int16(np.pad(audio, (0, late + missing))).reshape(-1, size)
        packets = [encoder.encode(frame) for frame in frames]
    with OpusDecoder(SAMPLE_RATE) as decoder:
        decoded = np.concatenate([decoder.decode(packet) for packet in packets])
    return _fitted(_to_float(decoded)[late:], len(audio))


def _to_int16(audio: Float32Audio) -> Int16Audio:
    return np.clip(np.rint(audio * 32768), -32768, 32767).astype(np.int16)


def _to_float(audio: Int16Audio) -> Float32Audio:
    return audio.astype(np.float32) / np.float32(32768)


def _fitted(audio: Float32Audio, samples: int) -> Float32Audio:
    return np.pad(audio, (0, max(0, samples - len(audio))))[:samples].astype(np.float32)
