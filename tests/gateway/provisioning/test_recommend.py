"""`parley models recommend`, on this machine without measuring it."""

import argparse
import json

import pytest

from gateway.provisioning import recommend
from gateway.provisioning.costs import _FILE
from pipeline.models import Catalogue

pytestmark = pytest.mark.skipif(not _FILE.is_file(), reason="nothing was measured yet")


@pytest.fixture
def command(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PARLEY_MODELS_STORE", str(tmp_path / "store"))

    def run(*words):
        parser = argparse.ArgumentParser()
        recommend.add_arguments(parser)
        return recommend.run(parser.parse_args(["--no-calibration", *words]))

    return run


def test_it_says_which_profile_and_why(command, capsys):
    assert command() == 0
    shown = capsys.readouterr().out
    assert "fits this machine, because" in shown
    assert "processor" in shown
    assert "this machine was not measured" in shown
    assert "parley use" in shown


def test_it_says_the_same_as_json(command, capsys):
    assert command("--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["profile"] in Catalogue.load().profiles
    assert found["reasons"]
    assert found["hardware"]["cores"] >= 1
    assert found["speeds"]["is_measured"] is False


@pytest.mark.parametrize(
    ("name", "quantization"),
    [
        ("qwen3-0.6b-q8_0", "Q8_0"),
        ("qwen3-4b-instruct-2507-q4_k_m", "Q4_K_M"),
        ("starter-language-model", "Q8_0"),
        ("whisper-base", "unknown quantisation"),
    ],
)
def test_the_quantisation_is_read_from_the_file_s_name(name, quantization):
    assert recommend._quantization(Catalogue.load().model(name)) == quantization
