"""Slopes and the intervals in which they lie."""

import math
import random

import pytest

from benchmarks.memory.trend import student_quantile, trend


def test_a_straight_line_has_its_slope_for_certain():
    found = trend([0, 10, 20, 30], [5, 25, 45, 65])
    assert (found.slope, found.low, found.high, found.points) == (2.0, 2.0, 2.0, 4)


def test_two_points_promise_nothing():
    found = trend([0, 1], [0, 3])
    assert found.slope == 3
    assert found.low == -math.inf


@pytest.mark.parametrize(("xs", "ys"), [([1], [1]), ([2, 2], [1, 5]), ([1, 2], [1])])
def test_what_makes_no_line_is_refused(xs, ys):
    with pytest.raises(ValueError, match=r"expected two|all 2 measurements"):
        trend(xs, ys)


def test_the_interval_holds_the_true_slope_about_as_often_as_it_says():
    draw = random.Random(7)
    xs = list(range(20))
    held = 0
    for _ in range(400):
        found = trend(xs, [3 * x + draw.gauss(0, 10) for x in xs])
        held += found.low <= 3 <= found.high
    assert 0.9 <= held / 400 <= 0.99


def test_measurements_that_repeat_each_other_count_less():
    noise = [random.Random(seed).gauss(0, 1) for seed in range(20)]
    alone = trend(range(20), noise)
    stairs = trend(range(80), [noise[place // 4] for place in range(80)])
    fresh = trend(range(80), [random.Random(seed).gauss(0, 1) for seed in range(80)])
    assert stairs.high - stairs.low > 1.5 * (fresh.high - fresh.low)
    assert stairs.high - stairs.low > 0.15 * (alone.high - alone.low)


@pytest.mark.parametrize(
    ("freedom", "table"),
    [(1, 12.706), (2, 4.303), (3, 3.182), (5, 2.571), (10, 2.228), (30, 2.042), (1e6, 1.960)],
)
def test_student_s_quantiles_are_those_of_the_tables(freedom, table):
    assert student_quantile(freedom) == pytest.approx(table, rel=2e-3)
