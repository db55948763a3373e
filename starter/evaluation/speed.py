"""Measures how fast recognizer and voice are on one core, as a ratio to real time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Final

import numpy as np

from pipeline.engines import (
    SAMPLE_RATE,
    Float32Audio,
    HypothesisKind,
    RecognitionJob,
    SpeakJob,
    StopSignal,
    faster_whisper,
    piper,
)
from pipeline.engines.thread import StopToken
from pipeline.errors import EngineError
from starter.errors import RecipeError
from starter.evaluation.bench import Bench
from starter.evaluation.figures import Figure, count
from starter.evaluation.rows import Row

__all__ = ["measure"]

_REPETITIONS: Final = 60
_SECONDS: Final = 3.0
_QUESTION: Final = "What is the capital of France?"
_TEXTS: Final = (
    "Good morning, how can I help you?",
    "The kitchen light is on now.",
    "Your timer is set for twenty five minutes.",
    "The capital of Portugal is Lisbon.",
    "I can tell the time, set timers, play music and answer simple questions.",
)


def measure(row: Row, bench: Bench) -> Figure:
    """Measure the recognizer's final of 3 s of speech, or the voice.

    Counted are CPU seconds of this process, whose engines have one thread: what else runs on the
    machine does not matter as much as it would for wall time.

    Raises:
        RecipeError: If the engine cannot be used.
    """
    try:
        if row.key == "speed-recognizer":
            return _recognizer(row, bench)
        return _voice(row, bench)
    except EngineError as error:
        raise RecipeError(f"{row.title}: {error}") from error


def _recognizer(row: Row, bench: Bench) -> Figure:
    recognizer = faster_whisper.load(bench.models.recognizer)
    recognizer.warm_up()
    speech, stop = _speech(bench), StopToken()

    def final() -> float:
        utterance = recognizer.utterance(language="en")
        utterance.recognize(RecognitionJob(speech, HypothesisKind.FINAL), stop=stop)
        return _SECONDS

    return _figure(row, bench, [final])


def _voice(row: Row, bench: Bench) -> Figure:
    voice = piper.load(bench.models.voice)
    voice.warm_up()

    def spoken(text: str) -> Callable[[], float]:
        return lambda: len(_said(voice, text, StopToken())) / voice.sample_rate

    return _figure(row, bench, [spoken(text) for text in _TEXTS])


def _figure(row: Row, bench: Bench, tasks: list[Callable[[], float]]) -> Figure:
    ratios = []
    repetitions = bench.items(_REPETITIONS)
    for number in bench.each(row.title, range(repetitions)):
        began = time.process_time()
        seconds = tasks[number % len(tasks)]()
        ratios.append((time.process_time() - began) / seconds)
    return count(row, statistics.median(ratios), repetitions)


def _speech(bench: Bench) -> Float32Audio:
    """A question of the domain, between silences that make it 3 s, at the recognizer's rate."""
    import soxr

    voice = piper.load(bench.models.voice)
    said = _said(voice, _QUESTION, StopToken()).astype(np.float32) / np.float32(32768)
    at_rate = soxr.resample(said, voice.sample_rate, SAMPLE_RATE)
    track = np.zeros(round(_SECONDS * SAMPLE_RATE), np.float32)
    track[SAMPLE_RATE // 2 :][: len(at_rate)] = at_rate[: len(track) - SAMPLE_RATE // 2]
    return track


def _said(
    voice: piper.PiperVoice, text: str, stop: StopSignal
) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return np.concatenate([part.audio for part in voice.speak(SpeakJob(text), stop=stop)])
