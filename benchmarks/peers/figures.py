"""What is compared, and how runs become one figure: medians, ratios within a run. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

__all__ = ["BARS", "FIGURES", "Bar", "Figure", "PeerResult", "Values", "judge", "median", "ratio"]

Values: TypeAlias = Mapping[str, float]
"""Figures of one run by id; what could not be measured is missing."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table.

    Attributes:
        id: In the result file.
        title: What it is.
        unit: Of the value.
        digits: Behind the point.
    """

    id: str
    title: str
    unit: str
    digits: int = 1


FIGURES: Final = (
    Figure("sessions.knee", "sessions per core, tried", "", 0),
    Figure("sessions.by_cpu", "sessions per core, by processor time", ""),
    Figure("sessions.knee_by_cpu", "– the same with the most tried", ""),
    Figure("cpu.minute", "processor time per session minute", "s", 2),
    Figure("turn.first_audio.p50", "first audio, p50", "ms"),
    Figure("turn.first_audio.p95", "first audio, p95", "ms"),
    Figure("turn.overhead.p50", "– less the stated times, p50", "ms"),
    Figure("turn.overhead.p95", "– less the stated times, p95", "ms"),
    Figure("turn.decided.p50", "decided to audio, less stated, p50", "ms"),
    Figure("turn.decided.p95", "decided to audio, less stated, p95", "ms"),
    Figure("interrupt.last.p50", "interruption to last audio, p50", "ms", 0),
    Figure("interrupt.last.p95", "interruption to last audio, p95", "ms", 0),
    Figure("interrupt.told.p95", "told of it to last audio, p95", "ms"),
    Figure("memory.session", "memory per idle session", "MB", 3),
    Figure("memory.call", "memory growth per call", "KB"),
    Figure("frame.all", "processor time per frame", "µs"),
    Figure("frame.bare", "– without the detector", "µs"),
)
"""All of them, in the order of the table."""


@dataclass(frozen=True, slots=True)
class PeerResult:
    """All runs of one peer.

    Attributes:
        name: Of the peer.
        title: What it is.
        versions: Of what it is made of.
        missing: Why it was not run, or not to the end; empty: it was.
        runs: Figures of each run.
        notes: What a reader should know.
    """

    name: str
    title: str
    versions: Mapping[str, str] = field(default_factory=dict)
    missing: str = ""
    runs: Sequence[Values] = ()
    notes: Sequence[str] = ()


def median(result: PeerResult, figure: str) -> float | None:
    """Of the runs that have the figure."""
    values = [run[figure] for run in result.runs if figure in run]
    return statistics.median(values) if values else None


def ratio(result: PeerResult, to: PeerResult, figure: str, to_figure: str = "") -> float | None:
    """The median of the ratios of two peers in the same run; None where none can be told.

    Args:
        result: The dividend's peer.
        to: The divisor's.
        figure: Of the dividend.
        to_figure: Of the divisor; empty: the same.
    """
    pairs = [
        (run[figure], other[to_figure or figure])
        for run, other in zip(result.runs, to.runs, strict=False)
        if figure in run and (to_figure or figure) in other
    ]
    ratios = [value / other for value, other in pairs if value > 0 and other > 0]
    return statistics.median(ratios) if ratios else None


@dataclass(frozen=True, slots=True)
class Bar:
    """What Parley wants to reach.

    Attributes:
        title: Of the figure.
        figure: Its id.
        bar: To reach.
        stretch: To reach if all goes well.
        against: Peer that it is divided by; empty: an absolute figure.
        their_figure: Of that peer; empty: the same.
        is_least: Whether more is better.
        unit: Of the value.
    """

    title: str
    figure: str
    bar: float
    stretch: float
    against: str = ""
    their_figure: str = ""
    is_least: bool = False
    unit: str = "×"


BARS: Final = (
    Bar("sessions per core, tried, to pipecat", "sessions.knee", 5, 10, "pipecat", is_least=True),
    Bar("– by processor time", "sessions.by_cpu", 5, 10, "pipecat", is_least=True),
    Bar("time per frame, no detector, to floor", "frame.bare", 3, 2, "floor", "frame.all"),
    Bar("decided to audio, less stated, p95", "turn.decided.p95", 2, 1, unit="ms"),
    Bar("memory per idle session", "memory.session", 0.5, 0.16, unit="MB"),
    Bar("memory growth per call", "memory.call", 0.5, 0, unit="KB"),
)
"""What benchmarks/README.md holds Parley to."""


def judge(bar: Bar, results: Mapping[str, PeerResult], parley: str) -> tuple[float | None, str]:
    """Parley's value for a bar, and ``missed``, ``bar``, ``stretch`` or ``not measured``."""
    own = results.get(parley)
    if own is None:
        return None, "not measured"
    if bar.against:
        other = results.get(bar.against)
        value = None if other is None else ratio(own, other, bar.figure, bar.their_figure)
    else:
        value = median(own, bar.figure)
    if value is None or not math.isfinite(value):
        return None, "not measured"
    return value, _verdict(bar, value)


def _verdict(bar: Bar, value: float) -> str:
    sign = 1 if bar.is_least else -1
    if sign * value >= sign * bar.stretch:
        return "stretch"
    return "bar" if sign * value >= sign * bar.bar else "missed"
