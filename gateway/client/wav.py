"""WAV files in and out: PCM of 8 to 32 bits, 8 to 48 kHz, brought to mono 16-bit samples.

The layout is that of Microsoft's Multimedia Data Standards Update of 1994 (WAVE_FORMAT_PCM) and
of WAVE_FORMAT_EXTENSIBLE (2001), whose sub-format's first two octets are the plain format's tag.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from gateway.client.errors import WavError

__all__ = ["Recording", "read_wav", "write_wav"]

_PCM: Final = 0x0001
_EXTENSIBLE: Final = 0xFFFE
_MAX_BYTES: Final = 256 * 1024 * 1024

Int16Audio = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Recording:
    """Mono audio of a file.

    Attributes:
        samples: Shape (samples,).
        rate: Hz.
    """

    samples: Int16Audio
    rate: int

    @property
    def seconds(self) -> float:
        """Duration."""
        return len(self.samples) / self.rate

    def speech(self, *, threshold_db: float = -50.0) -> tuple[int, int]:
        """The first sample above a level, and one past the last; (0, 0) where all is silence.

        Args:
            threshold_db: dBFS of a single sample.
        """
        loud = np.flatnonzero(np.abs(self.samples.astype(np.int32)) > _amplitude(threshold_db))
        return (int(loud[0]), int(loud[-1]) + 1) if len(loud) else (0, 0)

    def rms_db(self) -> float:
        """Root mean square in dBFS; -inf of silence, or of nothing."""
        power = float(np.mean(np.square(self.samples / 32768.0))) if len(self.samples) else 0.0
        return 10 * float(np.log10(power)) if power else float("-inf")


def read_wav(path: Path) -> Recording:
    """Read a PCM WAV; more channels are averaged.

    Raises:
        WavError: The file is missing, is no WAV, is not PCM, has an odd rate, or holds nothing.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise WavError(f"{path} is larger than 256 MiB; cut it into shorter recordings")
        content = path.read_bytes()
    except OSError as error:
        raise WavError(f"cannot read {path}: {error.strerror or error}") from error
    return _parse(path, content)


def write_wav(path: Path, samples: Int16Audio, rate: int) -> None:
    """Write mono 16-bit PCM; makes the folder.

    Raises:
        WavError: The file cannot be written.
    """
    payload = samples.astype("<i2").tobytes()
    header = struct.pack("<4sI4s", b"RIFF", 36 + len(payload), b"WAVE")
    layout = struct.pack("<4sIHHIIHH", b"fmt ", 16, _PCM, 1, rate, rate * 2, 2, 16)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(header + layout + struct.pack("<4sI", b"data", len(payload)) + payload)
    except OSError as error:
        raise WavError(f"cannot write {path}: {error.strerror or error}") from error


def _amplitude(decibels: float) -> float:
    return float(32768.0 * 10.0 ** (decibels / 20))


def _parse(path: Path, content: bytes) -> Recording:
    if len(content) < 12 or content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise WavError(f"{path} is not a WAV file; convert it to 16-bit PCM WAV first")
    layout = b""
    for name, body in _chunks(content):
        if name == b"fmt ":
            layout = body
        elif name == b"data" and len(layout) >= 16:
            return _decode(path, layout, body)
    raise WavError(f"{path} is cut off: a WAV needs a 'fmt ' chunk and a 'data' chunk")


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    offset = 12
    while offset + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, offset)
        # A program that streams writes 0 or 0xFFFFFFFF as the size: all that follows is audio.
        if name == b"data" and size == 0:
            size = len(content)
        yield name, content[offset + 8 : offset + 8 + size]
        offset += 8 + size + size % 2


def _decode(path: Path, layout: bytes, body: bytes) -> Recording:
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", layout)
    if tag == _EXTENSIBLE and len(layout) >= 26:
        (tag,) = struct.unpack_from("<H", layout, 24)
    if tag != _PCM or bits not in (8, 16, 24, 32):
        raise WavError(
            f"{path} holds format {tag:#06x} of {bits} bits; expected PCM of 8 to 32 bits"
        )
    if not 8000 <= rate <= 48000:
        raise WavError(f"{path} has {rate} Hz; expected 8000 to 48000 Hz")
    if channels < 1:
        raise WavError(f"{path} says that it has no channels; expected mono or stereo")
    width = bits // 8 * channels
    samples = _samples(body[: len(body) // width * width], bits)
    if not len(samples):
        raise WavError(f"{path} holds no samples; record something first")
    mono = samples.reshape(-1, channels).mean(axis=1) if channels > 1 else samples
    return Recording(np.clip(np.rint(mono), -32768, 32767).astype(np.int16), rate)


def _samples(body: bytes, bits: int) -> npt.NDArray[np.float64]:
    if bits == 8:
        return (np.frombuffer(body, np.uint8).astype(np.float64) - 128) * 256
    if bits == 16:
        return np.frombuffer(body, "<i2").astype(np.float64)
    if bits == 32:
        return np.frombuffer(body, "<i4").astype(np.float64) / 65536
    octets = np.frombuffer(body, np.uint8).reshape(-1, 3)
    high = octets[:, 2].astype(np.int8).astype(np.float64)
    return high * 256 + octets[:, 1] + octets[:, 0] / 256
