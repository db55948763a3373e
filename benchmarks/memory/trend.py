"""A straight line through measurements, with the interval in which its slope lies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist
from typing import Final

__all__ = ["Trend", "student_quantile", "trend"]

_CONFIDENCE: Final = 0.95


@dataclass(frozen=True, slots=True)
class Trend:
    """A slope and how sure it is.

    Attributes:
        slope: Change of y per unit of x, by least squares.
        low: Lower end of the interval in which the slope lies with 95 %; -inf of two points.
        high: Its upper end.
        points: How many measurements there were.
    """

    slope: float
    low: float
    high: float
    points: int


def trend(xs: Sequence[float], ys: Sequence[float]) -> Trend:
    """Least squares, with an interval that bears measurements which depend on each other.

    Resident memory moves in steps: what one sample shows, the next one shows as well. The
    interval therefore counts only as many measurements as the correlation of neighbouring
    residuals leaves, n (1 - r) / (1 + r) (Santer et al., Journal of Geophysical Research 105,
    2000, section 4).

    Args:
        xs: Where; at least two different values.
        ys: What was measured there.

    Raises:
        ValueError: There are fewer than two measurements, or all at one place.
    """
    count = len(xs)
    if count < 2 or count != len(ys):
        raise ValueError(f"{count} places and {len(ys)} values; expected two or more of both")
    middle_x, middle_y = math.fsum(xs) / count, math.fsum(ys) / count
    width = math.fsum((x - middle_x) ** 2 for x in xs)
    if width == 0:
        raise ValueError(f"all {count} measurements were taken at {middle_x:g}")
    slope = math.fsum((x - middle_x) * (y - middle_y) for x, y in zip(xs, ys, strict=True)) / width
    rest = [y - middle_y - slope * (x - middle_x) for x, y in zip(xs, ys, strict=True)]
    reach = _reach(rest, width)
    return Trend(slope, slope - reach, slope + reach, count)


def _reach(rest: Sequence[float], width: float) -> float:
    """Half the interval of a slope whose residuals are ``rest``."""
    squares = math.fsum(each * each for each in rest)
    if squares == 0 and len(rest) > 2:
        return 0.0
    independent = _independent(rest, squares)
    if independent <= 2:
        return math.inf
    error = math.sqrt(squares / (independent - 2) / width)
    return student_quantile(independent - 2) * error


def _independent(rest: Sequence[float], squares: float) -> float:
    """How many independent measurements so many dependent ones are worth."""
    if squares == 0:
        return len(rest)
    neighbours = math.fsum(a * b for a, b in pairwise(rest)) / squares
    correlation = min(max(neighbours, 0.0), 0.99)
    return len(rest) * (1 - correlation) / (1 + correlation)


def student_quantile(freedom: float, confidence: float = _CONFIDENCE) -> float:
    """The two-sided quantile of Student's distribution.

    Exact for one and two degrees of freedom, and to two per mille from three on.

    Args:
        freedom: Degrees of freedom, above 0; fractions are allowed, below one count as one.
        confidence: The part between both quantiles.
    """
    freedom = max(freedom, 1.0)
    tail = 1 - confidence
    if freedom < 2:
        exact_one = 1 / math.tan(math.pi * tail / 2)
        exact_two = math.sqrt(2 / (tail * (2 - tail)) - 2)
        return exact_one + (exact_two - exact_one) * (freedom - 1)
    if freedom == 2:
        return math.sqrt(2 / (tail * (2 - tail)) - 2)
    return _cornish_fisher(freedom, NormalDist().inv_cdf(1 - tail / 2))


def _cornish_fisher(freedom: float, z: float) -> float:
    """Student's quantile from the normal one, by the expansion in powers of 1 / freedom.

    Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.5.
    """
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92_160,
    )
    return z + sum(term / freedom ** (power + 1) for power, term in enumerate(terms))
