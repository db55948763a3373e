"""Test speech, spoken once and kept: a file for each text and voice in the work folder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from pipeline.engines import SAMPLE_RATE, Float32Audio, Int16Audio
from starter.errors import RecipeError
from starter.evaluation.bench import Bench
from starter.evaluation.listening import Utterance, as_captured, utterance
from starter.speech.speaker import NEUTRAL, Speech
from starter.speech.voices import speakers

__all__ = ["Spoken", "Wanted", "speak_all", "trimmed"]

_VERSION: Final = 1
"""To be raised when the same voice is asked to speak in another way."""
_BATCH: Final = 20
"""Sentences at a time: starting a synthesizer costs, and so does losing what it did."""
_AUDIBLE: Final = 10 ** (-50 / 20)
"""Of the peak."""
_LEVEL: Final = 0.1
_PEAK: Final = 0.95
"""All speech is brought to one root mean square, -20 dBFS: voices differ by 20 dB."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A text, and the name of the voice that shall speak it."""

    text: str
    voice: str


@dataclass(frozen=True, slots=True)
class Spoken:
    """A text as a voice spoke it, at 16 kHz, without the silence round it."""

    text: str
    voice: str
    speech: Float32Audio

    def utterance(self) -> Utterance:
        """Return it as a session hears it: with its pre-roll and tail of silence."""
        return utterance(self.text, self.speech)


def speak_all(wanted: Sequence[Wanted], bench: Bench, what: str = "speaking") -> list[Spoken]:
    """Return all as speech, in order; what is kept already is not spoken again.

    Raises:
        RecipeError: If a voice is not installed; the message names its package.
    """
    folder = bench.audio / "speech"
    missing = [one for one in dict.fromkeys(wanted) if not _place(folder, one).exists()]
    _speak(missing, folder, bench, what)
    return [Spoken(one.text, one.voice, _read(_place(folder, one))) for one in wanted]


def trimmed(sound: Float32Audio) -> Float32Audio:
    """Return what lies between the first and the last audible sample, brought to -20 dBFS."""
    peak = float(np.max(np.abs(sound), initial=0.0))
    if peak == 0:
        return sound[:0]
    loud = np.flatnonzero(np.abs(sound) > _AUDIBLE * peak)
    speech = sound[loud[0] : loud[-1] + 1]
    factor = _LEVEL / float(np.sqrt(np.mean(np.square(speech, dtype=np.float64))))
    return speech * np.float32(min(factor, _PEAK / peak))


def _speak(missing: Sequence[Wanted], folder: Path, bench: Bench, what: str) -> None:
    if not missing:
        return
    by_voice: dict[str, list[Wanted]] = {}
    for one in missing:
        by_voice.setdefault(one.voice, []).append(one)
    done = 0
    for speaker in speakers(by_voice):
        for batch in _batches(by_voice[speaker.name]):
            bench.report(what, done, len(missing))
            speeches = speaker.speak_all([(one.text, NEUTRAL) for one in batch])
            for one, speech in zip(batch, speeches, strict=True):
                _write(_place(folder, one), _captured(speech))
            done += len(batch)


def _batches(wanted: Sequence[Wanted]) -> Iterator[Sequence[Wanted]]:
    return (wanted[at : at + _BATCH] for at in range(0, len(wanted), _BATCH))


def _captured(speech: Speech) -> Int16Audio:
    import soxr

    at_rate = soxr.resample(speech.samples, speech.rate, SAMPLE_RATE)
    return as_captured(trimmed(at_rate.astype(np.float32)))


def _place(folder: Path, one: Wanted) -> Path:
    name = hashlib.sha256(f"{_VERSION}|{one.voice}|{one.text}".encode()).hexdigest()[:32]
    return folder / name[:2] / f"{name[2:]}.npy"


def _write(path: Path, speech: Int16Audio) -> None:
    partial = path.with_suffix(".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            np.save(file, speech)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        message = f"cannot keep test speech in {path.parent} ({error.strerror}); free some space"
        raise RecipeError(message) from error


def _read(path: Path) -> Float32Audio:
    speech: Float32Audio = np.load(path).astype(np.float32) / np.float32(32768)
    return speech
