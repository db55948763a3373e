"""Numbers as people read them."""

import math

import pytest

from benchmarks.reports.quantities import (
    bytes_text,
    duration_text,
    ms_text,
    number_text,
    ratio_text,
    share_text,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (0.00012345, "0.000123"), (1.0, "1"), (12.345, "12.3"), (99.96, "100"),
        (1234.5, "1,234"), (1e7, "10,000,000"), (-2.5, "-2.5"), (math.inf, "unlimited"),
        (math.nan, "-"),
    ],
)  # fmt: skip
def test_numbers_have_three_digits_and_no_exponent(value, text):
    assert number_text(value) == text


def test_units():
    assert [ms_text(each) for each in (None, 0.0, 0.0676, 1.234, 99.4, 1234.5)] == [
        "-", "0", "0.07", "1.23", "99.4", "1,234",
    ]  # fmt: skip
    assert [bytes_text(each) for each in (None, 0, 1023, 1536, 3 << 30, -2048)] == [
        "-", "0 B", "1,023 B", "1.5 KiB", "3 GiB", "-2 KiB",
    ]  # fmt: skip
    assert [duration_text(each) for each in (0.5, 119, 120, 7199, 7200)] == [
        "0.5 s", "119 s", "2 min", "120 min", "2 h",
    ]  # fmt: skip
    assert [share_text(each) for each in (None, 0.0, 0.005, 1.0)] == ["-", "0 %", "0.5 %", "100 %"]
    assert [ratio_text(each) for each in (None, 1.0, math.inf)] == ["-", "1.00 ×", "unlimited"]
