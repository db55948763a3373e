"""The table of measures against the results that it reads."""

import dataclasses

from benchmarks.load.measurement import totals as summed
from benchmarks.reports.measures import MEASURES, distribution, observations
from benchmarks.results import Distribution, Totals
from tests.benchmarks.reports.runs import failed_turn, ramp, result, turn


def test_every_distribution_of_a_run_is_a_measure():
    fields = {each.name for each in dataclasses.fields(Totals) if each.type == "Distribution"}
    assert {measure.name for measure in MEASURES} == fields


def test_observations_are_what_the_run_summed_up():
    run = ramp()
    sums = summed(run.turns, run.sessions)
    for measure in MEASURES:
        assert distribution(sums, measure) == Distribution.of(observations(run, measure))
        assert observations(run, measure), measure.name


def test_failed_turns_and_what_did_not_happen_do_not_count():
    run = result(turns=(turn(500), failed_turn(), turn(400, first_audible_s=None)))
    values = {measure.name: observations(run, measure) for measure in MEASURES}
    assert [round(value) for value in values["first_audio_ms"]] == [400, 500]
    assert [round(value) for value in values["first_audible_ms"]] == [530]
    assert values["interrupt_detected_ms"] == []
