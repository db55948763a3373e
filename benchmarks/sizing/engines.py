"""Measures the engines of a profile, one after the other, in this process."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Final

import numpy as np

from benchmarks.micro.operations import operations
from benchmarks.sizing.measured import (
    DetectorCost,
    LanguageModelCost,
    RecognizerCost,
    VoiceCost,
)
from gateway.client.demo import bundled
from gateway.client.microphone import resample
from pipeline.engines import (
    SAMPLE_RATE,
    Float32Audio,
    HypothesisKind,
    LanguageModel,
    Message,
    Prompt,
    RecognitionJob,
    Recognizer,
    SpeakJob,
    Voice,
)
from pipeline.engines.thread import StopToken
from pipeline.recognition import RecognitionSettings

__all__ = ["Place", "measure_detector", "measure_language_model", "measure_recognizer",
           "measure_voice"]  # fmt: skip

_UTTERANCES: Final = ("capital", "name", "sum", "sky", "story")
_INSTRUCTIONS: Final = "You are a friendly voice assistant. Keep your answers short."
_QUESTIONS: Final = (
    "What is the capital of France?",
    "Tell me a story.",
    "What is your name?",
    "Count from one to twenty.",
    "What can you do?",
)
_MOST_TOKENS: Final = 60
_SENTENCES: Final = (
    "The weather in {} will be sunny for most of the day today.",
    "Well, {} is a good place for a long walk along the river.",
)
_PLACES: Final = ("Paris", "London", "Rome", "Berlin", "Oslo", "Madrid", "Vienna", "Lisbon")


@dataclass(frozen=True, slots=True)
class Place:
    """Where an engine runs.

    Attributes:
        model: Id of what it runs.
        device: "cpu", "cuda", or what was asked for.
        workers: Jobs that it does at the same time.
    """

    model: str
    device: str
    workers: int = 1


@dataclass(slots=True)
class _Clock:
    """Adds up time, and the processor time of all threads, over many stretches."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    _began: tuple[float, float] = (0.0, 0.0)

    def __enter__(self) -> None:
        self._began = time.perf_counter(), time.process_time()

    def __exit__(self, *_: object) -> None:
        wall, cpu = self._began
        self.cpu.append(time.process_time() - cpu)
        self.wall.append(time.perf_counter() - wall)


def measure_recognizer(
    recognizer: Recognizer, place: Place, *, language: str | None, rounds: int
) -> RecognizerCost:
    """Read bundled questions as a session does: partials while they grow, then the final.

    A busy server leaves partials out, so that this is the most that they can take.

    Args:
        recognizer: Loaded and warm.
        place: Where it runs.
        language: BCP 47 primary tag, or None to detect it.
        rounds: How often each question is read.
    """
    spoken = [_samples(name) for name in _UTTERANCES] * rounds
    partials, finals = _Clock(), _Clock()
    for audio in spoken:
        utterance = recognizer.utterance(language=language)
        for end in _partial_ends(len(audio)):
            with partials:
                job = RecognitionJob(audio[:end], HypothesisKind.PARTIAL)
                utterance.recognize(job, stop=StopToken())
        with finals:
            utterance.recognize(RecognitionJob(audio, HypothesisKind.FINAL), stop=StopToken())
    seconds = sum(map(len, spoken)) / SAMPLE_RATE
    return RecognizerCost(
        place.model,
        place.device,
        place.workers,
        partials_s=sum(partials.wall) / seconds,
        partials_cpu_s=sum(partials.cpu) / seconds,
        final_s=fmean(finals.wall),
        final_cpu_s=fmean(finals.cpu),
        utterance_s=seconds / len(spoken),
    )


def _samples(name: str) -> Float32Audio:
    recording = bundled(name)
    samples = resample(recording.samples, recording.rate, SAMPLE_RATE)
    return (samples / np.float32(32768)).astype(np.float32)


def _partial_ends(samples: int) -> Iterator[int]:
    """Where partials are read, in samples, if none is left out."""
    settings = RecognitionSettings()
    end = settings.first_partial_seconds
    while end * SAMPLE_RATE < samples:
        yield round(end * SAMPLE_RATE)
        end += settings.partial_seconds


def measure_language_model(model: LanguageModel, place: Place, *, rounds: int) -> LanguageModelCost:
    """Hold conversations of five questions.

    The first question, at which the instructions are read, is left out of the time to the first
    token.

    Args:
        model: Loaded and warm, on this thread.
        place: Where it runs.
        rounds: Conversations.
    """
    first, rest = _Clock(), _Clock()
    tokens = characters = 0
    for _ in range(rounds):
        session = model.open()
        talk = [Message("system", _INSTRUCTIONS)]
        for number, question in enumerate(_QUESTIONS):
            talk.append(Message("user", question))
            pieces = session.generate(Prompt(talk, max_tokens=_MOST_TOKENS), stop=StopToken())
            with first if number else _Clock():
                text = next(pieces).text
            generated = 0
            with rest:
                for piece in pieces:
                    text += piece.text
                    generated = piece.usage.generated if piece.usage else generated
            tokens, characters = tokens + generated, characters + len(text)
            talk.append(Message("assistant", text))
        session.close()
    further = max(1, tokens - rounds * len(_QUESTIONS))
    return LanguageModelCost(
        place.model,
        place.device,
        first_token_s=fmean(first.wall),
        first_token_cpu_s=fmean(first.cpu),
        token_s=sum(rest.wall) / further,
        token_cpu_s=sum(rest.cpu) / further,
        characters_per_token=characters / max(1, tokens),
    )


def measure_voice(voice: Voice, place: Place, *, rounds: int) -> VoiceCost:
    """Speak sentences, none twice.

    Args:
        voice: Loaded and warm.
        place: Where it runs.
        rounds: How many places each sentence names, at most 8.
    """
    clock, firsts, seconds = _Clock(), _Clock(), 0.0
    texts = [sentence.format(name) for name in _PLACES[:rounds] for sentence in _SENTENCES]
    for text in texts:
        with clock:
            stretches = voice.speak(SpeakJob(text), stop=StopToken())
            with firsts:
                samples = len(next(iter(stretches)).audio)
            samples += sum(len(each.audio) for each in stretches)
        seconds += samples / voice.sample_rate
    return VoiceCost(
        place.model,
        place.device,
        place.workers,
        real_time=sum(clock.wall) / seconds,
        real_time_cpu=sum(clock.cpu) / seconds,
        first_audio_s=fmean(firsts.wall),
        characters_per_s=sum(map(len, texts)) / seconds,
    )


def measure_detector(*, rounds: int) -> DetectorCost:
    """Judge synthetic speech, and silence, frame by frame of 20 ms."""
    found: dict[str, float] = {}
    for operation in operations():
        kind = operation.name.partition("20 ms of ")[2]
        if operation.name.startswith("voice activity") and kind:
            found[kind] = _per_second(operation.work, operation.times, rounds)
    return DetectorCost(speech=found["speech"], silence=found["silence"])


def _per_second(work: object, times: int, rounds: int) -> float:
    assert callable(work)
    work()
    took: Sequence[float] = ()
    for _ in range(rounds):
        clock = _Clock()
        with clock:
            work()
        took = (*took, clock.cpu[0])
    return min(took) / times * 50
