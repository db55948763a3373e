"""Listens to the voice: by a recognizer of other people's making, and by Parley's own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from pipeline.engines import SAMPLE_RATE, Float32Audio, SpeakJob, piper
from pipeline.engines.thread import StopToken
from pipeline.errors import EngineError
from starter.errors import RecipeError
from starter.evaluation.bench import Bench
from starter.evaluation.figures import Figure, ratio, relative
from starter.evaluation.listening import Heard, listen, utterance
from starter.evaluation.rows import Row
from starter.evaluation.spoken import Wanted, speak_all, trimmed
from starter.evaluation.test_sets import spoken_answers
from starter.evaluation.wording import wrong_words
from starter.voice.intelligibility import transcriber

__all__ = ["measure"]

_STRANGER_ITEMS: Final = 200
_ITEMS: Final = 240
_REFERENCE: Final = "flite:slt"
"""The voice that Parley's own learnt from."""


def measure(row: Row, bench: Bench) -> Figure:
    """Measure a row about the voice.

    Raises:
        RecipeError: If a model or the reference voice is missing.
    """
    try:
        return _clear(row, bench) if row.key == "voice-clear" else _round_trip(row, bench)
    except EngineError as error:
        raise RecipeError(f"{row.title}: {error}") from error


def _clear(row: Row, bench: Bench) -> Figure:
    """Compare pocketsphinx' errors with those on the reference, sentence by sentence."""
    texts = spoken_answers(bench, _STRANGER_ITEMS)
    own = _heard_by_stranger(texts, list(_voiced(texts, bench)), bench, row.title)
    wanted = [Wanted(text, _REFERENCE) for text in texts]
    reference = [one.speech for one in speak_all(wanted, bench, f"speaking: {_REFERENCE}")]
    others = _heard_by_stranger(texts, reference, bench, f"{row.title}: {_REFERENCE}")
    (errors, sizes), (errors_of_other, _) = wrong_words(own), wrong_words(others)
    rates = [100 * sum(found) / sum(sizes) for found in (errors, errors_of_other)]
    note = f"{rates[0]:.1f} against {rates[1]:.1f} %"
    return relative(row, errors, errors_of_other, note=note)


def _round_trip(row: Row, bench: Bench) -> Figure:
    texts = spoken_answers(bench, _ITEMS)
    spoken = [
        utterance(text, speech) for text, speech in zip(texts, _voiced(texts, bench), strict=True)
    ]
    heard = listen(bench.models.recognizer, spoken, bench=bench, what=row.title)
    errors, sizes = wrong_words(heard)
    exact = sum(error == 0 for error in errors)
    return ratio(row, errors, sizes, times=100, note=f"{exact} of {len(heard)} without a fault")


def _voiced(texts: Sequence[str], bench: Bench) -> Iterator[Float32Audio]:
    """Yield what the product's voice says, at the recognizer's rate, without silence round it."""
    import soxr

    voice = piper.load(bench.models.voice)
    for text in bench.each("speaking: the voice", texts):
        parts = [part.audio for part in voice.speak(SpeakJob(text), stop=StopToken())]
        sound = np.concatenate([np.zeros(0, np.int16), *parts]).astype(np.float32)
        at_rate = soxr.resample(sound / np.float32(32768), voice.sample_rate, SAMPLE_RATE)
        yield trimmed(at_rate.astype(np.float32))


def _heard_by_stranger(
    texts: Sequence[str], sounds: Sequence[Float32Audio], bench: Bench, what: str
) -> list[Heard]:
    """Transcribe by pocketsphinx, which takes its time: what it heard is kept."""
    folder = bench.audio / "pocketsphinx"
    transcribe = transcriber()
    heard = []
    for text, sound in bench.each(what, list(zip(texts, sounds, strict=True))):
        place = folder / f"{hashlib.sha256(sound.tobytes()).hexdigest()[:32]}.txt"
        if not place.exists():
            _keep(place, transcribe(sound))
        heard.append(Heard(text, place.read_text(encoding="utf-8")))
    return heard


def _keep(place: Path, text: str) -> None:
    partial = place.with_suffix(".partial")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf-8")
        partial.replace(place)
    except OSError as error:
        raise RecipeError(
            f"{place} cannot be written: {error.strerror}; free some space"
        ) from error
