"""What happens to speech on its way: noise, telephones, codecs, rooms, a lost beginning.

Independent of what a training does to its speech, so that the test is not the training's twin.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from pipeline.engines import SAMPLE_RATE, Float32Audio
from pipeline.g711 import decode_ulaw, encode_ulaw
from pipeline.libopus import OpusDecoder, OpusEncoder
from starter.evaluation.listening import as_captured

__all__ = ["beginning_cut", "in_room", "over_mu_law", "over_opus", "with_noise"]

_TELEPHONE: Final = 8_000
_OPUS_BITRATE: Final = 10_000
_FRAME_MS: Final = 20
_CUT: Final = 0.05
_SOUND: Final = 10 ** (-30 / 20)
"""A first sound is what reaches this part of the peak."""


def with_noise(sound: Float32Audio, noise: Float32Audio, ratio_db: float) -> Float32Audio:
    """Add noise of any level, so that speech is `ratio_db` above it, both as root mean square.

    Digital silence round the speech does not count as speech; the noise covers it, too.
    """
    level = _rms(sound[sound != 0]) / 10 ** (ratio_db / 20) / max(1e-9, _rms(noise))
    return sound + noise[: len(sound)] * np.float32(level)


def over_mu_law(sound: Float32Audio) -> Float32Audio:
    """Send it over a telephone line: G.711 µ-law at 8 kHz, and back at 16 kHz."""
    import soxr

    narrow = soxr.resample(sound, SAMPLE_RATE, _TELEPHONE)
    decoded = decode_ulaw(encode_ulaw(as_captured(narrow)))
    wide = soxr.resample(decoded.astype(np.float32) / np.float32(32768), _TELEPHONE, SAMPLE_RATE)
    track: Float32Audio = wide.astype(np.float32)[: len(sound)]
    return track


def over_opus(sound: Float32Audio) -> Float32Audio:
    """Encode and decode it as Opus for speech, 10 kb/s in frames of 20 ms."""
    with (
        OpusEncoder(SAMPLE_RATE, _FRAME_MS, bitrate=_OPUS_BITRATE) as encoder,
        OpusDecoder(SAMPLE_RATE) as decoder,
    ):
        size, late = encoder.frame_samples, encoder.lookahead
        frames = -(-(len(sound) + late) // size)
        padded = as_captured(np.pad(sound, (0, frames * size - len(sound))))
        decoded = [decoder.decode(encoder.encode(frame)) for frame in padded.reshape(-1, size)]
    track = np.concatenate(decoded).astype(np.float32) / np.float32(32768)
    return track[late : late + len(sound)]


def in_room(speech: Float32Audio, random: np.random.Generator) -> Float32Audio:
    """Let it sound in a room: reverberation of 0.2 to 0.5 s, 3 to 10 dB below the direct sound."""
    decay = random.uniform(0.2, 0.5)
    seconds = np.arange(round(decay * SAMPLE_RATE)) / SAMPLE_RATE
    tail = random.standard_normal(len(seconds)) * 10 ** (-3 * seconds / decay)
    tail[: round(random.uniform(0.002, 0.012) * SAMPLE_RATE)] = 0
    tail *= 10 ** (random.uniform(-10, -3) / 20) / np.sqrt(np.sum(tail**2))
    tail[0] = 1
    size = len(speech) + len(tail)
    wet = np.fft.irfft(np.fft.rfft(speech, size) * np.fft.rfft(tail, size), size)
    return wet.astype(np.float32)


def beginning_cut(speech: Float32Audio) -> Float32Audio:
    """Lose the beginning up to 50 ms into the first sound, as a late detection would."""
    loud = np.flatnonzero(np.abs(speech) > _SOUND * np.max(np.abs(speech)))
    return speech[loud[0] + round(_CUT * SAMPLE_RATE) :]


def _rms(sound: Float32Audio) -> float:
    return float(np.sqrt(np.mean(np.square(sound, dtype=np.float64))))
