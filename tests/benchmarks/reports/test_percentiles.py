"""Exact percentiles, and what a small N cannot tell."""

import math
import random

import pytest

from benchmarks.reports.percentiles import (
    PERCENTS,
    cumulative,
    interval_ranks,
    least_observations,
    nearest_rank,
    percentile_of,
    share_interval,
)
from benchmarks.results import Distribution


def test_percentiles_agree_with_those_of_the_results():
    values = sorted(random.Random(1).gauss(500, 80) for _ in range(997))
    found = Distribution.of(values)
    exact = [percentile_of(values, percent).value for percent in PERCENTS]
    assert exact == [found.p50, found.p90, found.p95, found.p99]


@pytest.mark.parametrize(
    ("count", "percent", "rank"), [(1, 50, 1), (2, 50, 1), (3, 50, 2), (100, 99, 99), (10, 0, 1)]
)
def test_a_percentile_is_the_nearest_rank(count, percent, rank):
    assert nearest_rank(count, percent) == rank


@pytest.mark.parametrize(
    ("count", "percent", "ranks"),
    [
        (5, 50, (None, None)),
        (6, 50, (1, 6)),
        (20, 50, (6, 15)),  # Conover's table of the sign test: ranks 6 and 15 of 20
        (100, 50, (40, 61)),
        (71, 95, (63, None)),
        (72, 95, (64, 72)),
        (367, 99, (359, None)),
        (368, 99, (360, 368)),
        (1, 50, (None, None)),
    ],
)
def test_intervals_are_those_of_the_binomial_law(count, percent, ranks):
    assert interval_ranks(count, percent) == ranks


@pytest.mark.parametrize(("percent", "count"), [(50, 6), (90, 36), (95, 72), (99, 368), (5, 72)])
def test_so_many_observations_bound_a_percentile(percent, count):
    assert least_observations(percent) == count
    assert None not in interval_ranks(count, percent)
    assert None in interval_ranks(count - 1, percent)


def test_long_runs_have_narrow_intervals_and_do_not_overflow():
    low, high = interval_ranks(1_000_000, 99)
    assert low < 990_000 < high
    assert high - low == pytest.approx(2 * 1.96 * math.sqrt(1e6 * 0.99 * 0.01), rel=0.02)


def test_an_interval_holds_the_true_percentile_as_often_as_it_says():
    draw, hits = random.Random(7), 0
    for _ in range(600):
        found = percentile_of(sorted(draw.random() for _ in range(80)), 90)
        hits += found.low <= 0.9 <= (1.0 if found.high is None else found.high)
    assert hits / 600 >= 0.94


def test_a_percentile_of_few_values_says_that_it_is_unbounded():
    found = percentile_of([1.0, 2.0, 3.0], 99)
    assert (found.value, found.low, found.high, found.is_bounded) == (3.0, 2.0, None, False)
    assert percentile_of([1.0] * 10, 50).is_bounded
    with pytest.raises(ValueError, match="no values"):
        percentile_of([], 50)


def test_shares_have_an_interval_even_if_nothing_happened():
    low, high = share_interval(0, 100)
    assert (low, high) == pytest.approx((0.0, 0.037), abs=0.001)
    assert share_interval(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert share_interval(0, 0) == (0.0, 1.0)
    assert share_interval(10, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)


def test_a_cumulative_distribution_starts_at_none_and_ends_at_all():
    assert cumulative([30.0, 10.0, 20.0, 40.0]) == (
        (10.0, 0.0), (10.0, 25.0), (20.0, 50.0), (30.0, 75.0), (40.0, 100.0),
    )  # fmt: skip
    assert cumulative([5.0]) == ((5.0, 0.0), (5.0, 100.0))
    assert cumulative([]) == ()


def test_a_long_cumulative_distribution_keeps_its_ends():
    points = cumulative(map(float, range(10_000)), most=50)
    assert len(points) == 51
    assert points[1] == (0.0, 0.01)
    assert points[-1] == (9999.0, 100.0)
    assert list(points) == sorted(points)
