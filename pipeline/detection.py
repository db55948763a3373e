"""From microphone samples to scored blocks: Silero judges, webrtcvad spares it the silence.

Samples arrive in any portions. They are regrouped to the judge's block, and every block is scored
exactly once, in order. In front of an expensive judge stands a cheap gate: while it hears nothing,
blocks get probability 0 without the judge being asked. When it opens, the judge starts afresh
with the moments before, so that its memory is warm at the onset.

Nothing here waits, reads a clock or knows an engine's package.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np

from pipeline.engines import SAMPLE_RATE, Int16Audio, VoiceActivityDetector

__all__ = [
    "LINGER_MS",
    "LOOK_BACK_MS",
    "Block",
    "DetectorSource",
    "GateCounts",
    "GateSource",
    "SpeechDetector",
    "Vad",
    "speech_detector",
]

LOOK_BACK_MS = 320
"""How much the judge hears again when the gate opens: ten Silero blocks, 0.6 to 1.8 ms of work.
Starting afresh with them lost 0 or 1 block of 3600 to an ungated Silero, clean and in noise (10
with all of it 20 dB lower), and never any speech behind the pre-roll; going on with the old memory
lost 3 to 16 (``python -m benchmarks.voice_activity``)."""
LINGER_MS = 1000
"""How long gate and judge must both have been quiet before the gate closes. 500 ms lost up to 7
blocks of 3600, for a tenth more silence spared."""
JUDGE_QUIET_BELOW = 0.15
"""The judge is quiet below this probability."""


class Vad(StrEnum):
    """Which detector decides, as the configuration names it."""

    SILERO = "silero"
    WEBRTC = "webrtc"
    ENERGY = "energy"


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of the microphone's time line and how likely it holds speech.

    Attributes:
        start: Position of its first sample: 16 kHz samples since the session began.
        samples: Its length; the next block starts at ``start + samples``.
        probability: In [0, 1]; 0.0 where the gate was closed.
    """

    start: int
    samples: int
    probability: float

    @property
    def end(self) -> int:
        """Position after its last sample."""
        return self.start + self.samples


@dataclass(frozen=True, slots=True)
class GateCounts:
    """What the gate did so far, in blocks.

    Attributes:
        blocks: Blocks that were returned.
        judged: Runs of the judge, look-back included; without the gate, as many as ``blocks``.
        openings: How often the gate opened.
    """

    blocks: int
    judged: int
    openings: int

    @property
    def saved(self) -> int:
        """Runs of the judge that the gate has spared (negative if look-backs cost more)."""
        return self.blocks - self.judged


class DetectorSource(Protocol):
    """A loaded detector model: makes one detector per session."""

    def detector(self) -> VoiceActivityDetector:
        """A detector with a memory of its own."""


class GateSource(DetectorSource, Protocol):
    """A loaded detector model that can also stand in front of a better one."""

    def gate(self) -> VoiceActivityDetector:
        """An eager detector with a memory of its own."""


def speech_detector(
    vad: Vad,
    *,
    silero: DetectorSource | None,
    webrtc: GateSource,
    energy: DetectorSource | None = None,
) -> SpeechDetector:
    """The detector of one session, as configured.

    Args:
        vad: Who decides. `Vad.SILERO`: Silero, behind the webrtcvad gate.
        silero: Needed for `Vad.SILERO` only.
        webrtc: The gate, or the judge itself for `Vad.WEBRTC`.
        energy: Needed for `Vad.ENERGY` only.

    Raises:
        ValueError: If the detector that is to decide is None.
    """
    if vad is Vad.WEBRTC:
        return SpeechDetector(webrtc.detector())
    chosen = energy if vad is Vad.ENERGY else silero
    if chosen is None:
        raise ValueError(f'vad is "{vad}", but no such detector was given; load it first')
    return SpeechDetector(chosen.detector(), gate=webrtc.gate() if vad is Vad.SILERO else None)


