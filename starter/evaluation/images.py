"""Draws the spectrogram of a sound as a PNG file, with numpy alone."""

from __future__ import annotations

import struct
import zlib
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from pipeline.engines import Float32Audio

__all__ = ["png", "spectrogram"]

_Grey: TypeAlias = npt.NDArray[np.uint8]

_WINDOW_S: Final = 0.02
_STEP_S: Final = 0.004
_ROWS: Final = 256
_RANGE_DB: Final = 70.0


def spectrogram(sound: Float32Audio, rate: int) -> _Grey:
    """Return the sound's spectrogram: time to the right, 0 Hz at the bottom, dark is loud.

    Args:
        sound: Mono, longer than 20 ms.
        rate: Hz; the picture reaches up to half of it.

    Returns:
        Shape (256, a column for every 4 ms); 255 is 70 dB below the loudest place, or less.
    """
    width, step = round(_WINDOW_S * rate), round(_STEP_S * rate)
    frames = np.lib.stride_tricks.sliding_window_view(sound, width)[::step] * np.hanning(width)
    power = np.abs(np.fft.rfft(frames, 2 * _ROWS)[:, :_ROWS]) ** 2
    level = 10 * np.log10(np.maximum(power, 1e-12))
    shade = np.clip((level.max() - level) / _RANGE_DB, 0, 1)
    image: _Grey = np.rint(255 * shade).astype(np.uint8).T[::-1]
    return image


def png(image: _Grey) -> bytes:
    """Write a grey image, shape (rows, columns), as a PNG file (RFC 2083)."""
    rows, columns = image.shape
    header = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    lines = b"".join(b"\0" + row.tobytes() for row in np.ascontiguousarray(image))
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(lines, 9))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
