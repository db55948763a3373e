"""Two results, or two groups of repeated runs, against each other.

Each figure has a range on either side. Of a group it is from the smallest to the largest of its
runs: what repeating the run changes is the noise, and with three or five runs a standard deviation
would be noise itself. A single run cannot show that; of its percentiles and shares the interval
that its number of observations leaves open stands in (which other work on the machine exceeds
easily; the p95 of fewer than 72 turns has no upper end), and any other figure of a single run has
no range at all. Figures from the server's histograms are edges of buckets, so that what lies in the
bucket is always within their range.

A figure got *worse* if its median lies beyond the threshold, and the two ranges do not touch: that
is a regression. Beyond the threshold with ranges that overlap it is *noise*: repeat the runs. In
the same way for *better*; everything else is *same*.

Ratios of tiny figures mean nothing, so each figure has a floor: what is smaller counts as much. One
failed turn in a thousand where there was none is then no ratio without end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, Literal

from benchmarks.reports.measures import MEASURES, Measure, distribution, observations
from benchmarks.reports.percentiles import percentile_of, share_interval
from benchmarks.reports.quantities import bytes_text, ms_text, number_text, share_text
from benchmarks.results import Result

__all__ = ["FIGURES", "Comparison", "Figure", "Side", "Verdict", "compare_results"]

Verdict = Literal["better", "same", "noise", "worse"]
Range = tuple[float, float]

_BUCKET_RATIO: Final = 2.5
"""The server's buckets of durations end at most this far apart (1, 2, 5, 10, ...)."""
_MEBIBYTE: Final = float(1 << 20)


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure that results are compared by.

    Attributes:
        name: As it is shown.
        floor: Smaller values count as this much; above 0.
        value_of: Of a run; None where it was not measured.
        text_of: A value as people read it, with its unit.
        more_is_better: Else less is.
        range_of: Between what the true value of a single run lies; None: nothing is known.
        bucketed: Values are upper edges of buckets.
    """

    name: str
    floor: float
    value_of: Callable[[Result], float | None]
    text_of: Callable[[float], str]
    more_is_better: bool = False
    range_of: Callable[[Result], Range | None] = lambda result: None
    bucketed: bool = False


@dataclass(frozen=True, slots=True)
class Side:
    """A figure in one group of runs.

    Attributes:
        values: One per run in which it was measured.
        low: See the module.
        high: And so on.
    """

    values: tuple[float, ...]
    low: float
    high: float

    @property
    def middle(self) -> float:
        """The median of the runs."""
        return median(self.values)

    @property
    def noise(self) -> float | None:
        """Width of the range by the median; None where that is unknown, without end, or of 0."""
        width = self.high - self.low
        known = math.isfinite(width) and (len(self.values) > 1 or width > 0)
        return width / abs(self.middle) if known and self.middle else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A figure on both sides.

    Attributes:
        figure: Which.
        base: The earlier runs.
        new: The later ones.
        ratio: New to base, both at least the figure's floor.
        verdict: See the module.
    """

    figure: Figure
    base: Side
    new: Side
    ratio: float
    verdict: Verdict


def compare_results(
    base: Sequence[Result], new: Sequence[Result], *, threshold: float
) -> tuple[Comparison, ...]:
    """Every figure that both groups measured.

    Args:
        base: Runs to compare with; at least one.
        new: Runs that are judged; at least one.
        threshold: Share beyond which a change counts, such as 0.1 for 10 %.
    """
    found = []
    for figure in FIGURES:
        old, now = _side(figure, base), _side(figure, new)
        if old is not None and now is not None:
            ratio = max(now.middle, figure.floor) / max(old.middle, figure.floor)
            verdict = _judge(figure, old, now, ratio, threshold)
            found.append(Comparison(figure, old, now, ratio, verdict))
    return tuple(found)


def _side(figure: Figure, runs: Sequence[Result]) -> Side | None:
    values = [(value, run) for run in runs if (value := figure.value_of(run)) is not None]
    if not values:
        return None
    numbers = tuple(value for value, _ in values)
    low, high = min(numbers), max(numbers)
    if len(values) == 1 and (alone := figure.range_of(values[0][1])) is not None:
        low, high = min(low, alone[0]), max(high, alone[1])
    return Side(numbers, low / _BUCKET_RATIO if figure.bucketed else low, high)


