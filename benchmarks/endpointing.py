"""How often turns are cut short or never ended: ``python -m benchmarks.endpointing``.

Sixty turns with pauses of known place (`benchmarks.speech`) go through the real detectors, clean
and in noise, and through the endpointer under several policies. The policies with text get what a
perfect recognizer would read, 300 ms late: they show what the rules are worth, not what a
recognizer makes of it. Partials come every 500 ms and one pass per pause; punctuation counts as
seen twice if two passes ended with the same words. "sure" is a recognizer that always knows where a
sentence ends; "full stops" has Whisper's habit of putting a full stop after every fragment, and is
sure of it: the rules' worst case.

A *cut-in* is a decision before the turn's last phrase; an end is *missed* if no decision comes
before the next turn, 3 s later; *latency* is decision minus last sample of speech.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.speech import (
    NOISES,
    Conversation,
    Noise,
    Say,
    Utterance,
    add_noise,
    conversations,
    flite_voices,
    starter_voice,
)
from pipeline.detection import Block, Vad, speech_detector
from pipeline.endpointing import (
    Eagerness,
    Endpointer,
    EndpointingSettings,
    SpeechBegan,
    SpeechEnded,
    SpeechPaused,
    SpeechResumed,
)
from pipeline.engines import SAMPLE_RATE, silero, webrtc_vad

__all__ = ["POLICIES", "Outcome", "Policy", "main", "measure", "report"]

RECOGNIZER_DELAY: Final = round(0.3 * SAMPLE_RATE)
PARTIAL_EVERY: Final = round(0.5 * SAMPLE_RATE)
_NEVER: Final = sys.maxsize


@dataclass(frozen=True, slots=True)
class Policy:
    """One way to decide.

    Attributes:
        name: For the table.
        settings: The endpointer's.
        text: Whether it reads hypotheses.
        full_stops: Whether every hypothesis ends in a full stop.
        sure: Whether the punctuation at the end counts at once.
    """

    name: str
    settings: EndpointingSettings
    text: bool = False
    full_stops: bool = False
    sure: bool = False


_ADAPTIVE: Final = EndpointingSettings()
POLICIES: Final[tuple[Policy, ...]] = (
    Policy("fixed 500 ms", EndpointingSettings(silence_ms=500)),
    Policy("fixed 800 ms", EndpointingSettings(silence_ms=800)),
    Policy("adaptive, no text", _ADAPTIVE),
    Policy("adaptive", _ADAPTIVE, text=True),
    Policy("adaptive, sure", _ADAPTIVE, text=True, sure=True),
    Policy("full stops, sure", _ADAPTIVE, text=True, full_stops=True, sure=True),
    Policy("eager", EndpointingSettings(eagerness=Eagerness.HIGH), text=True),
    Policy("patient", EndpointingSettings(eagerness=Eagerness.LOW), text=True),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one policy did with one conversation, or with several.

    Attributes:
        turns: How many were spoken.
        pauses: Pauses inside them.
        cut_ins: Decisions inside a turn.
        cut_turns: Turns with at least one.
        missed: Turns without a decision before the next one began.
        unheard: Turns in which no speech was detected.
        false_starts: Utterances where nobody spoke.
        latencies_ms: From the last sample of speech to the decision; one per turn that ended.
    """

    turns: int = 0
    pauses: int = 0
    cut_ins: int = 0
    cut_turns: int = 0
    missed: int = 0
    unheard: int = 0
    false_starts: int = 0
    latencies_ms: tuple[float, ...] = ()

    def __add__(self, other: Outcome) -> Outcome:
        """Both together."""
        names = [entry.name for entry in dataclasses.fields(self)]
        return Outcome(*(getattr(self, name) + getattr(other, name) for name in names))

    def latency_ms(self, percentile: float) -> float:
        """A percentile of the latency; NaN where no turn ended."""
        return float(np.percentile(self.latencies_ms, percentile)) if self.latencies_ms else np.nan


