"""Axes: round values, nothing outside, no peak lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from benchmarks.reports.scales import Axis, axis_over, thin, ticks, time_axis

numbers = some.floats(-1e9, 1e9, allow_nan=False).filter(lambda value: abs(value) > 1e-6)


@pytest.mark.parametrize(
    ("low", "high", "values"),
    [
        (0, 10, (0, 2, 4, 6, 8, 10)),
        (0, 0.7, (0, 0.2, 0.4, 0.6)),
        (3, 97, (20, 40, 60, 80)),
        (-30, 20, (-30, -20, -10, 0, 10, 20)),
    ],
)
def test_ticks_are_round_and_inside(low, high, values):
    assert ticks(low, high) == values


@pytest.mark.parametrize(
    ("values", "bounds"),
    [
        ([480, 613], (0, 800)),
        ([0.3], (0, 0.3)),
        ([], (0, 1)),
        ([0, 0], (0, 1)),
        ([-5, 5], (-6, 6)),
        ([float("inf"), 4], (0, 4)),
    ],
)
def test_an_axis_ends_at_a_round_value_and_begins_at_nought(values, bounds):
    axis = axis_over(values)
    assert (axis.low, axis.high) == pytest.approx(bounds)


def test_an_axis_may_begin_near_its_values():
    axis = axis_over([151, 158], from_zero=False)
    assert (axis.low, axis.high) == (150, 158)
    same = axis_over([100.0, 100.0], from_zero=False)
    assert same.low < 100 < same.high


@given(some.lists(numbers, min_size=1, max_size=20))
def test_every_value_lies_on_its_axis(values):
    axis = axis_over(values)
    slack = (axis.high - axis.low) * 1e-6
    assert axis.low - slack <= min(values)
    assert max(values) <= axis.high + slack
    assert all(axis.low - slack <= value <= axis.high + slack for value, _ in axis.labels())
    assert 0 < len(axis.labels()) <= 12


def test_values_are_placed_between_the_ends_and_never_beyond():
    axis = Axis(100, 200)
    assert [axis.place(value, 10, 30) for value in (100, 150, 200, 50, 900)] == [10, 20, 30, 10, 30]
    assert axis.place(200, 30, 10) == 10


def test_labels_are_in_the_unit_that_is_shown():
    mebibytes = axis_over([150 << 20, 300 << 20], unit="MiB", divisor=1 << 20)
    assert mebibytes.labels()[-1] == (300 << 20, "300")
    assert [time_axis(seconds).unit for seconds in (0, 100, 1000, 100_000)] == [
        "s",
        "s",
        "min",
        "h",
    ]
    assert time_axis(600).labels()[1] == (120, "2")


def test_an_axis_that_counts_things_has_no_halves():
    assert [text for _, text in Axis(0, 2, whole=True).labels()] == ["0", "1", "2"]
    assert [text for _, text in Axis(0, 2).labels()] == ["0", "0.5", "1", "1.5", "2"]


def test_absurd_values_make_no_absurd_axis():
    for values in ([1e308, -1e308], [1e18, 3.0], [1e-308]):
        assert len(axis_over(values).labels()) <= 12
    assert len(time_axis(1e308).labels()) <= 12


def test_thinning_keeps_peaks_order_and_short_lists():
    points = [(float(x), 1.0) for x in range(10_000)]
    points[5_003] = (5_003.0, 99.0)
    points[7_001] = (7_001.0, -3.0)
    kept = thin(points, columns=100)
    assert len(kept) <= 200
    assert {(5_003.0, 99.0), (7_001.0, -3.0)} <= set(kept)
    assert list(kept) == sorted(kept)
    assert thin(points[:150], columns=100) == tuple(points[:150])
    assert thin([], columns=100) == ()
