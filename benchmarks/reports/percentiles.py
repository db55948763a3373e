"""Percentiles of the observations themselves, and how far a run of this length can be trusted.

A histogram with a bounded error (HdrHistogram) pays where observations are too many to keep. A
result keeps every turn anyway, so percentiles here are exact: the nearest rank of the sorted list,
without an error from buckets. Only what comes from the server's own Prometheus histograms is a
bucket's edge, and is marked as such in the results.

What a small N cannot tell is told by intervals that hold for any distribution: the binomial law
gives the ranks between which the true percentile lies with 95 % (W. J. Conover, Practical
Nonparametric Statistics, 3rd ed., section 3.2). An end that no observation bounds is None: the
upper one of p99 takes 368 observations, that of p95 takes 72, that of the median 6.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

__all__ = [
    "CONFIDENCE",
    "PERCENTS",
    "Percentile",
    "cumulative",
    "interval_ranks",
    "least_observations",
    "nearest_rank",
    "percentile_of",
    "share_interval",
]

CONFIDENCE: Final = 0.95
PERCENTS: Final = (50.0, 90.0, 95.0, 99.0)

_NORMAL: Final = 1.959964
"""Standard deviations that hold 95 % of a normal distribution."""
_REACH: Final = 12
"""Standard deviations beyond which the binomial law is nought in double precision."""


@dataclass(frozen=True, slots=True)
class Percentile:
    """A percentile of a sample.

    Attributes:
        percent: 0 to 100.
        value: The nearest rank.
        low: With 95 % the true percentile is at least this; None: too few observations to say.
        high: And at most this.
    """

    percent: float
    value: float
    low: float | None
    high: float | None

    @property
    def is_bounded(self) -> bool:
        """Whether there were observations enough for both ends."""
        return self.low is not None and self.high is not None


def nearest_rank(count: int, percent: float) -> int:
    """Rank (from 1) of the smallest of so many values that ``percent`` of them do not exceed."""
    return max(1, math.ceil(count * percent / 100))


def percentile_of(ranked: Sequence[float], percent: float) -> Percentile:
    """A percentile of sorted values, with its interval.

    Raises:
        ValueError: There are no values.
    """
    if not ranked:
        raise ValueError("no values, no percentile")
    low, high = interval_ranks(len(ranked), percent)
    return Percentile(
        percent,
        ranked[nearest_rank(len(ranked), percent) - 1],
        None if low is None else ranked[low - 1],
        None if high is None else ranked[high - 1],
    )


@lru_cache(maxsize=4096)
def interval_ranks(
    count: int, percent: float, confidence: float = CONFIDENCE
) -> tuple[int | None, int | None]:
    """Ranks (from 1) of the values between which the true percentile lies.

    Either tail takes half of what confidence leaves. None where not even the smallest or the
    largest value is sure enough.
    """
    tail, share = (1 - confidence) / 2, percent / 100
    middle, reach = count * share, _REACH * math.sqrt(count * share * (1 - share)) + 1
    begin, end = max(0, math.floor(middle - reach)), min(count, math.ceil(middle + reach))
    low, below = None, 0.0
    for number in range(begin, end + 1):  # below: so many or fewer of the values lie beneath
        below += _binomial(count, number, share)
        if below <= tail:
            low = number + 1
        if below >= 1 - tail:
            return low, number + 1 if number < count else None
    return low, None


def least_observations(percent: float, confidence: float = CONFIDENCE) -> int:
    """How many observations bound a percentile from both sides."""
    tail, rarer = (1 - confidence) / 2, max(percent, 100 - percent) / 100
    return math.ceil(math.log(tail) / math.log(rarer))


def share_interval(hits: int, count: int) -> tuple[float, float]:
    """Between what the true share lies with 95 %; everything where there was nothing to count.

    The score interval of E. B. Wilson (1927), which holds near 0 and 1, too.
    """
    if not count:
        return 0.0, 1.0
    share, square = hits / count, _NORMAL**2
    scale = 1 + square / count
    middle = (share + square / (2 * count)) / scale
    reach = _NORMAL / scale * math.sqrt(share * (1 - share) / count + square / (4 * count**2))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def cumulative(values: Iterable[float], *, most: int = 200) -> tuple[tuple[float, float], ...]:
    """Points (value, per cent of the values that do not exceed it) of the cumulative distribution.

    Starts at 0 per cent; of long lists it takes evenly spaced ranks, at most ``most`` of them, with
    the smallest and the largest.
    """
    ranked = sorted(values)
    if not ranked:
        return ()
    count = len(ranked)
    ranks = {round(1 + (count - 1) * step / (most - 1)) for step in range(most)}
    points = ((ranked[rank - 1], 100 * rank / count) for rank in sorted(ranks))
    return ((ranked[0], 0.0), *points)


def _binomial(count: int, hits: int, share: float) -> float:
    """Probability of exactly so many hits; by logarithms, as factorials of long runs overflow."""
    if share in (0.0, 1.0):
        return float(hits == count * share)
    ways = math.lgamma(count + 1) - math.lgamma(hits + 1) - math.lgamma(count - hits + 1)
    return math.exp(ways + hits * math.log(share) + (count - hits) * math.log1p(-share))
