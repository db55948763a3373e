import pytest

from benchmarks.peers.rounds import (
    Attempt,
    complaints,
    detector_us,
    interruption_figures,
    most,
    turn_figures,
)
from benchmarks.peers.terms import TERMS
from benchmarks.peers.turns import Interruption, Turn
from benchmarks.peers.workloads import Crowd


def server_that_carries(limit, promised):
    """Tries of a server that carries so many, and whose sessions get cheaper as they get more."""
    seen = []

    async def attempt(count):
        seen.append(count)
        return Attempt(count, holds=count <= limit, promised=promised(count))

    return attempt, seen


@pytest.mark.parametrize(
    ("limit", "tried", "found"),
    [
        (500, [43, 72, 108, 150], 150),  # what holds promises more
        (120, [43, 72, 108, 150], 108),
        (100, [43, 72, 108, 90], 90),
        (44, [43, 72, 57, 50], 43),
        (40, [43, 30, 36], 36),
        (10, [43, 30, 21, 15], None),
    ],
)
async def test_the_ramp_goes_where_the_processor_time_points(limit, tried, found):
    promised = {43: 80.0, 72: 120.0, 108: 167.0, 90: 140.0, 150: 170.0}
    attempt, seen = server_that_carries(limit, lambda count: promised.get(count, 60.0))
    best = await most(43, attempt, steps=4)
    assert seen == tried
    assert (best.count if best else None) == found


async def test_the_ramp_stops_where_the_core_is_full():
    attempt, seen = server_that_carries(100, lambda count: 50.0)
    best = await most(43, attempt, steps=4)
    assert best == Attempt(43, holds=True, promised=50.0)
    assert seen == [43]


async def test_the_ramp_tries_one_session_at_least():
    attempt, seen = server_that_carries(0, lambda count: 1.0)
    assert await most(0, attempt, steps=4) is None
    assert seen == [1]


def test_the_overhead_is_what_the_stated_costs_leave():
    figures = turn_figures([Turn(0.0, 0.75, 0.52, 1), Turn(0.0, None, None, 0)], TERMS)
    assert figures["turn.first_audio.p50"] == pytest.approx(750)
    assert figures["turn.overhead.p95"] == pytest.approx(50)
    assert figures["turn.decided.p95"] == pytest.approx(30)


def test_nothing_is_made_of_no_turns():
    assert turn_figures([Turn(0.0, None, None, 0)], TERMS) == {}
    assert interruption_figures([Interruption(0.3, None)]) == {}


def test_audio_after_the_word_is_positive():
    figures = interruption_figures([Interruption(0.3, 0.25), Interruption(0.2, 0.25)])
    assert figures["interrupt.last.p50"] == pytest.approx(200)
    assert figures["interrupt.told.p95"] == pytest.approx(50)


@pytest.mark.parametrize(
    ("client_cpu_s", "late_ms", "said"), [(1.0, 1.0, False), (8.0, 1.0, True), (1.0, 30.0, True)]
)
def test_devices_that_were_the_limit_say_so(client_cpu_s, late_ms, said):
    found = Crowd(4, (), 0, (), 10.0, 2.0, client_cpu_s, late_ms, 0.3)
    assert any("were late themselves" in note for note in complaints(found)) == said
    assert complaints(found) == complaints(found, only_client=True)


def test_failed_turns_and_complaints_of_the_fixed_number_are_notes():
    found = Crowd(4, (), 2, ("gone", "gone"), 10.0, 2.0, 1.0, 1.0, 0.3)
    failed, gone = complaints(found)
    assert failed.startswith("2 of 4 turns failed at the fixed number")
    assert gone == "gone"
    assert complaints(found, only_client=True) == []


def test_the_detector_takes_some_time():
    assert 0 < detector_us(rounds=1) < 10_000
