"""Engines are measured through their interfaces; the real ones on the starter models."""

import pytest

from benchmarks.sizing.engines import (
    Place,
    measure_detector,
    measure_language_model,
    measure_recognizer,
    measure_voice,
)
from gateway.config import load
from gateway.engine_loading import load_language_model, load_recognizer, load_voice, place
from gateway.provisioning.hardware import read_hardware
from gateway.provisioning.profiles import installed_profile

PLACE = Place("x", "cpu", 2)


@pytest.fixture(scope="module")
def starter():
    config = load({"models.profile": "starter"}, environment={})
    return installed_profile(config), place(config, read_hardware())


@pytest.mark.engines
def test_a_recognizer_s_finals_and_partials_are_told_apart(starter):
    profile, placement = starter
    recognizer = load_recognizer(profile.recognizer, placement, profile.languages)
    found = measure_recognizer(recognizer, PLACE, language="en", rounds=1)
    assert (found.model, found.device, found.workers) == ("x", "cpu", 2)
    assert 1 < found.utterance_s < 4
    assert min(found.partials_s, found.final_s, found.partials_cpu_s, found.final_cpu_s) > 0


@pytest.mark.engines
def test_a_language_model_s_first_token_and_the_others_are_told_apart(starter):
    profile, placement = starter
    model = load_language_model(profile.language_model, placement)
    try:
        found = measure_language_model(model, PLACE, rounds=1)
    finally:
        model.close()
    assert found.first_token_s > found.token_s > 0
    assert 1 < found.characters_per_token < 10


@pytest.mark.engines
def test_a_voice_is_measured_by_the_second_of_speech(starter):
    profile, placement = starter
    found = measure_voice(load_voice(profile.voice, placement), PLACE, rounds=1)
    assert 0 < found.real_time_cpu < 1
    assert 5 < found.characters_per_s < 40


def test_silence_is_cheaper_to_judge_than_speech():
    found = measure_detector(rounds=2)
    assert 0 < found.silence < found.speech
