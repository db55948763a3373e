"""Demands are sums that can be done by hand."""

import pytest

from benchmarks.sizing.demand import LOOP, PROCESSOR, Talk, demands, first_full, fitting
from tests.benchmarks.sizing.sizings import ENGINES, MEDIA

TALK = Talk(user=0.3, reply=0.25, turn_s=3.0)


def found(talk=TALK):
    return {each.part: each for each in demands(ENGINES, MEDIA, talk, cores=4)}


def test_each_part_is_asked_for_what_it_was_measured_to_take():
    parts = found()
    # 0.3 s of speech a second and 0.1 turns a second; 4 tokens for each second of speech.
    assert parts["recognizer"].busy == pytest.approx(0.3 * 0.1 + 0.1 * 0.3)
    assert parts["language model"].busy == pytest.approx(0.1 * 0.06 + 0.25 * 4 * 0.02)
    assert parts["voice"].busy == pytest.approx(0.25 * 0.1)
    assert parts[LOOP].busy == 0.01
    cpu = (0.3 * 0.2 + 0.1 * 0.6) + (0.1 * 0.01 + 1.0 * 0.002) + 0.25 * 0.2 + 0.01
    assert parts[PROCESSOR].busy == pytest.approx(cpu)
    assert {name: each.room for name, each in parts.items()} == {
        "recognizer": 2, "language model": 1, "voice": 1, LOOP: 1, PROCESSOR: 4,
    }  # fmt: skip


def test_the_part_that_is_full_first_says_how_many_fit():
    tightest = first_full(tuple(found().values()))
    assert tightest.part == PROCESSOR
    assert tightest.fits == int(4 / 0.183)
    assert fitting(tuple(found().values()), share=0.5) == int(2 / 0.183)


def test_who_talks_more_takes_more_of_the_recognizer_alone():
    much = found(Talk(user=0.6, reply=0.25, turn_s=3.0))
    assert much["recognizer"].busy == pytest.approx(2 * found()["recognizer"].busy)
    assert much["voice"] == found()["voice"]


def test_twice_as_many_take_twice_as_much():
    recognizer = found()["recognizer"]
    assert recognizer.at(10) == pytest.approx(0.3)
    assert recognizer.at(20) == pytest.approx(0.6)
