"""Measured figures with their uncertainty: bootstrap intervals over a test set's items."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from starter.evaluation.rows import Row

__all__ = ["Figure", "count", "difference", "ratio", "relative", "share"]

_RESAMPLES: Final = 1000
_SEED: Final = 1
_PERCENTILES: Final = (2.5, 97.5)

_Indices: TypeAlias = npt.NDArray[np.intp]
_Counts: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured for a row.

    Attributes:
        row: Its key.
        value: In the row's unit.
        items: How many items it was measured on.
        low: Lower end of the 95 % interval; None where there is none.
        high: Upper end.
        note: What else was found, in a few words.
    """

    row: str
    value: float
    items: int
    low: float | None = None
    high: float | None = None
    note: str = ""

    def document(self) -> dict[str, Any]:
        """Return it for a JSON file, rounded to what the intervals justify."""
        numbers = {"value": self.value, "low": self.low, "high": self.high}
        rounded = {name: None if n is None else round(n, 4) for name, n in numbers.items()}
        return {"row": self.row, **rounded, "items": self.items, "note": self.note}

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """Take up what `document` gave."""
        return cls(**document)


def ratio(
    row: Row, errors: Sequence[float], sizes: Sequence[float], *, times: float = 1, note: str = ""
) -> Figure:
    """Sum of errors over sum of sizes, such as a word error rate; items are resampled.

    Args:
        row: What it is for.
        errors: Of each item, e.g. wrong words.
        sizes: Of each item, e.g. words said.
        times: Factor, 100 for percent.
        note: See `Figure`.
    """
    above, below = _counts(errors), _counts(sizes)

    def statistic(chosen: _Indices) -> _Counts:
        return _quotient(times * above, below, chosen)

    return _figure(row, statistic, len(above), note)


def share(row: Row, right: Sequence[bool], *, note: str = "") -> Figure:
    """Share of right items in percent."""
    return ratio(row, [float(each) for each in right], [1.0] * len(right), times=100, note=note)


def difference(
    row: Row, first: Sequence[float], second: Sequence[float], sizes: Sequence[float]
) -> Figure:
    """Percent of errors of one way less those of another, on the same items."""
    return ratio(row, [a - b for a, b in zip(first, second, strict=True)], sizes, times=100)


def relative(
    row: Row, errors: Sequence[float], reference: Sequence[float], *, note: str = ""
) -> Figure:
    """Errors of one way over those of a reference, on the same items: their sizes cancel out."""
    return ratio(row, errors, reference, note=note)


def count(row: Row, value: float, items: int, *, note: str = "") -> Figure:
    """A figure without an interval: nothing was drawn by chance that could be drawn anew."""
    return Figure(row.key, value, items, note=note)


def _counts(values: Sequence[float]) -> _Counts:
    return np.asarray(values, np.float64)


def _quotient(above: _Counts, below: _Counts, chosen: _Indices) -> _Counts:
    quotient: _Counts = above[chosen].sum(-1) / np.maximum(below[chosen].sum(-1), 1e-9)
    return quotient


def _figure(row: Row, statistic: Callable[[_Indices], _Counts], items: int, note: str) -> Figure:
    random = np.random.default_rng(_SEED)
    drawn = statistic(random.integers(0, items, (_RESAMPLES, items)))
    low, high = (float(each) for each in np.percentile(drawn, _PERCENTILES))
    return Figure(row.key, float(statistic(np.arange(items))), items, low, high, note)
