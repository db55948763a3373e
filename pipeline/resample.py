"""Streaming sample-rate conversion with exact lengths."""

from __future__ import annotations

import numpy as np
import soxr

from pipeline.engines import Int16Audio
from pipeline.errors import AudioError

__all__ = ["Resampler", "resampled_length"]


def resampled_length(samples: int, source: int, target: int) -> int:
    """Samples that ``samples`` at ``source`` Hz become at ``target`` Hz, rounded."""
    return round(samples * target / source)


class Resampler:
    """Converts one mono stream from one rate to another.

    The first sample out stands for the first sample in: the filter's delay is taken out, so that
    positions can be scaled by the rates' ratio. To do so it holds samples back, which `flush`
    returns: 30 ms when the rate doubles, else up to 40 ms between 16 kHz and above, 80 ms from
    12 kHz, 120 ms down to 8 kHz, and half of these on average (libsoxr works in blocks). What came
    out until then, plus what `flush` returns, is exactly `resampled_length` of what went in.

    Args:
        source: Hz of the samples that go in.
        target: Hz of the samples that come out; if the same, samples pass through untouched.
    """

    def __init__(self, source: int, target: int) -> None:
        if source <= 0 or target <= 0:
            raise AudioError(f"cannot resample from {source} Hz to {target} Hz")
        self.source = source
        self.target = target
        self._stream = self._new_stream()
        self._taken = 0
        self._given = 0

    @property
    def held(self) -> int:
        """Samples, at the target rate, that `flush` would return now."""
        return resampled_length(self._taken, self.source, self.target) - self._given

    def process(self, audio: Int16Audio) -> Int16Audio:
        """Take the next samples and return those that are ready, possibly none.

        Where the rates are equal that is ``audio`` itself, not a copy.
        """
        if audio.dtype != np.int16 or audio.ndim != 1:
            raise AudioError(f"audio is {audio.dtype} {audio.shape}, expected int16 (samples,)")
        self._taken += len(audio)
        ready = audio if self._stream is None else self._convert(self._stream, audio)
        self._given += len(ready)
        return ready

    def flush(self) -> Int16Audio:
        """End the stream: return what was held back. A new stream may follow."""
        expected = self.held
        self._taken = self._given = 0
        if self._stream is None:
            return np.zeros(0, np.int16)
        rest = self._convert(self._stream, np.zeros(0, np.int16), last=True)
        self._stream = self._new_stream()
        return rest[:expected]  # libsoxr rounds halves up, and never comes out shorter

    @staticmethod
    def _convert(
        stream: soxr.ResampleStream, audio: Int16Audio, *, last: bool = False
    ) -> Int16Audio:
        # In floats: to int16, libsoxr adds dither from a seed of its own, and silence would hiss.
        out = stream.resample_chunk(audio.astype(np.float32), last=last)
        rounded: Int16Audio = np.clip(np.rint(out), -32768, 32767).astype(np.int16)
        return rounded

    def _new_stream(self) -> soxr.ResampleStream | None:
        if self.source == self.target:
            return None
        # The engine for variable rates needs no blocks: telephony (8 to 16 kHz) is heard 30 ms late
        # instead of up to 115. Only when doubling is its filter symmetric, so that nothing shifts.
        doubling = self.target == 2 * self.source
        return soxr.ResampleStream(
            self.source, self.target, 1, dtype="float32", quality="HQ", vr=doubling
        )
