"""Which bounds held."""

from dataclasses import replace

import pytest

from benchmarks.load.judging import judge_run, judge_step, knee, limited_by
from benchmarks.load.scenario import load_scenario, parse_scenario
from benchmarks.results import Bound, Distribution, SessionRecord, Step, Totals

CAPACITY = load_scenario("capacity")


def step(index=0, sessions=10, *, p95=800.0, failed=0, lag=10.0, client=0.3, turns=1000, away=0):
    return Step(
        index,
        0.0,
        10.0,
        sessions,
        sessions_open=sessions - away,
        turns=turns,
        failed_turns=failed,
        latency_ms=Distribution.of([p95] * 20),
        loop_lag_p99_ms=lag,
        client_cores=client,
    )


def broken(one, unloaded=None):
    bounds = judge_step(one, unloaded or step(), CAPACITY)
    return [bound.name for bound in bounds if bound.broken]


def test_a_step_at_its_bounds_holds_them():
    assert broken(step(p95=1000.0, failed=5, lag=20.0, client=0.7)) == []


@pytest.mark.parametrize(
    ("one", "name"),
    [
        (step(p95=1001.0), "latency_ratio"),
        (step(failed=6), "failed_turns"),
        (step(lag=50.0), "loop_lag_p99_ms"),
        (step(lag=float("inf")), "loop_lag_p99_ms"),
        (step(client=0.71), "client_core"),
        (step(away=1), "sessions_open"),
    ],
)
def test_a_step_beyond_a_bound_breaks_it_and_no_other(one, name):
    assert broken(one) == [name]


def test_a_step_without_a_turn_holds_nothing():
    assert broken(step(turns=0)) == ["failed_turns"]


def test_what_was_not_measured_breaks_nothing():
    bounds = judge_step(step(lag=None), step(), CAPACITY)
    lag = next(bound for bound in bounds if bound.name == "loop_lag_p99_ms")
    assert (lag.measured, lag.broken) == (None, False)
    assert "not measured" in lag.note


def test_without_bounds_nothing_is_judged():
    assert judge_step(step(failed=1000), step(), parse_scenario("free", "")) == ()


def test_the_knee_lies_before_the_first_step_that_broke():
    bad = (Bound("latency_ratio", 1.25, 2.0, broken=True),)
    steps = [step(0, 2), step(1, 10), replace(step(2, 20), bounds=bad), step(3, 30)]
    assert knee(steps) == 10
    assert limited_by(steps) == "latency_ratio"
    assert knee(steps[2:]) is None
    assert knee(steps[:2]) == 10
    assert limited_by(steps[:2]) is None


def test_exactly_the_excess_has_to_be_refused_with_503():
    shed = load_scenario("shed", ["server.max_sessions=2", "sessions.ramp=[2, 4]"])

    def sessions(*codes):
        return [SessionRecord(0, 0, "x", outcome="refused", code=code) for code in codes]

    def verdict(*codes):
        bounds = judge_run(shed, Totals(), sessions(*codes))
        return [bound.name for bound in bounds if bound.broken]

    assert verdict(503, 503) == []
    assert verdict(503) == ["refused_excess"]
    assert verdict(503, 503, 503) == ["refused_excess"]
    assert verdict(503, 503, 401) == ["refused_otherwise"]


def test_a_hole_in_the_numbers_breaks_completeness():
    smoke = load_scenario("smoke")
    [whole] = judge_run(smoke, Totals(), [])
    [torn] = judge_run(smoke, Totals(sequence_gaps=1), [])
    assert (whole.name, whole.broken, torn.broken) == ("complete", False, True)
