"""Measuring a profile that is installed, and that its figures go before scaled ones."""

from dataclasses import replace

import pytest

from gateway.provisioning.calibration import UNMEASURED
from gateway.provisioning.installed import measure_installed
from gateway.provisioning.recommend import candidate
from pipeline.models import Catalogue
from tests.gateway.provisioning.test_fitting import COSTS

pytestmark = pytest.mark.engines


def test_what_was_measured_here_goes_before_what_was_scaled():
    profile = Catalogue.load().profile("starter")
    steps = []
    measured = measure_installed(profile, seconds=0.2, report=steps.append)
    assert steps == [profile.recognizer.id, profile.language_model.id, profile.voice.id]
    assert 0 < measured.recognition.partial < 10
    assert measured.language.prefill > measured.language.decode > 10
    assert 0 < measured.speech.real_time_factor < 1
    found = candidate(profile, COSTS, UNMEASURED, measured)
    assert found.recognition == measured.recognition
    assert found.language == measured.language
    assert found.speech == measured.speech
    other = candidate(replace(profile, voice=replace(profile.voice, id="x")), COSTS, UNMEASURED,
                      measured)  # fmt: skip
    assert other.speech != measured.speech
