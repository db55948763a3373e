"""What the gate in front of Silero costs and saves: ``python -m benchmarks.voice_activity``.

Sixty utterances (`benchmarks.speech`), clean and in noise, at their own levels and 20 dB lower,
are judged by Silero behind the webrtcvad gate and by Silero alone. *Lost* are blocks that Silero
alone takes for speech (hysteresis of the endpointer) and that the gated one does not, and
utterances that only Silero alone reports; *late* is how much later the gated one finds an onset.
Blocks differ at the edges of speech, where a probability near the threshold depends on what Silero
heard seconds before: so *gained* are shown, too, and *shut* are lost blocks at which the gate was
closed. What counts is *unheard*: speech, in ms, that the recognizer gets from Silero alone and not
behind the gate, given the pre-roll before an utterance and the tail behind it that a final pass
reads (500 and 300 ms). It must be 0.

The second table is the processor time for a minute without speech, gated over ungated.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from benchmarks.speech import (
    NOISES,
    Conversation,
    Noise,
    Say,
    add_noise,
    conversations,
    flite_voices,
    noise,
    starter_voice,
)
from pipeline.detection import Block, SpeechDetector, Vad, speech_detector
from pipeline.endpointing import Endpointer, EndpointingSettings, SpeechBegan, SpeechEnded
from pipeline.engines import SAMPLE_RATE, Int16Audio, silero, webrtc_vad
from pipeline.recognition import RecognitionSettings

__all__ = ["Comparison", "Saving", "compare", "main", "save_in_silence"]

_QUIETER: Final = 0.1
_RUNS: Final = 5
_SETTINGS: Final = EndpointingSettings(silence_ms=500)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Gated against ungated, added up over conversations; the fields are the table's columns."""

    utterances: int = 0
    speech_blocks: int = 0
    lost_blocks: int = 0
    shut_blocks: int = 0
    gained_blocks: int = 0
    lost_utterances: int = 0
    unheard_ms: float = 0.0
    latest_onset_ms: float = 0.0
    judged: int = 0
    blocks: int = 0

    def __add__(self, other: Comparison) -> Comparison:
        """Both together."""
        latest = max(self.latest_onset_ms, other.latest_onset_ms)
        names = [entry.name for entry in dataclasses.fields(self)]
        sums = {name: getattr(self, name) + getattr(other, name) for name in names}
        return Comparison(**{**sums, "latest_onset_ms": latest})


@dataclass(frozen=True, slots=True)
class Saving:
    """Processor time for a minute without speech, in ms, and the judge's runs that were spared."""

    ungated_ms: float
    gated_ms: float
    spared: float

    @property
    def ratio(self) -> float:
        """Gated over ungated."""
        return self.gated_ms / self.ungated_ms


def compare(
    conversation: Conversation,
    audio: Int16Audio,
    judge: silero.SileroModel,
    gate: webrtc_vad.WebRtcModel,
) -> Comparison:
    """Judge one conversation's audio with and without the gate."""
    gated = speech_detector(Vad.SILERO, silero=judge, webrtc=gate)
    alone = SpeechDetector(judge.detector())
    behind, before = gated.feed(audio), alone.feed(audio)
    heard, expected = _is_speech(behind), _is_speech(before)
    lost = expected & ~heard
    shut = lost & np.array([block.probability == 0.0 for block in behind])
    utterances, references = _utterances(behind), _utterances(before)
    onsets, wanted = [onset for onset, _ in utterances], [onset for onset, _ in references]
    unheard = (
        conversation.speech_mask()
        & _covered(references, audio.size)
        & ~_covered(utterances, audio.size)
    )
    spans = [(turn.begin, turn.end) for turn in conversation.utterances]
    late = [
        _first_in(onsets, begin, end) - _first_in(wanted, begin, end)
        for begin, end in spans
        if _has(onsets, begin, end) and _has(wanted, begin, end)
    ]
    return Comparison(
        utterances=len(spans),
        speech_blocks=int(expected.sum()),
        lost_blocks=int(lost.sum()),
        shut_blocks=int(shut.sum()),
        gained_blocks=int((heard & ~expected).sum()),
        lost_utterances=sum(_has(wanted, *span) and not _has(onsets, *span) for span in spans),
        unheard_ms=float(unheard.sum()) * 1000 / SAMPLE_RATE,
        latest_onset_ms=max(late, default=0) * 1000 / SAMPLE_RATE,
        judged=gated.counts.judged,
        blocks=gated.counts.blocks,
    )


def _is_speech(blocks: Sequence[Block]) -> npt.NDArray[np.bool_]:
    speaking = False
    decisions = []
    for block in blocks:
        speaking = block.probability >= (_SETTINGS.off if speaking else _SETTINGS.threshold)
        decisions.append(speaking)
    return np.array(decisions)


def _utterances(blocks: Sequence[Block]) -> list[tuple[int, int]]:
    """Onset and end of each utterance that the endpointer reports."""
    endpointer = Endpointer(_SETTINGS)
    events = [event for block in blocks for event in endpointer.feed(block)]
    onsets = [event.onset for event in events if isinstance(event, SpeechBegan)]
    ends = [event.end for event in events if isinstance(event, SpeechEnded)]
    return list(zip(onsets, [*ends, blocks[-1].end], strict=False))


def _covered(utterances: Sequence[tuple[int, int]], samples: int) -> npt.NDArray[np.bool_]:
    """Per sample, whether a recognizer gets it."""
    mask = np.zeros(samples, np.bool_)
    before = _SETTINGS.prefix_ms * SAMPLE_RATE // 1000
    behind = round(RecognitionSettings().tail_seconds * SAMPLE_RATE)
    for onset, end in utterances:
        mask[max(onset - before, 0) : end + behind] = True
    return mask


