"""Results survive being written down."""

import json
import math

import pytest

from benchmarks.results import (
    SCHEMA_VERSION,
    Bound,
    Distribution,
    Fault,
    Interruption,
    Machine,
    Result,
    ServerSample,
    SessionRecord,
    StableWord,
    Step,
    TurnRecord,
    from_json,
    to_json,
)

TURN = TurnRecord(
    session=0,
    index=1,
    step=0,
    kind="spoken",
    utterance="sum",
    codec="opus/16000/20",
    onset_s=1.0,
    end_of_speech_s=2.0,
    detected_stop_s=2.3,
    first_audio_s=2.5,
    stable_words=(StableWord("what", 1.2, 1.5),),
    stages_ms={"llm_ttft_ms": 12.5},
    interruption=Interruption(900.0, 4.0, 4.2, 4.25, 4.24, 4.26, 0),
)


def result(**changes):
    return Result(
        scenario="smoke",
        settings={"sessions": {"count": 2}},
        command="parley bench smoke",
        began_at="2026-01-01T00:00:00+00:00",
        duration_s=10.0,
        machine=Machine("a processor", 2, None, "Linux", 0.5),
        versions={"parley": "0.1.0"},
        url="ws://127.0.0.1:1/v1/native",
        served=True,
        **changes,
    )


def test_a_result_comes_back_from_json_as_it_was():
    written = result(
        turns=(TURN,),
        sessions=(SessionRecord(0, 0, "opus/16000/20", outcome="refused", code=503),),
        steps=(Step(0, 1.0, 2.0, 2, latency_ms=Distribution.of([1.0, 2.0]), bounds=(BROKEN,)),),
        samples=(ServerSample(1.0, 2, 0.5, 1024, None, 0.1, {"voice": 1}, {"voice": 0.25}),),
        faults=(Fault(1.5, "disconnect", 0, "as planned"),),
    )
    read = from_json(json.loads(json.dumps(to_json(written))))
    assert read == written
    assert not read.steps[0].held
    assert read.turns[0].interruption is not None
    assert read.turns[0].first_audio_ms == pytest.approx(500)


BROKEN = Bound("loop_lag_p99_ms", 20.0, 35.0, broken=True)


def test_infinite_numbers_are_written_as_null():
    written = to_json(result(bounds=(Bound("latency_ratio", 1.25, math.inf, broken=True),)))
    assert written["bounds"][0]["measured"] is None
    assert json.loads(json.dumps(written, allow_nan=False)) == written


@pytest.mark.parametrize("values", [{}, {"schema": SCHEMA_VERSION + 1}, {"schema": SCHEMA_VERSION}])
def test_what_is_no_result_of_this_schema_is_refused(values):
    with pytest.raises(ValueError, match=r"schema|no result"):
        from_json(values)


def test_fields_of_a_later_version_are_passed_over():
    later = {**to_json(result()), "moon_phase": 0.5}
    assert from_json(later) == result()


def test_percentiles_are_the_nearest_rank_and_ignore_what_did_not_happen():
    found = Distribution.of([None, *map(float, range(1, 101)), None])
    assert (found.n, found.min, found.p50, found.p95, found.p99, found.max) == (
        100, 1, 50, 95, 99, 100,
    )  # fmt: skip
    assert found.mean == pytest.approx(50.5)
    assert Distribution.of([]) == Distribution()


def test_durations_are_none_where_an_end_is_missing():
    assert TURN.hang_over_ms == pytest.approx(300)
    assert TURN.first_audible_ms is None
    assert TURN.interruption.detected_ms == pytest.approx(250)
