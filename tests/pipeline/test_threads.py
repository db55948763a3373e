"""The thread plan, as a table and as properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.threads import NO_SPINNING, EngineThreads, plan_threads

ENGINES = ("recognizer", "language_model", "voice")
CORES = st.integers(1, 512)


@pytest.mark.parametrize(
    ("cores", "recognizer", "language_model", "voice", "loop"),
    [
        (1, (1, 1), (1, 1), (1, 1), 0),
        (2, (1, 1), (1, 1), (1, 1), 0),
        (4, (1, 1), (2, 1), (1, 1), 0),
        (8, (1, 2), (4, 1), (1, 1), 1),
        (16, (1, 4), (9, 1), (1, 2), 1),
        (64, (4, 4), (16, 1), (1, 4), 1),
    ],
)
def test_the_cores_are_divided(cores, recognizer, language_model, voice, loop):
    plan = plan_threads(cores)
    assert plan.recognizer == EngineThreads(*recognizer)
    assert plan.language_model == EngineThreads(*language_model)
    assert plan.voice == EngineThreads(*voice)
    assert plan.loop == loop


@given(CORES, st.sets(st.sampled_from(ENGINES)))
def test_from_three_cores_on_nobody_waits_for_a_core(cores, on_gpu):
    plan = plan_threads(cores, on_gpu=on_gpu)
    assert plan.total <= max(cores, 3)
    for name in ENGINES:
        assert getattr(plan, name).total >= 1


@given(st.integers(1, 511))
def test_another_core_takes_nothing_from_any_engine_but_to_free_the_loop(cores):
    fewer, more = plan_threads(cores), plan_threads(cores + 1)
    assert more.loop >= fewer.loop
    if more.loop == fewer.loop:
        # What cannot be divided goes to the language model, until it makes up another's next share.
        assert more.language_model.total >= fewer.language_model.total - 1
        assert more.voice.total >= fewer.voice.total
        assert more.recognizer.workers >= fewer.recognizer.workers


@given(st.integers(3, 64), st.integers(1, 8), st.integers(1, 8))
def test_what_the_operator_says_is_taken_and_the_others_share_the_rest(cores, own, other):
    plan = plan_threads(cores, recognizer=own, voice=other)
    assert plan.recognizer == EngineThreads(own)
    assert plan.voice == EngineThreads(other)
    assert plan.language_model.threads <= max(1, cores - own - other)


def test_an_engine_on_a_gpu_needs_one_thread_and_leaves_its_cores_to_the_others():
    plan = plan_threads(8, on_gpu={"language_model"})
    assert plan.language_model == EngineThreads(1)
    assert plan.recognizer.total > plan_threads(8).recognizer.total


def test_threads_that_wait_are_told_not_to_spin():
    assert NO_SPINNING["OMP_WAIT_POLICY"] == "PASSIVE"
    assert NO_SPINNING["KMP_BLOCKTIME"] == "0"
