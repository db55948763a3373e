"""Voice activity by WebRTC's Gaussian mixture detector (the package webrtcvad-wheels).

It costs 2 to 3 us a block, hears onsets early and nearly every word, and takes steady noise, hum
and key clicks for speech: good as the gate in front of Silero, poor as the only judge of when
somebody has finished.
"""

from __future__ import annotations

from typing import Any

from pipeline.engines import SAMPLE_RATE, Int16Audio, VoiceActivityDetector
from pipeline.errors import EngineUnavailable

__all__ = ["BLOCKS", "WebRtcDetector", "WebRtcModel", "load"]

BLOCKS = (160, 320, 480)
"""Block sizes that WebRTC accepts at 16 kHz: 10, 20 and 30 ms."""


def load(aggressiveness: int = 2, *, block: int = 480) -> WebRtcModel:
    """Find the package; there is no model file.

    Args:
        aggressiveness: 0 (takes most for speech) to 3 (takes least), where it is the only judge.
        block: Samples per block, one of `BLOCKS`.

    Raises:
        EngineUnavailable: If the package is missing.
        ValueError: If an argument is out of range.
    """
    if aggressiveness not in range(4):
        raise ValueError(f"aggressiveness is {aggressiveness}, expected 0 to 3")
    if block not in BLOCKS:
        raise ValueError(f"block is {block} samples, expected one of {BLOCKS}")
    try:
        import webrtcvad
    except ImportError as error:
        raise EngineUnavailable(
            f"webrtcvad cannot be imported ({error}); pip install webrtcvad-wheels"
        ) from error
    return WebRtcModel(webrtcvad.Vad, aggressiveness, block)


class WebRtcModel:
    """Makes detectors of one kind; the counterpart of a loaded network."""

    __slots__ = ("_aggressiveness", "_block", "_make")

    def __init__(self, make: Any, aggressiveness: int, block: int) -> None:  # noqa: ANN401
        self._make = make
        self._aggressiveness = aggressiveness
        self._block = block

    def detector(self) -> VoiceActivityDetector:
        """A detector for one session that judges by itself, with a memory of its own."""
        return WebRtcDetector(self._make, self._aggressiveness, self._block)

    def gate(self) -> VoiceActivityDetector:
        """The most eager detector for one session, to stand in front of a better one.

        In silence it stays as shut as a stricter one (94 to 100 % of a minute at -60 and -40 dBFS);
        in pink noise at 5 dB it opens earlier (``python -m benchmarks.voice_activity``).
        """
        return WebRtcDetector(self._make, 0, self._block)


class WebRtcDetector:
    """One session's detector; its probabilities are 0.0 and 1.0."""

    __slots__ = ("_aggressiveness", "_block", "_make", "_vad")

    def __init__(self, make: Any, aggressiveness: int, block: int) -> None:  # noqa: ANN401
        self._make = make
        self._aggressiveness = aggressiveness
        self._block = block
        self.reset()

    @property
    def block(self) -> int:
        """Samples that one call takes: 160, 320 or 480."""
        return self._block

    def probability(self, block: Int16Audio) -> float:
        """1.0 where the block is taken for speech, else 0.0.

        Raises:
            ValueError: If the block has another number of samples than `block` says.
        """
        if block.shape != (self._block,):
            raise ValueError(f"block has shape {block.shape}, expected ({self._block},)")
        return float(self._vad.is_speech(block.tobytes(), SAMPLE_RATE))

    def reset(self) -> None:
        """Forget the past: the next block starts anew."""
        self._vad = self._make(self._aggressiveness)
