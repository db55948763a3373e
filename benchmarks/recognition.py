"""Which contexts, beams and windows a recognizer bears: ``python -m benchmarks.recognition``.

Sentences spoken by a voice are recognised with encoder contexts of several lengths and with several
beams. "raw" is the first pass alone, as a partial transcript takes it; "final" goes through the
guards, which repeat a failed pass with the full context. ``--windows`` has monologues of six
sentences recognised as a session does it, cut to windows at their pauses. The word error rate
ignores case and punctuation. What is found belongs into the model's table in ``models.toml``.

A synthetic voice, and the one the starter recognizer hears best: the figures compare settings, they
promise nothing about people.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.speech import Say, starter_voice
from pipeline.engines import (
    SAMPLE_RATE,
    Float32Audio,
    Hypothesis,
    HypothesisKind,
    RecognitionJob,
    Recognizer,
)
from pipeline.engines.faster_whisper import WhisperSettings, load
from pipeline.engines.thread import EngineRunner, EngineThread, StopToken
from pipeline.recognition import Recognition, RecognitionSettings

__all__ = ["main"]

_ROOT = Path(__file__).parents[1]
_PRE_ROLL, _TAIL, _PAUSE = 0.5, 0.1, 0.4
"""Seconds of silence before the speech, behind it, and between sentences of a longer one."""
_LONG = 6
_FINE = tuple(each / 10 for each in range(6, 300) if each != 16)


@dataclass(frozen=True, slots=True)
class Spoken:
    """What was said, and how it sounds."""

    text: str
    audio: Float32Audio


@dataclass(frozen=True, slots=True)
class Context:
    """A way to choose the encoder's context."""

    name: str
    contexts: tuple[float, ...]
    pad: float