# An onset may be found up to 300 ms before the first loud sample (a breath, a noise).
_EARLY: Final = 3 * SAMPLE_RATE // 10


def _has(onsets: Sequence[int], begin: int, end: int) -> bool:
    return any(begin - _EARLY <= onset < end for onset in onsets)


def _first_in(onsets: Sequence[int], begin: int, end: int) -> int:
    return next(onset for onset in onsets if begin - _EARLY <= onset < end)


def save_in_silence(
    audio: Int16Audio, judge: silero.SileroModel, gate: webrtc_vad.WebRtcModel
) -> Saving:
    """Time both on audio without speech; the fastest of five runs each, in 20 ms portions."""
    gated = [speech_detector(Vad.SILERO, silero=judge, webrtc=gate) for _ in range(_RUNS)]
    alone = [SpeechDetector(judge.detector()) for _ in range(_RUNS)]
    fast = min(_busy_ms(detector, audio) for detector in gated)
    slow = min(_busy_ms(detector, audio) for detector in alone)
    counts = gated[0].counts
    return Saving(slow, fast, counts.saved / counts.blocks)


def _busy_ms(detector: SpeechDetector, audio: Int16Audio) -> float:
    begin = time.process_time()
    for start in range(0, audio.size, 320):
        detector.feed(audio[start : start + 320])
    return (time.process_time() - begin) * 1000


def _conditions(spoken: Sequence[Conversation], say: Say) -> dict[str, list[Int16Audio]]:
    conditions = {
        "clean": [conversation.audio for conversation in spoken],
        "20 dB lower": [
            (conversation.audio * _QUIETER).astype(np.int16) for conversation in spoken
        ],
    }
    for disturbance in (Noise("white", 30), *NOISES):
        conditions[str(disturbance)] = [
            add_noise(conversation, disturbance, say, seed=seed)
            for seed, conversation in enumerate(spoken)
        ]
    return conditions


def _silences(say: Say) -> dict[str, Int16Audio]:
    minute = 60 * SAMPLE_RATE

    def at(kind: str, decibels: float) -> Int16Audio:
        track = noise(kind, minute, say, seed=0)
        track = track * (10 ** (decibels / 20) / np.sqrt((track**2).mean()))
        bounded: Int16Audio = np.clip(track * 32767, -32768, 32767).astype(np.int16)
        return bounded

    return {
        "digital silence": np.zeros(minute, np.int16),
        "white -60 dBFS": at("white", -60),
        "pink -60 dBFS": at("pink", -60),
        "pink -40 dBFS": at("pink", -40),
        "clicks -40 dBFS": at("clicks", -40),
        "hum -40 dBFS": at("hum", -40),
    }


def _speech_table(name: str, results: dict[str, Comparison]) -> Table:
    turns = next(iter(results.values())).utterances
    table = Table(title=f"{name}: {turns} utterances, Silero behind the gate against Silero alone")
    table.add_column("condition")
    for heading in (
        "speech",
        "lost",
        "shut",
        "gained",
        "utterances lost",
        "unheard",
        "late ms",
        "judged",
    ):
        table.add_column(heading, justify="right")
    for condition, found in results.items():
        blocks = (found.speech_blocks, found.lost_blocks, found.shut_blocks, found.gained_blocks)
        times = (f"{found.unheard_ms:.0f}", f"{found.latest_onset_ms:.0f}")
        cells = (*blocks, found.lost_utterances, *times)
        table.add_row(condition, *map(str, cells), f"{found.judged / found.blocks:.0%}")
    return table


def _silence_table(results: dict[str, Saving]) -> Table:
    table = Table(title="Processor time for a minute without speech")
    table.add_column("what sounds")
    for heading in ("Silero alone ms", "gated ms", "ratio", "runs spared"):
        table.add_column(heading, justify="right")
    for condition, saving in results.items():
        times = (f"{saving.ungated_ms:.0f}", f"{saving.gated_ms:.1f}", f"{saving.ratio:.2f}")
        table.add_row(condition, *times, f"{saving.spared:.0%}")
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; exit code 1 if the gate cost an utterance or a sample of speech."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.voice_activity", description=__doc__
    )
    parser.add_argument("--voices", choices=["starter", "all"], default="starter")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = parser.parse_args(arguments)
    judge, gate = silero.load(), webrtc_vad.load()
    starter = starter_voice()
    voices = {"starter": starter} | (flite_voices() if options.voices == "all" else {})
    console = Console(width=110)
    speech: dict[str, dict[str, Comparison]] = {}
    for name, say in voices.items():
        spoken = conversations(say)
        speech[name] = {
            condition: sum(
                (compare(c, audio, judge, gate) for c, audio in zip(spoken, heard, strict=True)),
                Comparison(),
            )
            for condition, heard in _conditions(spoken, say).items()
        }
        console.print(_speech_table(name, speech[name]))
    silence = {
        condition: save_in_silence(audio, judge, gate)
        for condition, audio in _silences(starter).items()
    }
    console.print(_silence_table(silence))
    if options.json is not None:
        figures = {
            "speech": {
                name: {condition: dataclasses.asdict(found) for condition, found in results.items()}
                for name, results in speech.items()
            },
            "silence": {name: dataclasses.asdict(saving) for name, saving in silence.items()},
        }
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    faults = [
        found
        for results in speech.values()
        for found in results.values()
        if found.unheard_ms or found.lost_utterances
    ]
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
