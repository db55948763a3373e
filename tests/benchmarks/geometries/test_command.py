"""The command measures what it wrote, and writes what a mirror serves."""

import json
from pathlib import Path

import pytest

from benchmarks.geometries import command
from benchmarks.geometries.published import write_catalogue
from benchmarks.geometries.shapes import SMALL
from pipeline.models import Catalogue

pytestmark = pytest.mark.engines


def test_small_models_are_measured_and_earlier_figures_are_kept(tmp_path, capsys):
    output = tmp_path / "geometries.json"
    output.write_text('{"geometries": {"whisper-tiny": {"kind": "recognizer"}}}')
    arguments = ["--small", "--quick", "--dir", str(tmp_path / "cache"), "--output", str(output)]
    assert command.main([*arguments, "--only", "piper-medium", "llama-0.5b"]) == 0
    found = json.loads(output.read_text())
    assert set(found["geometries"]) == {"whisper-tiny", "piper-medium", "llama-0.5b"}
    voice, model = found["geometries"]["piper-medium"], found["geometries"]["llama-0.5b"]
    assert 0 < voice["real_time_factor_cpu"] < 1
    assert model["prefill_tokens_per_cpu_second"] > model["decode_tokens_per_cpu_second"] > 0
    assert model["first_token_cold"]["tokens"] > 300
    assert model["peak_bytes"] >= model["resident_bytes"] > 0
    assert found["threads"] == 1
    assert found["hardware"]["cores"] >= 1
    assert "real-time factor" in capsys.readouterr().out


def test_of_two_measurements_the_lesser_costs_and_the_greater_rates_are_kept():
    old = {
        "final_3s": {"audio": 3.0, "cpu": 0.2, "wall": 0.9}, "decode_tokens_per_second": 30.0,
        "resident_bytes": 5, "memory": 9e9, "gone": 1,
    }  # fmt: skip
    new = {
        "final_3s": {"audio": 3.0, "cpu": 0.3, "wall": 0.4}, "decode_tokens_per_second": 20.0,
        "resident_bytes": 7, "memory": 8e9, "compute_type": "int8",
    }  # fmt: skip
    assert command.better(old, new) == {
        "final_3s": {"audio": 3.0, "cpu": 0.2, "wall": 0.4}, "decode_tokens_per_second": 30.0,
        "resident_bytes": 7, "memory": 9e9, "compute_type": "int8",
    }  # fmt: skip


def test_a_model_that_is_there_is_not_written_again(tmp_path):
    shape = SMALL["piper-medium"]
    path = command.write_model(tmp_path, "piper-medium", shape)
    before = path.stat().st_mtime_ns
    assert command.write_model(tmp_path, "piper-medium", shape) == path
    assert path.stat().st_mtime_ns == before
    (tmp_path / "piper-medium.shape").write_text("half written")
    command.write_model(tmp_path, "piper-medium", shape)
    assert path.stat().st_mtime_ns > before


def test_an_engine_that_fails_is_one_line(tmp_path, capsys):
    shape = SMALL["piper-medium"]
    path = command.write_model(tmp_path / "small", "piper-medium", shape)
    path.write_bytes(b"no model")
    arguments = ["--small", "--quick", "--only", "piper-medium", "--dir", str(tmp_path)]
    assert command.main([*arguments, "--output", str(tmp_path / "out.json")]) == 2
    assert "measuring piper-medium failed" in capsys.readouterr().err
    assert not (tmp_path / "out.json").exists()


def test_a_catalogue_lists_files_where_a_mirror_serves_them(tmp_path):
    path = write_catalogue(tmp_path, quick=True)
    catalogue = Catalogue.load(path)
    profile = catalogue.profile("cpu-2")
    real = Catalogue.load().profile("cpu-2")
    assert [model.id for model in profile.models] == [
        real.recognizer.id, real.language_model.id, real.voice.id,
    ]  # fmt: skip
    for model in profile.models:
        twin = Catalogue.load().model(model.id)
        assert model.geometry == twin.geometry
        assert {part.name for part in model.files} == {part.name for part in twin.files}
        for part in model.files:
            assert model.source.path_of(part) == twin.source.path_of(part)
            served = tmp_path / model.source.path_of(part)
            assert served.stat().st_size == part.bytes


@pytest.mark.skipif(not command.RESULTS.is_file(), reason="nothing was measured yet")
def test_the_figures_that_are_checked_in_are_whole():
    found = json.loads(Path(command.RESULTS).read_text())
    assert {"hardware", "date", "versions", "geometries"} <= set(found)
    named = {model.geometry for model in Catalogue.load().models} - {""}
    assert named <= set(found["geometries"])
