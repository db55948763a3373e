"""The statistics of the reports."""

from __future__ import annotations

import math

import pytest

from benchmarks.report import Histogram, inline, percentile, summary, surroundings, table

BEFORE = """# HELP parley_loop_lag_seconds Lateness.
# TYPE parley_loop_lag_seconds histogram
parley_loop_lag_seconds_bucket{le="0.001"} 10.0
parley_loop_lag_seconds_bucket{le="0.01"} 10.0
parley_loop_lag_seconds_bucket{le="+Inf"} 10.0
parley_loop_lag_seconds_count 10.0
parley_loop_lag_seconds_sum 0.005
"""
AFTER = """parley_loop_lag_seconds_bucket{le="0.001"} 100.0
parley_loop_lag_seconds_bucket{le="0.01"} 106.0
parley_loop_lag_seconds_bucket{le="+Inf"} 110.0
parley_loop_lag_seconds_count 110.0
parley_loop_lag_seconds_sum 1.005
parley_other_seconds_count 7.0
"""


@pytest.mark.parametrize(("percent", "expected"), [(50, 2), (95, 4), (1, 1), (100, 4), (75, 3)])
def test_percentiles_are_values_that_occurred(percent, expected):
    assert percentile([4, 1, 3, 2], percent) == expected


def test_no_values_have_no_percentile():
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)
    assert summary([]) == {}


def test_a_summary_is_rounded():
    assert summary([1.04, 3.0]) == {"p50": 1.0, "p95": 3.0, "min": 1.0, "max": 3.0}


def test_a_histogram_counts_what_happened_between_two_scrapes():
    lag = Histogram("parley_loop_lag_seconds", BEFORE, AFTER)
    assert lag.count == 100
    assert lag.mean == pytest.approx(0.01)
    assert lag.not_above(50) == 0.001
    assert lag.not_above(95) == 0.01
    assert lag.not_above(99) == math.inf


def test_a_report_holds_only_numbers_that_json_knows():
    lag = Histogram("parley_loop_lag_seconds", BEFORE, AFTER)
    assert lag.milliseconds(50, 99) == {
        "count": 100,
        "mean": 10.0,
        "p50 not above": 1.0,
        "p99 not above": None,
    }
    nothing = Histogram("parley_nothing", BEFORE, AFTER)
    assert nothing.milliseconds(50) == {"count": 0, "mean": None}
    assert inline(lag.milliseconds(99)) == "count 100, mean 10, p99 not above unknown"


def test_a_table_shows_what_is_missing():
    lines = table({"first": {"p50": 1.0}, "second one": {}}, unit="ms")
    assert lines[0].split() == ["p50", "ms"]
    assert lines[1].split() == ["first", "1.0"]
    assert lines[2].split() == ["second", "one", "-"]


def test_a_report_says_where_it_was_made():
    head = surroundings()
    assert list(head) == ["machine", "versions", "date", "command"]
    assert "cores" in head["machine"]
    assert "Python 3." in head["versions"]
    assert head["date"].endswith("UTC")
    assert head["command"].startswith("python -m benchmarks.")
