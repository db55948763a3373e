"""Twins of the engines that follow a script at stated costs: for tests of timing and of faults.

They compute nothing. A benchmark that runs on them measures the gateway alone, because every
engine's time is known; a test that runs on them under a virtual clock takes no time at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Self, TypeAlias, TypeVar

import numpy as np

from pipeline.engines import (
    SAMPLE_RATE,
    Generated,
    Hypothesis,
    HypothesisKind,
    Int16Audio,
    Prompt,
    RecognitionJob,
    SpeakJob,
    SpokenAudio,
    StopSignal,
    TimedText,
    Usage,
    Word,
)
from pipeline.engines.thread import EngineStatistics, Priority, ResultStream
from pipeline.errors import EngineFailed, EngineTimeout

__all__ = [
    "LoopRunner",
    "Meter",
    "ScriptedDetector",
    "ScriptedLanguageModel",
    "ScriptedRecognizer",
    "ScriptedVoice",
]

E = TypeVar("E")
T = TypeVar("T")

Spend: TypeAlias = Callable[[float], None]
"""Takes the cost of a step in seconds: ``time.sleep`` on a thread, a `Meter` on the loop."""


class Meter:
    """Adds up what a step costs, for a `LoopRunner` to wait out."""

    def __init__(self) -> None:
        self.owed = 0.0

    def __call__(self, seconds: float) -> None:
        """Spend time."""
        self.owed += seconds

    def settle(self) -> float:
        """Return what is owed, and owe nothing."""
        owed, self.owed = self.owed, 0.0
        return owed


class _LoopStream(Generic[T]):
    """Results of a job that runs on the event loop, each after its stated cost."""

    def __init__(
        self,
        results: Callable[[], Iterator[T]],
        meter: Meter,
        done: Callable[[float], None],
        *,
        first_within: float,
        gap_within: float,
    ) -> None:
        self._begin = results
        self._results: Iterator[T] | None = None
        self._meter = meter
        self._done = done
        self._patience = first_within
        self._gap_within = gap_within

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        close = getattr(self._results, "close", None)
        if close is not None:
            close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        results = self._step()
        cost = self._meter.settle()
        await asyncio.sleep(min(cost, self._patience))
        self._done(min(cost, self._patience))
        if cost > self._patience:
            message = f"no result within {self._patience:g} s; choose a smaller model"
            raise EngineTimeout(message)
        if isinstance(results, EngineFailed):
            raise results
        if not results:
            raise StopAsyncIteration
        self._patience = self._gap_within
        return results[0]

    def _step(self) -> list[T] | EngineFailed:
        """The next result, none at the end, or a failure, which has its cost as well."""
        try:
            if self._results is None:
                self._results = self._begin()
            return [next(self._results)]
        except StopIteration:
            return []
        except Exception as error:  # noqa: BLE001 - raised after its cost
            failure = EngineFailed(str(error) or repr(error))
            failure.__cause__ = error
            return failure


class LoopRunner(Generic[E]):
    """Runs a scripted engine on the event loop itself: no threads, and any clock.

    Jobs of different sessions do not wait for each other.

    Args:
        engine: The engine.
        meter: The meter that the engine spends into.
    """

    def __init__(self, engine: E, meter: Meter) -> None:
        self._engine = engine
        self._meter = meter
        self._busy_seconds = 0.0
        self._jobs = 0

    def run(
        self,
        work: Callable[[Any, StopSignal], Iterator[T]],
        *,
        priority: Priority = Priority.CONTINUATION,
        first_within: float = 20.0,
        gap_within: float = 10.0,
    ) -> ResultStream[T]:
        """Return the job's results; it advances only while somebody reads them."""
        self._jobs += 1
        return _LoopStream(
            lambda: work(self._engine, _NeverStopped()),
            self._meter,
            self._add,
            first_within=first_within,
            gap_within=gap_within,
        )

    def statistics(self) -> EngineStatistics:
        """Return counters for metrics; busy seconds are stated ones."""
        return EngineStatistics(self._busy_seconds, self._jobs, 0)

    def _add(self, seconds: float) -> None:
        self._busy_seconds += seconds


class _NeverStopped:
    def is_set(self) -> bool:
        return False


class ScriptedDetector:
    """Speech is whatever is louder than a threshold.

    Args:
        level: Root mean square, in int16 units, from which a block counts as speech.
    """

    block = 512

    def __init__(self, level: float = 500.0) -> None:
        self._level = level

    def probability(self, block: Int16Audio) -> float:
        """1.0 for a loud block, else 0.0."""
        loudness = float(np.sqrt(np.mean(np.square(block.astype(np.float64)))))
        return 1.0 if loudness >= self._level else 0.0

    def reset(self) -> None:
        """There is nothing to forget."""