@dataclass(frozen=True, slots=True)
class _Span:
    """One utterance as the endpointer saw it; ``decided`` is when it said that it was over."""

    onset: int
    decided: int


class _Oracle:
    """A recognizer that knows what is said, and says so 300 ms later."""

    def __init__(self, conversation: Conversation, policy: Policy) -> None:
        self._ends = list(_word_ends(conversation.utterances))
        self._policy = policy
        self._onset = 0
        self._next_partial: int | None = None
        self._passes: list[tuple[int, int]] = []
        self._previous: list[str] = []

    def begin(self, onset: int, now: int) -> None:
        self._onset = onset
        self._passes.clear()
        self._previous = []
        self._next_partial = now + PARTIAL_EVERY

    def pause(self, now: int) -> None:
        """The final pass starts; no partials run beside it."""
        self._passes.append((now + RECOGNIZER_DELAY, now))
        self._next_partial = None

    def resume(self, now: int) -> None:
        self._next_partial = now + PARTIAL_EVERY

    def advance(self, now: int, endpointer: Endpointer) -> None:
        """Start the passes that are due, and deliver those that are done."""
        if self._next_partial is not None and now >= self._next_partial:
            self._passes.append((now + RECOGNIZER_DELAY, now))
            self._next_partial = now + PARTIAL_EVERY
        while self._passes and self._passes[0][0] <= now:
            _, heard = self._passes.pop(0)
            self._deliver(heard, endpointer)

    def _deliver(self, heard: int, endpointer: Endpointer) -> None:
        # A word that began 200 ms before the onset is in the pre-roll and is recognised, too.
        earliest = self._onset - SAMPLE_RATE // 5
        words = [word for word, begin, end in self._ends if begin >= earliest and end <= heard]
        agreed = _common(words, self._previous)
        twice = self._policy.sure or agreed == len(words) == len(self._previous)
        self._previous = words
        text = " ".join(words)
        if self._policy.full_stops and text:
            text = text.rstrip(".,") + ("" if text.endswith(("?", "!")) else ".")
        endpointer.read(text, agreed_words=agreed, punctuated_twice=twice, until=heard)


def _word_ends(utterances: Iterable[Utterance]) -> Iterable[tuple[str, int, int]]:
    for utterance in utterances:
        for phrase in utterance.phrases:
            words = phrase.text.split()
            letters = np.cumsum([0, *(len(word) for word in words)])
            times = phrase.begin + letters * (phrase.end - phrase.begin) // letters[-1]
            # Recognizers date the last word's end early; the last 100 ms decide nothing.
            ends = times[1:] - SAMPLE_RATE // 10
            yield from zip(words, times.tolist(), ends.tolist(), strict=False)


def _common(words: Sequence[str], others: Sequence[str]) -> int:
    count = 0
    for word, other in zip(words, others, strict=False):
        if word != other:
            break
        count += 1
    return count


def measure(conversation: Conversation, blocks: Iterable[Block], policy: Policy) -> Outcome:
    """Replay one conversation under one policy."""
    endpointer = Endpointer(policy.settings)
    oracle = _Oracle(conversation, policy) if policy.text else None
    spans: list[_Span] = []
    onset = 0
    for block in blocks:
        for event in endpointer.feed(block):
            match event:
                case SpeechBegan():
                    onset = event.onset
                    if oracle is not None:
                        oracle.begin(onset, block.end)
                case SpeechPaused() if oracle is not None:
                    oracle.pause(block.end)
                case SpeechResumed() if oracle is not None:
                    oracle.resume(block.end)
                case SpeechEnded():
                    spans.append(_Span(onset, block.end))
                case _:
                    pass
        if oracle is not None and endpointer.is_open:
            oracle.advance(block.end, endpointer)
    if endpointer.is_open:
        spans.append(_Span(onset, _NEVER))
    return _judge(conversation, spans)


