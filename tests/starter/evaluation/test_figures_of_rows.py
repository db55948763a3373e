import numpy as np
import pytest

from starter.evaluation.figures import Figure, count, difference, ratio, relative, share
from starter.evaluation.rows import ROWS
from starter.evaluation.table import markdown, remarks, shown

ROW = next(row for row in ROWS if row.key == "wer-rms")
RELATIVE = next(row for row in ROWS if row.key == "voice-clear")
SILENCE = next(row for row in ROWS if row.key == "silence")


def test_a_rate_is_the_sum_of_errors_over_the_sum_of_sizes():
    figure = ratio(ROW, [1, 0, 1], [4, 6, 10], times=100)
    assert figure.value == pytest.approx(10)
    assert figure.items == 3


def test_the_interval_holds_the_value_and_is_the_same_every_time():
    errors = np.random.default_rng(3).integers(0, 2, 200).tolist()
    figure = ratio(ROW, errors, [8] * 200, times=100)
    assert figure.low is not None
    assert figure.high is not None
    assert figure.low < figure.value < figure.high
    # A binomial of 200 items has a standard error of 3.5 points; an eighth of it here.
    assert figure.high - figure.low == pytest.approx(2 * 1.96 * 3.5 / 8, rel=0.15)
    assert ratio(ROW, errors, [8] * 200, times=100) == figure


def test_items_that_all_agree_leave_no_doubt():
    figure = share(ROW, [True] * 40)
    assert (figure.value, figure.low, figure.high) == (100, 100, 100)


def test_a_difference_is_that_of_the_same_items():
    figure = difference(ROW, [1, 2, 3], [1, 2, 3], [10, 10, 10])
    assert (figure.value, figure.low, figure.high) == (0, 0, 0)


def test_a_relative_figure_compares_with_a_reference():
    assert relative(RELATIVE, [2, 4], [1, 3]).value == pytest.approx(1.5)


def test_a_figure_survives_being_written_and_read():
    figure = ratio(ROW, [1, 0, 0], [3, 3, 3], times=100, note="one")
    again = Figure.read(figure.document())
    assert again.document() == figure.document()
    assert again.value == pytest.approx(figure.value, abs=1e-4)


def test_the_table_tells_what_is_met_and_what_is_missed():
    figures = {
        "wer-rms": Figure("wer-rms", 0.6, 240, 0.2, 1.1),
        "silence": count(SILENCE, 0, 100, note="none at all"),
    }
    lines = markdown([ROW, SILENCE], figures, "shipped").splitlines()
    assert (
        lines[2] == "| word error, flite's rms | ≤ 0.5 % | 0.60 | 0.20 … 1.10 | 240 | missed |  |"
    )
    assert lines[3].endswith(" music | ≤ 0 words | 0 |  | 100 | met | none at all |")
    assert markdown([ROW], figures, "measuring").splitlines()[2].endswith("| met |  |")
    assert remarks([ROW, SILENCE], figures) == [f"{SILENCE.title}: none at all"]


def test_nothing_is_shown_as_minus_zero():
    assert shown(ROW, -0.001) == "0.00"
    assert shown(ROW, -0.2) == "-0.20"