CONTEXTS = (
    Context("audio + 0.5 s", _FINE, 0.5),
    Context("audio + 1 s", _FINE, 1.0),
    Context("audio + 2 s", _FINE, 2.0),
    Context("8 s", (8.0,), 0.0),
    Context("10 s", (10.0,), 0.0),
    Context("30 s", (), 0.0),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One setting's results over all sentences.

    Attributes:
        raw: Word error rate of the first pass, in percent.
        final: The same through the guards.
        exact: Sentences without any error, in percent, final.
        again: Sentences that took a second pass.
        seconds: Wall time of each final.
        cpu: CPU seconds of all finals.
    """

    context: str
    beam: int
    raw: float
    final: float
    exact: float
    again: int
    seconds: Sequence[float]
    cpu: float

    def __str__(self) -> str:
        ordered = sorted(self.seconds)
        p50, p95 = statistics.median(ordered), ordered[math.ceil(0.95 * len(ordered)) - 1]
        return (
            f"{self.context:<15}{self.beam:>5}{self.raw:>8.1f}{self.final:>8.1f}{self.exact:>8.0f}"
            f"{self.again:>7}{p50 * 1e3:>9.0f}{p95 * 1e3:>9.0f}"
            f"{self.cpu * 1e3 / len(ordered):>9.0f}"
        )


HEADER = (
    f"{'context':<15}{'beam':>5}{'raw %':>8}{'final %':>8}{'exact %':>8}"
    f"{'again':>7}{'p50 ms':>9}{'p95 ms':>9}{'CPU ms':>9}"
)


def words_of(text: str) -> list[str]:
    """The words that count: no case, no punctuation."""
    kept = "".join(each if each.isalnum() or each == "'" else " " for each in text.casefold())
    return kept.split()


def distance(said: Sequence[str], heard: Sequence[str]) -> int:
    """Words to replace, insert or remove (Levenshtein)."""
    row = list(range(len(heard) + 1))
    for number, word in enumerate(said, 1):
        before, row[0] = row[0], number
        for at, other in enumerate(heard, 1):
            before, row[at] = row[at], min(row[at] + 1, row[at - 1] + 1, before + (word != other))
    return row[-1]


def word_error_rate(pairs: Sequence[tuple[str, str]]) -> float:
    """Errors per word said, in percent."""
    errors = sum(distance(words_of(said), words_of(heard)) for said, heard in pairs)
    return 100 * errors / sum(len(words_of(said)) for said, _ in pairs)


@functools.cache
def _voice() -> Say:
    return starter_voice()


def speak(sentences: Sequence[str], *, joined: int, noise_db: float | None) -> Iterator[Spoken]:
    """Speak the sentences, ``joined`` of them at a time, in silence or in white noise."""
    say = _voice()
    random = np.random.default_rng(2026)
    for first in range(0, len(sentences) - joined + 1, joined):
        texts = sentences[first : first + joined]
        parts = [np.zeros(round(_PRE_ROLL * SAMPLE_RATE), np.int16)]
        for number, text in enumerate(texts):
            if number:
                parts.append(np.zeros(round(_PAUSE * SAMPLE_RATE), np.int16))
            parts.append(say(text, 1.0))
        parts.append(np.zeros(round(_TAIL * SAMPLE_RATE), np.int16))
        audio = np.concatenate(parts).astype(np.float32) / np.float32(32768)
        if noise_db is not None:
            level = float(np.sqrt(np.mean(np.square(audio)))) * 10 ** (-noise_db / 20)
            audio = audio + random.normal(0, level, audio.size).astype(np.float32)
        yield Spoken(" ".join(texts), audio)


def measure(base: WhisperSettings, context: Context, beam: int, spoken: Sequence[Spoken]) -> Row:
    """Recognise everything with one setting."""
    recognizer = load(
        replace(
            base,
            contexts=context.contexts,
            pad_partial_seconds=context.pad,
            pad_final_seconds=context.pad,
            partial_beam=beam,
            final_beam=beam,
        )
    )
    _recognize(recognizer, spoken[0], HypothesisKind.FINAL)
    raw = [_recognize(recognizer, each, HypothesisKind.PARTIAL) for each in spoken]
    began, seconds, final = time.process_time(), [], []
    for each in spoken:
        start = time.perf_counter()
        final.append(_recognize(recognizer, each, HypothesisKind.FINAL))
        seconds.append(time.perf_counter() - start)
    pairs = list(zip(spoken, final, strict=True))
    return Row(
        context=context.name,
        beam=beam,
        raw=_errors(spoken, raw),
        final=_errors(spoken, final),
        exact=100 * statistics.mean(words_of(s.text) == words_of(f.text) for s, f in pairs),
        again=sum(f.context_seconds > r.context_seconds for f, r in zip(final, raw, strict=True)),
        seconds=seconds,
        cpu=time.process_time() - began,
    )


def _errors(spoken: Sequence[Spoken], found: Sequence[Hypothesis]) -> float:
    return word_error_rate([(s.text, f.text) for s, f in zip(spoken, found, strict=True)])


def _recognize(recognizer: Recognizer, spoken: Spoken, kind: HypothesisKind) -> Hypothesis:
    utterance = recognizer.utterance(language="en")
    return utterance.recognize(RecognitionJob(spoken.audio, kind), stop=StopToken())


async def monologues(
    base: WhisperSettings, sentences: Sequence[str], windows: Sequence[float]
) -> None:
    """Print the word error rate of monologues for each length of window."""
    settings = replace(
        base, contexts=_FINE, pad_partial_seconds=1.0, pad_final_seconds=1.0, final_beam=1
    )
    thread = EngineThread("stt", lambda: load(settings))
    await thread.start()
    try:
        print(f"\nmonologues of {_LONG} sentences\n{'window s':<10}{'words wrong %':>14}")
        for seconds in windows:
            parts = range(0, len(sentences) - _LONG + 1, _LONG)
            turns = [sentences[first : first + _LONG] for first in parts]
            pairs = [(" ".join(texts), await _monologue(thread, texts, seconds)) for texts in turns]
            print(f"{seconds:<10g}{word_error_rate(pairs):>14.1f}")
    finally:
        await thread.close()


async def _monologue(
    thread: EngineRunner[Recognizer], texts: Sequence[str], window_seconds: float
) -> str:
    """Speak one turn, with a pause that the endpointer notices after each sentence."""
    say = _voice()
    turn = Recognition(
        thread,
        RecognitionSettings(window_seconds=window_seconds, partials=False),
        begin=0,
        report=lambda _: None,
        clock=time.monotonic,
    )
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(turn.run(), name="turn")
        turn.hear(np.zeros(round(_PRE_ROLL * SAMPLE_RATE), np.int16))
        position = end = round(_PRE_ROLL * SAMPLE_RATE)
        for text in texts:
            turn.resume()
            audio = np.concatenate(
                [say(text, 1.0), np.zeros(round(_PAUSE * SAMPLE_RATE), np.int16)]
            )
            turn.hear(audio)
            await asyncio.sleep(0)  # as in a session, windows close while speech goes on
            position += audio.size
            end = position - round(_PAUSE * SAMPLE_RATE)
            turn.pause(end)
        turn.finish(end)
        transcript = await running
    return transcript.text


def _table(
    title: str, rows: Iterator[Row], show: Callable[[str], None] = lambda line: print(line)
) -> None:
    show(f"\n{title}\n{HEADER}")
    for row in rows:
        show(str(row))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table for single sentences, and one for each number of joined ones."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recognition", description=__doc__)
    parser.add_argument("--model", type=Path, default=_ROOT / "starter" / "models" / "recognizer")
    parser.add_argument("--sentences", type=Path, default=Path(__file__).with_name("sentences.txt"))
    parser.add_argument("--limit", type=int, default=60, help="sentences to speak")
    parser.add_argument("--beams", type=int, nargs="+", default=[1, 2, 5])
    parser.add_argument("--joined", type=int, nargs="+", default=[1])
    parser.add_argument("--noise-db", type=float, help="signal to noise ratio, white noise")
    parser.add_argument("--contexts", nargs="+", help="some of the names in the first column")
    parser.add_argument("--windows", type=float, nargs="+", help="seconds; monologues instead")
    chosen = parser.parse_args(arguments)
    sentences = chosen.sentences.read_text().splitlines()[: chosen.limit]
    contexts = [each for each in CONTEXTS if not chosen.contexts or each.name in chosen.contexts]
    base = WhisperSettings(chosen.model, device="cpu")
    if chosen.windows:
        asyncio.run(monologues(base, sentences, chosen.windows))
        return 0
    for joined in chosen.joined:
        spoken = list(speak(sentences, joined=joined, noise_db=chosen.noise_db))
        length = statistics.mean(each.audio.size for each in spoken) / SAMPLE_RATE
        title = f"{len(spoken)} utterances of {joined} sentences, {length:.1f} s on average"
        rows = (
            measure(base, context, beam, spoken) for context in contexts for beam in chosen.beams
        )
        _table(title, rows)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
