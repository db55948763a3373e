import pytest

from benchmarks.peers.rounds import (
    complaints,
    detector_us,
    interruption_figures,
    most,
    turn_figures,
)
from benchmarks.peers.terms import TERMS
from benchmarks.peers.turns import Interruption, Turn
from benchmarks.peers.workloads import Crowd


@pytest.mark.parametrize(
    ("carried", "tried", "found"),
    [
        (200, [85, 100], 100),
        (99, [85, 100], 85),
        (84, [85, 65], 65),
        (64, [85, 65, 45], 45),
        (44, [85, 65, 45], None),
    ],
)
async def test_the_ramp_finds_the_most_sessions_in_three_steps(carried, tried, found):
    seen = []

    async def holds(count):
        seen.append(count)
        return count <= carried

    assert await most(100.0, holds) == found
    assert seen == tried


async def test_the_ramp_tries_one_session_at_least():
    async def holds(count):
        return count == 1

    assert await most(0.2, holds) == 1


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