class SpeechDetector:
    """Regroups one session's samples to blocks and scores them.

    Args:
        judge: Scores blocks of ``judge.block`` samples; its blocks are what `feed` returns.
        gate: Cheap and eager; hears the last ``gate.block`` samples of each of the judge's blocks
            (so it misses 2 ms of 32: both start and end at the same instant, and neither waits for
            the other). None: the judge hears everything.
        look_back_ms: What the judge hears again when the gate opens.
        linger_ms: Silence of both after which the gate closes.

    Raises:
        ValueError: If the gate's block is longer than the judge's.
    """

    def __init__(
        self,
        judge: VoiceActivityDetector,
        *,
        gate: VoiceActivityDetector | None = None,
        look_back_ms: int = LOOK_BACK_MS,
        linger_ms: int = LINGER_MS,
    ) -> None:
        if gate is not None and gate.block > judge.block:
            raise ValueError(
                f"the gate's block has {gate.block} samples, at most the judge's {judge.block} fit"
            )
        self._judge = judge
        self._gate = gate
        self._pending: Int16Audio = np.empty(0, np.int16)
        self._position = 0
        self._unheard: deque[Int16Audio] = deque(maxlen=_blocks(look_back_ms, judge.block))
        self._linger = linger_ms * SAMPLE_RATE // 1000
        self._quiet_since = 0
        self._is_open = gate is None
        self._blocks = self._judged = self._openings = 0

    @property
    def position(self) -> int:
        """Where the next block starts: 16 kHz samples since the session began."""
        return self._position

    @property
    def wanted(self) -> int:
        """Samples that complete the next block."""
        return self._judge.block - self._pending.size

    @property
    def counts(self) -> GateCounts:
        """How many runs of the judge the gate has spared."""
        return GateCounts(self._blocks, self._judged, self._openings)

    def feed(self, audio: Int16Audio) -> list[Block]:
        """Take the next samples and score the blocks that they complete.

        Args:
            audio: Shape (samples,), any length; what completes no block waits for the next call.

        Returns:
            Blocks in order, each starting where the last one ended.
        """
        size = self._judge.block
        samples = np.concatenate((self._pending, audio)) if self._pending.size else audio
        whole = samples.size - samples.size % size
        blocks = [self._score(samples[at : at + size]) for at in range(0, whole, size)]
        # A copy: the caller may reuse its buffer.
        self._pending = samples[whole:].copy()
        return blocks

    def reset(self) -> None:
        """Forget what was heard (a new microphone, a gap); positions go on."""
        self._judge.reset()
        self._unheard.clear()
        if self._gate is not None:
            self._gate.reset()
            self._is_open = False

    def _score(self, samples: Int16Audio) -> Block:
        start = self._position
        self._position += samples.size
        self._blocks += 1
        if self._gate is None:
            return Block(start, samples.size, self._ask(samples))
        heard = self._gate.probability(samples[-self._gate.block :]) > 0
        if heard and not self._is_open:
            self._open(start)
        if not self._is_open:
            self._unheard.append(samples.copy())
            return Block(start, samples.size, 0.0)
        probability = self._ask(samples)
        if heard or probability >= JUDGE_QUIET_BELOW:
            self._quiet_since = self._position
        elif self._position - self._quiet_since >= self._linger:
            self._is_open = False
        return Block(start, samples.size, probability)

    def _open(self, position: int) -> None:
        self._is_open = True
        self._openings += 1
        self._quiet_since = position
        # Its memory ends where the gate closed; to go on from there would join two rooms.
        self._judge.reset()
        for samples in self._unheard:
            self._ask(samples)
        self._unheard.clear()

    def _ask(self, samples: Int16Audio) -> float:
        self._judged += 1
        return self._judge.probability(samples)


def _blocks(milliseconds: int, block: int) -> int:
    return -(-milliseconds * SAMPLE_RATE // 1000 // block)
