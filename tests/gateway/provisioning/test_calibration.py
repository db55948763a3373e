"""The calibration runs the starter models and gives plausible numbers."""

import pytest

from gateway.provisioning.calibration import Units, calibrate, compare

pytestmark = pytest.mark.engines


def test_every_engine_is_measured_and_a_machine_is_about_as_fast_as_itself():
    steps = []
    units = calibrate(seconds=0.2, report=steps.append)
    assert steps == ["recognition", "language model", "voice", "memory"]
    assert Units.read(units.rounded()).recognizer == pytest.approx(units.recognizer, rel=1e-3)
    assert 1e8 < units.memory < 1e13
    for seconds in (units.recognizer, units.prefill, units.decode, units.voice):
        assert 1e-5 < seconds < 60
    assert compare(units, units).voice == 1.0
