"""G.711: eight bits per sample at 8 kHz, by table (ITU-T G.711, 11/1988).

Both laws cut the range into a sign, eight segments that double in size, and sixteen steps in each.
mu-law works on 14-bit magnitudes with a bias of 33 and inverts all bits; A-law works on 13-bit
magnitudes and inverts every other bit. The tables are scaled to 16-bit samples.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.engines import Int16Audio

__all__ = ["decode_alaw", "decode_ulaw", "encode_alaw", "encode_ulaw"]

_Int = npt.NDArray[np.int64]
_Codes = npt.NDArray[np.uint8]

_BIAS: Final = 33 << 2
_CLIP: Final = 32635  # the largest magnitude that, with its bias, stays below 2 ** 15
_EVEN_BITS: Final = 0x55


def decode_ulaw(payload: bytes) -> Int16Audio:
    """Expand mu-law octets (RTP's PCMU)."""
    return _FROM_ULAW[np.frombuffer(payload, np.uint8)]


def decode_alaw(payload: bytes) -> Int16Audio:
    """Expand A-law octets (RTP's PCMA)."""
    return _FROM_ALAW[np.frombuffer(payload, np.uint8)]


def encode_ulaw(audio: Int16Audio) -> bytes:
    """Compress to mu-law, one octet per sample."""
    return _TO_ULAW[_indices(audio)].tobytes()


def encode_alaw(audio: Int16Audio) -> bytes:
    """Compress to A-law, one octet per sample."""
    return _TO_ALAW[_indices(audio)].tobytes()


def _indices(audio: Int16Audio) -> npt.NDArray[np.uint16]:
    return np.ascontiguousarray(audio, np.int16).view(np.uint16)


def _expand_ulaw(codes: _Int) -> _Int:
    bits = codes ^ 0xFF
    segment, step = bits >> 4 & 7, bits & 15
    magnitude = (((step << 3) + _BIAS) << segment) - _BIAS
    return np.where(bits & 0x80, -magnitude, magnitude)


def _compress_ulaw(samples: _Int) -> _Int:
    magnitude = np.minimum(np.abs(samples), _CLIP) + _BIAS
    segment = _highest_bit(magnitude) - 7
    step = magnitude >> (segment + 3) & 15
    sign: _Int = np.where(samples < 0, 0x80, 0)
    return (sign | segment << 4 | step) ^ 0xFF


def _expand_alaw(codes: _Int) -> _Int:
    bits = codes ^ _EVEN_BITS
    segment, step = bits >> 4 & 7, bits & 15
    linear = (step << 4) + 8
    magnitude = np.where(segment == 0, linear, (linear + 256) << np.maximum(segment - 1, 0))
    return np.where(bits & 0x80, magnitude, -magnitude)


def _compress_alaw(samples: _Int) -> _Int:
    # A-law has no zero: -1 belongs to the first negative step, so negatives are complemented.
    magnitude = np.where(samples < 0, ~samples, samples)
    segment: _Int = np.maximum(_highest_bit(np.maximum(magnitude, 1)) - 7, 0)
    step: _Int = magnitude >> (np.maximum(segment, 1) + 3) & 15
    sign: _Int = np.where(samples < 0, 0, 0x80)
    return (sign | segment << 4 | step) ^ _EVEN_BITS


def _highest_bit(values: _Int) -> _Int:
    _, exponents = np.frexp(values.astype(np.float64))
    return (exponents - 1).astype(np.int64)


_ALL_CODES: Final = np.arange(256)
_ALL_SAMPLES: Final = np.arange(1 << 16).astype(np.uint16).view(np.int16).astype(np.int64)
_FROM_ULAW: Final[Int16Audio] = _expand_ulaw(_ALL_CODES).astype(np.int16)
_FROM_ALAW: Final[Int16Audio] = _expand_alaw(_ALL_CODES).astype(np.int16)
_TO_ULAW: Final[_Codes] = _compress_ulaw(_ALL_SAMPLES).astype(np.uint8)
_TO_ALAW: Final[_Codes] = _compress_alaw(_ALL_SAMPLES).astype(np.uint8)