class ScriptedRecognizer:
    """Hears one text of a script per utterance, word after word as time passes.

    Args:
        script: What is said, utterance by utterance; starts over at its end.
        spend: Takes the stated cost.
        seconds: Cost of a pass.
        seconds_per_word: Pace at which the words become audible.
    """

    window_seconds = 30.0

    def __init__(
        self,
        script: Sequence[str],
        spend: Spend,
        *,
        seconds: float = 0.1,
        seconds_per_word: float = 0.3,
    ) -> None:
        self._script = list(script)
        self._spend = spend
        self._seconds = seconds
        self._pace = seconds_per_word
        self._next = 0

    def utterance(self, *, language: str | None) -> _ScriptedUtterance:
        """Start the next utterance of the script."""
        text = self._script[self._next % len(self._script)]
        self._next += 1
        return _ScriptedUtterance(text, language or "en", self._spend, self._seconds, self._pace)


@dataclass(frozen=True, slots=True)
class _ScriptedUtterance:
    text: str
    language: str
    spend: Spend
    seconds: float
    pace: float

    def recognize(self, job: RecognitionJob, *, stop: StopSignal) -> Hypothesis:
        self.spend(self.seconds)
        heard = len(job.audio) / SAMPLE_RATE
        texts = self.text.split()
        if job.kind is HypothesisKind.PARTIAL:
            texts = texts[: int(heard / self.pace)]
        step = min(self.pace, heard / max(1, len(texts)))
        words = tuple(Word(word, at * step, (at + 1) * step, 0.95) for at, word in enumerate(texts))
        return Hypothesis(" ".join(texts), words, job.kind, self.language, -0.05)


class ScriptedLanguageModel:
    """Answers with the replies of a script, a word at a time.

    Args:
        script: Replies; each conversation starts at the first, and over again at the end.
        spend: Takes the stated cost.
        first_seconds: Cost of the first word (prefill included).
        word_seconds: Cost of every further word.
    """

    def __init__(
        self,
        script: Sequence[str],
        spend: Spend,
        *,
        first_seconds: float = 0.1,
        word_seconds: float = 0.0,
    ) -> None:
        self.prompts: list[Prompt] = []
        self._script = list(script)
        self._spend = spend
        self._first = first_seconds
        self._word = word_seconds

    def open(self) -> _ScriptedSession:
        """Begin a conversation."""
        return _ScriptedSession(self)

    def _say(self, number: int, prompt: Prompt) -> Iterator[Generated]:
        self.prompts.append(prompt)
        self._spend(self._first)
        words = self._script[number % len(self._script)].split(" ")
        taken = words[: prompt.max_tokens]
        for at, word in enumerate(taken):
            if at:
                self._spend(self._word)
            yield Generated(word if at == 0 else f" {word}")
        usage = Usage(sum(len(message.content) for message in prompt.messages), len(taken), 0)
        yield Generated("", usage, "stop" if len(taken) == len(words) else "length")


class _ScriptedSession:
    def __init__(self, model: ScriptedLanguageModel) -> None:
        self._model = model
        self._number = -1

    def generate(self, prompt: Prompt, *, stop: StopSignal) -> Iterator[Generated]:
        self._number += 1
        return self._model._say(self._number, prompt)  # noqa: SLF001 - its own session

    def close(self) -> None:
        pass


class ScriptedVoice:
    """Hums: a quiet tone as long as the text, with exact word times.

    Args:
        spend: Takes the stated cost.
        seconds: Cost of a segment.
        seconds_per_character: Length of the audio.
        sample_rate: Hz.
    """

    def __init__(
        self,
        spend: Spend,
        *,
        seconds: float = 0.1,
        seconds_per_character: float = 0.06,
        sample_rate: int = 16_000,
    ) -> None:
        self._spend = spend
        self._seconds = seconds
        self._pace = seconds_per_character
        self._sample_rate = sample_rate
        # 220 periods in a second: it can be repeated without a click.
        samples = np.arange(sample_rate)
        self._second = (3000 * np.sin(2 * np.pi * 220 * samples / sample_rate)).astype(np.int16)

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self._sample_rate

    def speak(self, job: SpeakJob, *, stop: StopSignal) -> Iterator[SpokenAudio]:
        """Yield the whole segment at once; nothing for blank text."""
        if not job.text.strip():
            return
        self._spend(self._seconds)
        per_character = self._pace * self._sample_rate / job.speed
        tone = np.resize(self._second, round(len(job.text) * per_character))
        yield SpokenAudio(tone, tuple(_word_times(job.text, per_character)))


def _word_times(text: str, per_character: float) -> Iterator[TimedText]:
    at = 0
    for word in text.split():
        start = text.index(word, at)
        at = start + len(word)
        yield TimedText(start, at, round(start * per_character), round(at * per_character))