def _judge(figure: Figure, base: Side, new: Side, ratio: float, threshold: float) -> Verdict:
    growth = ratio if not figure.more_is_better else 1 / ratio
    if 1 / (1 + threshold) <= growth <= 1 + threshold:
        return "same"
    if base.low <= new.high and new.low <= base.high:
        return "noise"
    return "worse" if growth > 1 else "better"


def _percentile_figure(measure: Measure, percent: int, floor: float) -> Figure:
    def value_of(result: Result) -> float | None:
        found = distribution(result.totals, measure)
        value: float = getattr(found, f"p{percent}")
        return value if found.n else None

    def range_of(result: Result) -> Range | None:
        values = observations(result, measure)
        if not values:
            return None
        found = percentile_of(values, percent)
        return (
            -math.inf if found.low is None else found.low,
            math.inf if found.high is None else found.high,
        )

    name = f"{measure.title}, p{percent}"
    return Figure(name, floor, value_of, lambda value: f"{ms_text(value)} ms", range_of=range_of)


def _failed_share(result: Result) -> float | None:
    return result.totals.failed_turns / result.totals.turns if result.totals.turns else None


def _failed_range(result: Result) -> Range | None:
    return share_interval(result.totals.failed_turns, result.totals.turns)


def _underrun_share(result: Result) -> float | None:
    totals = result.totals
    return totals.replies_with_underruns / totals.turns if totals.turns else None


def _underrun_range(result: Result) -> Range | None:
    return share_interval(result.totals.replies_with_underruns, result.totals.turns)


def _knee(result: Result) -> float | None:
    """0 of a ramp whose first step broke a bound already."""
    broken = len(result.steps) > 1 and not result.steps[0].held
    return 0 if result.knee is None and broken else result.knee


def _core_per_session(result: Result) -> float | None:
    """At the knee, or of the last step that knows it."""
    known = [step for step in result.steps if step.cpu_per_session is not None]
    at_knee = [step for step in known if step.sessions == result.knee]
    return next((step.cpu_per_session for step in reversed(at_knee or known)), None)


def _slope(result: Result) -> float | None:
    slope = result.server.rss_slope_bytes_per_hour
    return None if slope is None else max(0.0, slope)


def _figures() -> tuple[Figure, ...]:
    # Floors: what a listener or an operator would not notice, and clocks hardly resolve.
    floors = {"overhead_ms": 0.5, "longest_gap_ms": 20.0}
    latencies = [
        _percentile_figure(measure, percent, floors.get(measure.name, 5.0))
        for measure in MEASURES
        for percent in (50, 95)
    ]
    return (
        *latencies,
        Figure("failed turns", 0.005, _failed_share, share_text, range_of=_failed_range),
        Figure("turns with underruns", 0.01, _underrun_share, share_text, range_of=_underrun_range),
        Figure("word errors", 0.01, lambda result: result.totals.wer, share_text),
        Figure("sessions at the knee", 1.0, _knee, number_text, True),
        Figure(
            "sessions per core", 1.0, lambda result: result.sessions_per_core, number_text, True
        ),
        Figure("core per session", 1e-4, _core_per_session, number_text),
        Figure(
            "server's loop lag, p99",
            1.0,
            lambda result: result.server.loop_lag_p99_ms,
            lambda value: f"{ms_text(value)} ms",
            bucketed=True,
        ),
        Figure(
            "interruption detected to last frame sent, p95",
            5.0,
            lambda result: result.server.interrupt_stop_p95_ms,
            lambda value: f"{ms_text(value)} ms",
            bucketed=True,
        ),
        Figure(
            "server's peak memory",
            _MEBIBYTE,
            lambda result: result.server.rss_peak_bytes,
            bytes_text,
        ),
        Figure("server's memory, growth per hour", 4 * _MEBIBYTE, _slope, bytes_text),
        Figure(
            "bytes up per second and session",
            100.0,
            lambda result: result.totals.bytes_up_per_s or None,
            bytes_text,
        ),
        Figure(
            "bytes down per second and session",
            100.0,
            lambda result: result.totals.bytes_down_per_s or None,
            bytes_text,
        ),
    )


FIGURES: Final = _figures()
"""All of them, in the order in which they are shown."""
