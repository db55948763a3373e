"""Which step comes next."""

import pytest

from benchmarks.load.ramp import next_count

RAMP = (10, 40, 100, 200)


def steps(breaks_above, resolution, ramp=RAMP):
    """All steps of a ramp against a server that breaks above so many devices."""
    outcomes = []
    while (count := next_count(ramp, outcomes, resolution)) is not None:
        outcomes.append((count, count <= breaks_above))
        assert len(outcomes) < 50
    return [count for count, _ in outcomes]


def test_a_ramp_ends_at_the_step_that_breaks():
    assert steps(60, 0.0) == [10, 40, 100]
    assert steps(1000, 0.0) == [10, 40, 100, 200]


def test_the_knee_is_looked_for_between_the_steps():
    assert steps(130, 0.05) == [10, 40, 100, 200, 150, 125, 137, 131]


@pytest.mark.parametrize("knee", range(10, 200, 7))
def test_the_knee_is_found_to_the_resolution(knee):
    tried = steps(knee, 0.05)
    found = max(count for count in tried if count <= knee)
    above = min(count for count in tried if count > knee)
    assert above - found <= max(1, 0.05 * found)
    assert len(tried) <= 4 + 7


def test_a_ramp_that_holds_nothing_ends_at_once():
    assert steps(5, 0.05) == [10]


def test_small_numbers_are_told_apart_by_one():
    assert steps(2, 0.01, ramp=(1, 4)) == [1, 4, 2, 3]
