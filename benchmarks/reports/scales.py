"""Where a value stands in a chart, and at which round values an axis is labelled."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.reports.quantities import number_text

__all__ = ["Axis", "Point", "axis_over", "thin", "ticks", "time_axis"]

Point = tuple[float, float]

_WIDEST: Final = 1e15
"""Absurd values stay at the edge of their chart: beyond, steps are lost in rounding."""
_MINUTES_FROM_S: Final = 240.0
_HOURS_FROM_S: Final = 4 * 3600.0


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear axis.

    Attributes:
        low: Value at its begin.
        high: Value at its end; above ``low``.
        unit: Shown beside it.
        divisor: Values are shown divided by this.
        whole: Only whole numbers are labelled: the axis counts things.
    """

    low: float
    high: float
    unit: str = ""
    divisor: float = 1.0
    whole: bool = False

    def place(self, value: float, begin: float, end: float) -> float:
        """The position of a value between two positions; values beyond the axis stay at its end."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return begin + share * (end - begin)

    def labels(self, count: int = 5) -> tuple[tuple[float, str], ...]:
        """Round values on the axis and their texts."""
        scaled = ticks(self.low / self.divisor, self.high / self.divisor, count)
        if self.whole:
            scaled = tuple(value for value in scaled if value == round(value))
        return tuple((value * self.divisor, number_text(value, 6)) for value in scaled)


def ticks(low: float, high: float, count: int = 5) -> tuple[float, ...]:
    """About so many round values (1, 2 or 5 times a power of ten apart) from low to high."""
    low, high = _bounded(low), _bounded(high)
    step = _round_step((high - low) / max(1, count))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return tuple(_clean(number * step, step) for number in range(first, last + 1))


def axis_over(
    values: Iterable[float],
    *,
    unit: str = "",
    divisor: float = 1.0,
    from_zero: bool = True,
    count: int = 5,
) -> Axis:
    """An axis that holds all values and ends at a round one; 0 to 1 where there is none."""
    known = [_bounded(value / divisor) for value in values if math.isfinite(value)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    if from_zero:
        low, high = min(0.0, low), max(0.0, high)
    if high - low <= abs(high) * 1e-9:
        low, high = low - (0 if from_zero else abs(low) * 0.05 or 1), high + (abs(high) * 0.05 or 1)
    step = _round_step((high - low) / count)
    floor, ceiling = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    return Axis(_clean(floor, step) * divisor, _clean(ceiling, step) * divisor, unit, divisor)


def time_axis(duration_s: float) -> Axis:
    """Seconds from 0 on, shown in seconds, minutes or hours."""
    end = _bounded(max(duration_s, 1e-3))
    if end >= _HOURS_FROM_S:
        return Axis(0.0, end, "h", 3600.0)
    if end >= _MINUTES_FROM_S:
        return Axis(0.0, end, "min", 60.0)
    return Axis(0.0, end, "s")


def thin(points: Sequence[Point], columns: int = 360) -> tuple[Point, ...]:
    """At most two points for each of so many columns: its lowest and its highest.

    No peak gets lost, however long the run was. Points come sorted by x, and stay so.
    """
    if len(points) <= 2 * columns:
        return tuple(points)
    begin, span = points[0][0], points[-1][0] - points[0][0] or 1.0
    found: dict[int, list[Point]] = {}
    for point in points:
        column = min(columns - 1, int((point[0] - begin) / span * columns))
        found.setdefault(column, []).append(point)
    return tuple(point for column in found.values() for point in _ends(column))


def _bounded(value: float) -> float:
    return min(max(value, -_WIDEST), _WIDEST)


def _ends(column: Sequence[Point]) -> list[Point]:
    ends = {min(column, key=lambda point: point[1]), max(column, key=lambda point: point[1])}
    return sorted(ends)


def _round_step(rough: float) -> float:
    if rough <= 0 or not math.isfinite(rough):
        return 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))


def _clean(value: float, step: float) -> float:
    """Without the dust of binary fractions."""
    return round(value, max(0, 2 - math.floor(math.log10(step)))) + 0.0
