"""Reading what was measured, and scaling it."""

import json
from dataclasses import replace

import pytest

from gateway.provisioning.calibration import UNMEASURED, Speeds, Units, compare
from gateway.provisioning.costs import CostBook, read_costs
from pipeline.errors import ModelError
from pipeline.models import Catalogue
from tests.gateway.provisioning.test_fitting import COSTS

UNITS = {"recognizer": 0.02, "prefill": 0.01, "decode": 0.02, "voice": 0.05, "memory": 1e10}


def model(name):
    return Catalogue.load().model(name)


def test_a_measured_geometry_is_taken_as_it_is():
    cost = COSTS.recognition(model("whisper-base"), UNMEASURED)
    assert (cost.final, cost.basis, cost.is_scaled) == (0.14, "whisper-base", False)


def test_another_one_is_scaled_from_the_nearest_in_size():
    cost = COSTS.recognition(model("whisper-medium"), UNMEASURED)
    assert (cost.basis, cost.is_scaled) == ("whisper-small", True)
    assert cost.final == pytest.approx(0.5 * 1_530_571_735 / 486_212_372)
    larger = COSTS.language(model("qwen3-4b-instruct-2507-q4_k_m"), UNMEASURED)
    assert larger.decode == pytest.approx(35 * 639_446_688 / 2_497_280_736)


def test_a_machine_twice_as_fast_costs_half():
    twice = Speeds(2, 2, 2, 2, is_measured=True)
    assert COSTS.recognition(model("whisper-base"), twice).final == pytest.approx(0.07)
    assert COSTS.language(model("qwen3-0.6b-q8_0"), twice).decode == pytest.approx(70)
    assert COSTS.voice(model("kristin-medium"), twice).real_time_factor == pytest.approx(0.04)


def test_a_book_without_the_kind_says_how_to_get_it():
    with pytest.raises(ModelError, match=r"python -m benchmarks\.geometries"):
        CostBook("EPYC", {}).voice(replace(model("kristin-medium"), geometry=""), UNMEASURED)


def test_the_file_is_read_with_the_sizes_of_published_models(tmp_path):
    path = tmp_path / "geometries.json"
    document = {
        "hardware": {"processor": "EPYC"}, "date": "2026-11-21 18:00 UTC",
        "calibration": UNITS, "geometries": dict(COSTS.geometries),
    }  # fmt: skip
    path.write_text(json.dumps(document))
    book = read_costs(Catalogue.load().models, path)
    assert book.machine == "EPYC, 2026-11-21"
    assert book.units == Units(**UNITS)
    assert book.sizes["whisper-base"] > 140_000_000


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"hardware": 1}', json.dumps({"hardware": {"processor": "x"}, "date": "y",
     "geometries": {}, "calibration": {**UNITS, "voice": 0}})],
)  # fmt: skip
def test_a_malformed_file_is_one_error(tmp_path, content):
    path = tmp_path / "geometries.json"
    path.write_text(content)
    with pytest.raises(ModelError, match="malformed"):
        read_costs((), path)


def test_a_missing_file_is_one_error(tmp_path):
    with pytest.raises(ModelError, match="cannot be read"):
        read_costs((), tmp_path / "none.json")


def test_a_language_model_is_as_fast_as_the_slower_of_core_and_memory():
    reference = Units(**UNITS)
    quick_core = replace(reference, decode=0.01, memory=8e9)
    assert compare(quick_core, reference).decode == pytest.approx(0.8)
    quick_memory = replace(reference, decode=0.04, memory=4e10)
    assert compare(quick_memory, reference).decode == pytest.approx(0.5)
    assert compare(reference, reference) == Speeds(1, 1, 1, 1, is_measured=True)
