import pytest

from benchmarks.peers.figures import BARS, FIGURES, Bar, PeerResult, judge, median, ratio


def result(name, *runs):
    return PeerResult(name, name, runs=runs)


def test_a_figure_is_the_median_of_the_runs_that_have_it():
    own = result("parley", {"x": 3.0}, {}, {"x": 1.0}, {"x": 2.0})
    assert median(own, "x") == 2.0
    assert median(own, "y") is None


def test_a_ratio_is_taken_within_a_run():
    # The machine was twice as slow in the second run, for both.
    own = result("parley", {"x": 1.0}, {"x": 2.0}, {"x": 1.0})
    other = result("pipecat", {"x": 5.0}, {"x": 10.0}, {"x": 6.0})
    assert ratio(other, own, "x") == 5.0


def test_a_ratio_to_nothing_is_none():
    assert ratio(result("a", {"x": 5.0}), result("b", {"x": 0.0}), "x") is None
    assert ratio(result("a", {"x": 5.0}), result("b", {}), "x") is None
    assert ratio(result("a", {}, {"x": 5.0}), result("b", {"x": 1.0}), "x") is None


@pytest.mark.parametrize(
    ("value", "verdict"), [(4.9, "missed"), (5.0, "bar"), (9.9, "bar"), (10.0, "stretch")]
)
def test_more_is_better_where_at_least_so_much_is_wanted(value, verdict):
    bar = Bar("sessions", "x", 5, 10, "pipecat", is_least=True)
    results = {"parley": result("parley", {"x": value}), "pipecat": result("pipecat", {"x": 1.0})}
    assert judge(bar, results, "parley") == (value, verdict)


@pytest.mark.parametrize(
    ("value", "verdict"), [(3.1, "missed"), (3.0, "bar"), (2.0, "stretch"), (-1.0, "stretch")]
)
def test_less_is_better_otherwise(value, verdict):
    bar = Bar("overhead", "x", 3, 2)
    assert judge(bar, {"parley": result("parley", {"x": value})}, "parley") == (value, verdict)


def test_what_was_not_run_is_not_judged():
    against = Bar("frames", "x", 3, 2, "floor", "y")
    assert judge(against, {}, "parley") == (None, "not measured")
    own = {"parley": result("parley", {"x": 1.0})}
    assert judge(against, own, "parley") == (None, "not measured")
    assert judge(Bar("z", "z", 3, 2), own, "parley") == (None, "not measured")


def test_every_bar_is_about_a_figure_of_the_table():
    known = {figure.id for figure in FIGURES}
    assert {bar.figure for bar in BARS} <= known
    assert {bar.their_figure for bar in BARS} - {""} <= known
