"""What a turn is measured by: one table for the page, the summary and the comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from benchmarks.results import Distribution, Result, Totals, TurnRecord

__all__ = ["MEASURES", "Measure", "distribution", "observations"]

Group = Literal["latency", "interruption", "playback"]


@dataclass(frozen=True, slots=True)
class Measure:
    """A duration of a turn, in ms; smaller is better.

    Attributes:
        name: Its field in `Totals`.
        title: In a few words.
        meaning: From where to where.
        group: What it is shown with.
        observe: Its values in one turn; None is what did not happen.
    """

    name: str
    title: str
    meaning: str
    group: Group
    observe: Callable[[TurnRecord], Iterable[float | None]]


def observations(result: Result, measure: Measure) -> list[float]:
    """A measure's values in a run, sorted: of the turns that did not fail."""
    good = (turn for turn in result.turns if not turn.failed)
    values = (value for turn in good for value in measure.observe(turn))
    return sorted(value for value in values if value is not None)


def distribution(totals: Totals, measure: Measure) -> Distribution:
    """A measure's distribution as the run summed it up."""
    found: Distribution = getattr(totals, measure.name)
    return found


def _stable_words(turn: TurnRecord) -> Iterable[float | None]:
    return ((word.stable_s - word.spoken_s) * 1000 for word in turn.stable_words)


def _detected(turn: TurnRecord) -> Iterable[float | None]:
    return () if turn.interruption is None else (turn.interruption.detected_ms,)


def _silenced(turn: TurnRecord) -> Iterable[float | None]:
    return () if turn.interruption is None else (turn.interruption.silence_ms,)


MEASURES: Final = (
    Measure(
        "first_audible_ms",
        "first audible",
        "end of speech to the first received sample above -50 dBFS",
        "latency",
        lambda turn: (turn.first_audible_ms,),
    ),
    Measure(
        "first_audio_ms",
        "first audio",
        "end of speech (or text sent) to the first frame: the latency of the turn",
        "latency",
        lambda turn: (turn.first_audio_ms,),
    ),
    Measure(
        "final_ms",
        "final transcript",
        "end of speech to the final transcript",
        "latency",
        lambda turn: (turn.final_ms,),
    ),
    Measure(
        "hang_over_ms",
        "hang-over",
        "end of speech to the detected stop",
        "latency",
        lambda turn: (turn.hang_over_ms,),
    ),
    Measure(
        "overhead_ms",
        "overhead",
        "final transcript to first audio, less the stated costs of scripted engines",
        "latency",
        lambda turn: (turn.overhead_ms,),
    ),
    Measure(
        "first_partial_ms",
        "first partial",
        "onset to the first partial transcript",
        "latency",
        lambda turn: (turn.first_partial_ms,),
    ),
    Measure(
        "stable_word_ms",
        "stable word",
        "a word's last sample to the first message that declares it stable",
        "latency",
        _stable_words,
    ),
    Measure(
        "interrupt_detected_ms",
        "interruption detected",
        "onset of the interruption to the message that tells the device",
        "interruption",
        _detected,
    ),
    Measure(
        "interrupt_silence_ms",
        "silence after interruption",
        "onset of the interruption to the last sample that the device played",
        "interruption",
        _silenced,
    ),
    Measure(
        "longest_gap_ms",
        "longest gap between frames",
        "longest time between two frames of one reply",
        "playback",
        lambda turn: (turn.longest_gap_ms,),
    ),
)
"""Of `Totals`, every field that is a distribution, in the order of the tables."""
