"""Comparing: regressions are found, noise is not taken for one."""

import dataclasses

import pytest

from benchmarks.reports.comparison import FIGURES, compare_results
from benchmarks.results import ServerTotals, Totals
from tests.benchmarks.reports.runs import ramp, result, run_with


def verdicts(base, new, threshold=0.1):
    return {each.figure.name: each for each in compare_results(base, new, threshold=threshold)}


def latencies(middle, count=100):
    return [middle + (number - count / 2) * 0.2 for number in range(count)]


def group(*middles):
    return [run_with(latencies(middle)) for middle in middles]


def test_a_run_compared_with_itself_is_the_same_in_everything():
    found = compare_results([ramp()], [ramp()], threshold=0)
    assert len(found) > 20
    assert {(each.ratio, each.verdict) for each in found} == {(1.0, "same")}


def test_repeated_runs_that_are_slower_are_a_regression():
    one = verdicts(group(500, 505, 510), group(600, 605, 595))["first audio, p50"]
    assert one.verdict == "worse"
    assert one.ratio == pytest.approx(600 / 505, abs=0.002)
    assert (one.base.low, one.base.high) == pytest.approx((499.8, 509.8))
    assert one.base.noise == pytest.approx(10 / 504.8)


def test_quicker_runs_are_better():
    assert verdicts(group(600, 605), group(500, 505))["first audio, p95"].verdict == "better"


def test_a_change_within_the_threshold_is_the_same_in_both_directions():
    assert verdicts(group(500, 501), group(540, 541))["first audio, p50"].verdict == "same"
    assert verdicts(group(540, 541), group(500, 501))["first audio, p50"].verdict == "same"
    assert verdicts(group(500, 501), group(540, 541), 0.05)["first audio, p50"].verdict == "worse"


def test_runs_that_lie_as_far_apart_as_the_groups_are_noise():
    one = verdicts(group(400, 500, 700), group(600, 650, 690))["first audio, p50"]
    assert one.ratio > 1.1
    assert one.verdict == "noise"


def test_a_single_run_has_the_noise_of_its_number_of_turns():
    few = verdicts([run_with([400, 500, 600])], [run_with([480, 580, 680])])["first audio, p50"]
    assert few.verdict == "noise"
    assert few.base.noise is None
    many = verdicts(group(500), group(580))["first audio, p50"]
    assert many.verdict == "worse"


def test_more_sessions_are_better_and_fewer_worse():
    base, new = result(knee=100, sessions_per_core=90.0), result(knee=80, sessions_per_core=120.0)
    found = verdicts([base], [new])
    assert found["sessions at the knee"].verdict == "worse"
    assert found["sessions per core"].verdict == "better"


def test_a_ramp_whose_first_step_broke_counts_as_no_session():
    broken = dataclasses.replace(ramp(), knee=None, steps=ramp().steps[-2:])
    one = verdicts([ramp()], [broken])["sessions at the knee"]
    assert (one.new.middle, one.verdict) == (0, "worse")
    assert "sessions at the knee" not in verdicts([result()], [result()])


def failed(count, of):
    return result(totals=Totals(turns=of, failed_turns=count))


def test_one_failed_turn_more_is_noise_and_many_are_not():
    assert verdicts([failed(0, 1000)], [failed(1, 1000)])["failed turns"].verdict == "same"
    assert verdicts([failed(0, 50)], [failed(1, 50)])["failed turns"].verdict == "noise"
    assert verdicts([failed(0, 1000)], [failed(40, 1000)])["failed turns"].verdict == "worse"


def test_tiny_figures_are_not_blown_up():
    base = result(server=ServerTotals(loop_lag_p99_ms=0.05))
    new = result(server=ServerTotals(loop_lag_p99_ms=0.9))
    assert verdicts([base], [new])["server's loop lag, p99"].verdict == "same"
    slow = result(server=ServerTotals(loop_lag_p99_ms=9.0))
    assert verdicts([base], [slow])["server's loop lag, p99"].ratio == 9.0


def test_neighbouring_buckets_are_noise_in_groups_too():
    def runs(*edges):
        return [result(server=ServerTotals(loop_lag_p99_ms=edge)) for edge in edges]

    name = "server's loop lag, p99"
    assert verdicts(runs(10), runs(20))[name].verdict == "noise"
    assert verdicts(runs(10, 10, 10), runs(20, 20, 20))[name].verdict == "noise"
    assert verdicts(runs(10, 10, 10), runs(50, 50, 50))[name].verdict == "worse"


def test_the_p95_of_too_few_turns_is_never_a_regression():
    name = "first audio, p95"
    assert verdicts([run_with(latencies(500, 71))], group(900))[name].verdict == "noise"
    assert verdicts([run_with(latencies(500, 72))], group(900))[name].verdict == "worse"


def test_an_underrun_in_one_of_few_replies_is_noise():
    def run(count, of):
        return result(totals=Totals(turns=of, replies_with_underruns=count))

    assert verdicts([run(0, 20)], [run(1, 14)])["turns with underruns"].verdict == "noise"
    assert verdicts([run(0, 400)], [run(40, 400)])["turns with underruns"].verdict == "worse"


def test_what_only_one_side_measured_is_not_compared():
    found = verdicts([ramp()], [result()])
    assert "server's peak memory" not in found
    assert verdicts([result()], [result()]) == {}


def test_figures_have_names_of_their_own_and_floors():
    assert len({figure.name for figure in FIGURES}) == len(FIGURES)
    assert all(figure.floor > 0 for figure in FIGURES)