def _judge(conversation: Conversation, spans: Sequence[_Span]) -> Outcome:
    outcome = Outcome()
    used = 0
    horizon = [*(turn.begin for turn in conversation.utterances[1:]), conversation.audio.size]
    for turn, limit in zip(conversation.utterances, horizon, strict=True):
        inside = [span for span in spans if turn.begin < span.decided < turn.end]
        after = [span for span in spans if turn.end <= span.decided and span.onset < turn.end]
        in_time = [span for span in after if span.decided <= limit]
        heard = [span for span in spans if span.onset < turn.end and span.decided > turn.begin]
        used += len(inside) + len(in_time)
        latency = [(in_time[0].decided - turn.end) * 1000 / SAMPLE_RATE] if in_time else []
        outcome += Outcome(
            turns=1,
            pauses=len(turn.phrases) - 1,
            cut_ins=len(inside),
            cut_turns=bool(inside),
            missed=not in_time and bool(heard),
            unheard=not heard,
            latencies_ms=tuple(latency),
        )
    speech = [(turn.begin, turn.end) for turn in conversation.utterances]
    nobody = [
        span
        for span in spans
        if not any(span.onset < end and span.decided > begin for begin, end in speech)
    ]
    return dataclasses.replace(outcome, false_starts=len(nobody))


def report(
    say: Say, *, noises: Sequence[Noise | None], policies: Sequence[Policy], vad: Vad
) -> dict[str, dict[str, Outcome]]:
    """Outcomes by condition and policy, for one voice."""
    judge, gate = silero.load(), webrtc_vad.load()
    spoken = conversations(say)
    results: dict[str, dict[str, Outcome]] = {}
    for disturbance in noises:
        heard = []
        for seed, conversation in enumerate(spoken):
            audio = conversation.audio
            if disturbance is not None:
                audio = add_noise(conversation, disturbance, say, seed=seed)
            heard.append(speech_detector(vad, silero=judge, webrtc=gate).feed(audio))
        results[str(disturbance or "clean")] = {
            policy.name: sum(
                (measure(c, blocks, policy) for c, blocks in zip(spoken, heard, strict=True)),
                Outcome(),
            )
            for policy in policies
        }
    return results


def _table(title: str, results: dict[str, dict[str, Outcome]]) -> Table:
    table = Table(title=title)
    for heading in ("condition", "policy"):
        table.add_column(heading)
    for heading in ("cut-ins", "turns cut", "missed", "unheard", "false starts", "p50 ms", "p95"):
        table.add_column(heading, justify="right")
    for condition, row in results.items():
        for policy, found in row.items():
            counts = (found.cut_ins, f"{found.cut_turns}/{found.turns}", found.missed)
            times = (f"{found.latency_ms(50):.0f}", f"{found.latency_ms(95):.0f}")
            cells = (*counts, found.unheard, found.false_starts, *times)
            table.add_row(condition, policy, *(str(cell) for cell in cells))
        table.add_section()
    return table


def _summary(outcome: Outcome) -> dict[str, float | None]:
    numbers = dataclasses.asdict(outcome)
    del numbers["latencies_ms"]
    # JSON has no NaN.
    found = bool(outcome.latencies_ms)
    return {
        **numbers,
        "latency_p50_ms": outcome.latency_ms(50) if found else None,
        "latency_p95_ms": outcome.latency_ms(95) if found else None,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit code is 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.endpointing", description=__doc__)
    parser.add_argument("--vad", type=Vad, choices=list(Vad), default=Vad.SILERO)
    parser.add_argument("--voices", choices=["starter", "all"], default="starter")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = parser.parse_args(arguments)
    voices = {"starter": starter_voice()}
    if options.voices == "all":
        voices |= flite_voices()
    figures = {}
    for name, say in voices.items():
        results = report(say, noises=(None, *NOISES), policies=POLICIES, vad=options.vad)
        turns = next(iter(results["clean"].values()))
        title = f"{name}, {options.vad}: {turns.turns} turns, {turns.pauses} pauses inside them"
        Console(width=110).print(_table(title, results))
        figures[name] = {
            condition: {policy: _summary(found) for policy, found in row.items()}
            for condition, row in results.items()
        }
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
